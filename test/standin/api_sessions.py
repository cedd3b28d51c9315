"""Sessions: list and read."""

import clock
from answers import not_found
from pages import Shelf, by_last


def list_sessions(call):
    active, session_id, room_id = call.flag("active"), call.text("id"), call.text("room_id")
    after, before = call.instant("after"), call.instant("before")
    world = call.world
    shelf = world.sessions if room_id is None else world.sessions_of.get(room_id, Shelf())

    def wanted(session):
        at = clock.read(session.get("created_at"))
        if before is not None and call.filter_before == "timeless" and not at:
            return False
        return ((active is None or bool(session.get("active")) == active)
                and (session_id is None or session["id"] == session_id)
                and (after is None or at >= after) and (before is None or at <= before))

    return by_last(call, shelf, wanted, null=True)


def get_session(call):
    session = call.world.sessions.get(call.part("session_id"))
    if not session:
        raise not_found("Session")
    return session


ROUTES = [
    ("GET", "/sessions", list_sessions),
    ("GET", "/sessions/{session_id}", get_session),
]
