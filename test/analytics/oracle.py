"""What the analytics must answer, worked out the slow way from a world in the API's shape.

Nothing here is clever: times are whole microseconds, and every figure comes
from a loop over instants or over the spans between them.  A world is the
document of GET /_standin/world: {"rooms": [...], "sessions": [...],
"events": [...]}.
"""

from collections import defaultdict
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
import re

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
ORDER = {"track.add.success": 0, "track.update.success": 1, "track.remove.success": 2}
SECOND = 1_000_000
MINUTE = 60 * SECOND


def instant(text):
    """An API timestamp as microseconds since 1970, None where it says "never"."""
    if text in (None, "", "0001-01-01T00:00:00Z"):
        return None
    whole, fraction = re.fullmatch(r"([^.Z]+)(?:\.(\d+))?Z", text).groups()
    seconds = int((datetime.fromisoformat(whole + "+00:00") - EPOCH).total_seconds())
    # rounded to microseconds in binary, halves to even, as PostgreSQL reads it
    return seconds * SECOND + round(float("0." + (fraction or "0")) * SECOND)


def rounded(numerator, denominator, places):
    """A fraction with a fixed number of decimals, as text."""
    value = Decimal(numerator) / Decimal(denominator)
    return str(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def minutes(micros):
    return rounded(micros, MINUTE, 2)


def known(user_id, name, peer_id):
    """A user: what it is known by, and that."""
    for known_by, value in (("user_id", user_id), ("name", name)):
        if value:
            return known_by, value
    return "peer_id", peer_id


class Stay:
    """One peer of one session."""

    def __init__(self, session, peer, now):
        self.id = peer["id"]
        self.user = known(peer.get("user_id"), peer.get("name"), peer["id"])
        self.name = peer.get("name")
        self.role = peer.get("role")
        self.joined = instant(peer.get("joined_at"))
        self.left = instant(peer.get("left_at"))
        self.inside = self.left is None and bool(session["active"])
        if self.left is not None:
            self.end = self.left
        elif session["active"]:
            self.end = now
        else:
            self.end = instant(session.get("updated_at"))
        # A stay that would end before it begins, or whose begin or end nobody
        # knows, has no length.
        if self.joined is not None and (self.end is None or self.end < self.joined):
            self.end = self.joined
        self.begin = self.end if self.joined is None else self.joined
        self.length = 0 if self.end is None else self.end - self.begin

    def open_at(self, at):
        return self.length > 0 and self.begin <= at < self.end


class Session:
    """One session and its stays."""

    def __init__(self, session, now, bots):
        self.id = session["id"]
        self.room = session["room_id"]
        self.active = bool(session["active"])
        self.start = instant(session["created_at"])
        self.updated = instant(session.get("updated_at"))
        self.end = now if self.active else self.updated
        if self.end is None or self.end < self.start:
            self.end = self.start
        self.length = self.end - self.start
        peers = (session.get("peers") or {}).values()
        self.stays = [Stay(session, peer, now) for peer in peers if peer.get("role") not in bots]
        self.bots = {peer["id"] for peer in peers if peer.get("role") in bots}


def sessions(world, now, bots, rooms=None, session_id=None, after=None, before=None):
    """The sessions a call is about; peers of the roles in bots are no persons."""
    found = []
    for raw in world["sessions"]:
        session = Session(raw, now, bots)
        if rooms is not None and session.room not in rooms:
            continue
        if session_id is not None and session.id != session_id:
            continue
        if after is not None and session.start < after:
            continue
        if before is not None and session.start > before:
            continue
        found.append(session)
    return found


def union(stays):
    """How long at least one of the stays was open."""
    edges = sorted({edge for stay in stays if stay.length for edge in (stay.begin, stay.end)})
    return sum(later - earlier for earlier, later in zip(edges, edges[1:])
               if any(stay.open_at(earlier) for stay in stays))


def by_user(stays):
    users = defaultdict(list)
    for stay in stays:
        users[stay.user].append(stay)
    return users


def latest(stays):
    """The stay that began last; of two at once the one that ended last, then the higher id."""
    return max(stays, key=lambda s: (s.joined is not None, s.joined or 0,
                                     s.end is not None, s.end or 0, s.id))


def attendance(chosen):
    rows = []
    for session in chosen:
        for user, stays in by_user(session.stays).items():
            duration = sum(stay.length for stay in stays)
            present = union(stays)
            inside = any(stay.inside for stay in stays)
            joins = [stay.joined for stay in stays if stay.joined is not None]
            ends = [stay.end for stay in stays if stay.end is not None]
            rows.append({
                "session_id": session.id, "room_id": session.room,
                "user_id": user[1], "known_by": user[0],
                "name": latest(stays).name,
                "roles": sorted({stay.role for stay in stays if stay.role}),
                "joins": len(stays),
                "first_joined_at": min(joins, default=None),
                "last_left_at": None if inside else max(ends, default=None),
                "duration": duration, "present": present,
                "minutes": minutes(duration), "present_minutes": minutes(present),
                "share": rounded(min(present, session.length), session.length, 3)
                         if session.length else None,
                "inside": inside,
            })
    return rows


def usage(chosen):
    rows = []
    for session in chosen:
        stays = session.stays
        total = sum(stay.length for stay in stays)
        peak, peak_at = 0, None
        for at in sorted(stay.begin for stay in stays if stay.length):
            together = sum(stay.open_at(at) for stay in stays)
            if together > peak:
                peak, peak_at = together, at
        rows.append({
            "session_id": session.id, "room_id": session.room, "started_at": session.start,
            "ended_at": None if session.active else session.updated,
            "active": session.active, "duration": session.length,
            "peers": len(stays), "users": len(by_user(stays)), "joins": len(stays),
            "participant_time": total, "participant_minutes": minutes(total),
            "peak_peers": peak, "peak_at": peak_at,
        })
    return rows


def concurrency(chosen, step):
    rows = []
    for session in chosen:
        at = session.start
        while at <= session.end:
            inside = [stay for stay in session.stays if stay.open_at(at)]
            rows.append({"session_id": session.id, "at": at, "peers": len(inside),
                         "users": len({stay.user for stay in inside})})
            at += step
    return rows


class Track:
    """One track: on while it is added and not muted, until it ends; a later add begins it anew."""

    def __init__(self, events, leaves):
        events = sorted(events, key=lambda e: (e["at"], ORDER[e["type"]], bool(e["mute"])))
        self.kind = (max((e["track_type"] for e in events if e["track_type"]), default=None),
                     max((e["source"] for e in events if e["source"]), default=None))
        self.spans, self.switches = [], 0
        while events:
            removes = [n for n, e in enumerate(events) if e["type"] == "track.remove.success"]
            if removes:
                self.live(events[:removes[0]], events[removes[0]]["at"])
                events = events[removes[0] + 1:]
                while events and events[0]["type"] != "track.add.success":
                    events.pop(0)
            else:
                self.live([e for e in events if e["at"] <= leaves], leaves)
                events = []

    def live(self, events, end):
        """One life of it: it begins off and ends at that instant."""
        since = None
        for event in events:
            on = not event["mute"]
            if on and since is None:
                since = event["at"]
                self.switches += 1
            elif not on and since is not None:
                self.spans.append(event["at"] - since)
                since = None
                self.switches += 1
        if since is not None:
            self.spans.append(end - since)


def talk_time(world, chosen, bots):
    rows = {}
    for session in chosen:
        listed = {stay.id: stay for stay in session.stays}
        peers = defaultdict(lambda: defaultdict(list))
        for raw in world["events"]:
            data = raw["data"]
            if raw["type"] in ORDER and data.get("session_id") == session.id:
                peers[data["peer_id"]][data["track_id"]].append({
                    "at": instant(raw["timestamp"]), "type": raw["type"], "mute": data.get("mute"),
                    "track_type": data.get("type"), "source": data.get("source"),
                    "user_id": data.get("user_id"), "name": data.get("user_name"),
                    "role": data.get("role")})
        for peer, tracks in peers.items():
            if peer in session.bots:
                continue
            if peer in listed:
                user, leaves = listed[peer].user, listed[peer].left
            else:
                events = [event for events in tracks.values() for event in events]
                if any(event["role"] in bots for event in events):
                    continue
                user = known(max((e["user_id"] for e in events if e["user_id"]), default=None),
                             max((e["name"] for e in events if e["name"]), default=None), peer)
                leaves = None
            for events in tracks.values():
                track = Track(events, session.end if leaves is None else leaves)
                key = (session.id, session.room, user) + track.kind
                row = rows.setdefault(key, {
                    "session_id": session.id, "room_id": session.room,
                    "user_id": user[1], "known_by": user[0],
                    "track_type": track.kind[0], "source": track.kind[1],
                    "on_time": 0, "switches": 0, "longest": 0})
                row["on_time"] += sum(track.spans)
                row["switches"] += track.switches
                row["longest"] = max([row["longest"]] + track.spans)
    return list(rows.values())


def session_peers(chosen_raw):
    """A row a peer object, its values as the API gives them."""
    rows = []
    for session in chosen_raw:
        for peer in (session.get("peers") or {}).values():
            known = {key: peer.get(key) for key in ("id", "user_id", "name", "role")}
            rows.append({**known, "session_id": session["id"], "room_id": session["room_id"],
                         "joined_at": instant(peer.get("joined_at")),
                         "left_at": instant(peer.get("left_at"))})
    return rows
