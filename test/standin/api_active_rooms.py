"""Active rooms: who is inside now, messages to them, removing them, ending the session."""

import clock
from answers import bad_body, not_found, take
from api_rooms import find_room


def find_live(call):
    live = call.world.active.get(find_room(call)["id"])
    if not live:
        raise not_found("Active session")
    return live


def find_peer(call):
    peer = find_live(call)["peers"].get(call.part("peer_id"))
    if not peer:
        raise not_found("Peer")
    return peer


def get_active_room(call):
    live, room = find_live(call), find_room(call)
    session = call.world.sessions.get(live["session_id"])
    return {"id": room["id"], "name": room.get("name"), "customer_id": room.get("customer_id"),
            "session": {"id": session["id"], "created_at": session.get("created_at"),
                        "peers": list(live["peers"])}}


def list_peers(call):
    user_id, role = call.text("user_id"), call.text("role")
    return {"peers": {
        peer_id: {key: value for key, value in peer.items() if key != "tracks"}
        for peer_id, peer in find_live(call)["peers"].items()
        if (user_id is None or peer["user_id"] == user_id)
        and (role is None or peer["role"] == role)}}


def get_peer(call):
    return find_peer(call)


async def update_peer(call):
    peer, live, room = find_peer(call), find_live(call), find_room(call)
    body = await call.read_object()
    given = {name: take(body, name, str) for name in ("name", "role", "metadata")}
    given = {name: value for name, value in given.items() if value is not None}
    if "role" in given and given["role"] not in call.world.roles(room):
        raise bad_body("role not found")
    peer.update(given)
    known = call.world.sessions.get(live["session_id"])["peers"].get(peer["id"])
    if known:
        known.update({name: given[name] for name in ("name", "role") if name in given})
    return peer


def receivers(live, peer_id, role):
    """Peer ids: one peer, else the peers of a role, else everybody."""
    if peer_id:
        if peer_id not in live["peers"]:
            raise not_found("Peer")
        return [peer_id]
    return [peer["id"] for peer in live["peers"].values() if not role or peer["role"] == role]


async def send_message(call):
    live = find_live(call)
    body = await call.read_object()
    message = take(body, "message", str, required=True)
    peer_id, role, kind = (take(body, name, str) for name in ("peer_id", "role", "type"))
    if not message:
        raise bad_body("message is required")
    call.world.messages.append({
        "room_id": call.part("room_id"), "session_id": live["session_id"], "message": message,
        "type": kind, "peer_id": peer_id, "role": role,
        "receivers": receivers(live, peer_id, role), "sent_at": clock.stamp(clock.now())})
    return {"message": "message sent"}


async def remove_peers(call):
    live = find_live(call)
    body = await call.read_object()
    peer_id, role, _ = (take(body, name, str) for name in ("peer_id", "role", "reason"))
    if not (peer_id or role):
        raise bad_body("peer_id or role is required")
    call.world.leave(call.part("room_id"), receivers(live, peer_id, role))
    return {"message": "peer remove request submitted"}


async def end_room(call):
    find_live(call)
    room = find_room(call)
    body = await call.read_object()
    take(body, "reason", str)
    if take(body, "lock", bool):
        room.update(enabled=False, updated_at=clock.stamp(clock.now(), 3))
    call.world.end(room["id"])
    return {"message": "session is ending"}


ROUTES = [
    ("GET", "/active-rooms/{room_id}", get_active_room),
    ("GET", "/active-rooms/{room_id}/peers", list_peers),
    ("GET", "/active-rooms/{room_id}/peers/{peer_id}", get_peer),
    ("POST", "/active-rooms/{room_id}/peers/{peer_id}", update_peer),
    ("POST", "/active-rooms/{room_id}/send-message", send_message),
    ("POST", "/active-rooms/{room_id}/remove-peers", remove_peers),
    ("POST", "/active-rooms/{room_id}/end-room", end_room),
]
