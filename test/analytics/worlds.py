"""Worlds that the analytics are tried on: one for each sentence of their contract, and random ones.

A world is a document for POST /_standin/world: rooms, sessions and events in
the API's own shapes.  Every world has rooms of its own, so that any number of
them can be loaded side by side.
"""

from datetime import datetime, timedelta, timezone
import random
import uuid

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NEVER = ("missing", None, "", "0001-01-01T00:00:00Z")  # the API's ways to say "not yet"


class World:
    """Collects the objects of one world; times are microseconds after its base."""

    def __init__(self, name, seed, ago=timedelta(days=3)):
        self.name = name
        self.random = random.Random(f"{name}/{seed}")
        self.base = (datetime.now(timezone.utc) - ago).replace(microsecond=0)
        self.document = {"rooms": [], "sessions": [], "events": []}
        self.customer = self.id24()
        self.bot_roles = "__internal_recorder"

    def id24(self):
        return f"{self.random.getrandbits(96):024x}"

    def uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def time(self, micros, digits=None):
        """An API timestamp: a fraction of up to nine digits, trailing zeros cut."""
        at = self.base + timedelta(microseconds=micros)
        fraction = f"{at.microsecond:06d}"
        if digits == 9:  # what PostgreSQL rounds away
            fraction += f"{self.random.choice((0, 1, 120, 499)):03d}"
        fraction = fraction.rstrip("0")
        return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "") + "Z"

    def never(self, document, key):
        value = self.random.choice(NEVER)
        if value != "missing":
            document[key] = value

    def room(self):
        room = {"id": self.id24(), "name": f"{self.name}-{len(self.document['rooms'])}-{self.id24()[:6]}",
                "enabled": True, "description": "", "customer_id": self.customer,
                "recording_source_template": False, "template_id": self.id24(), "template": "t",
                "region": "in", "created_at": self.time(-HOUR), "updated_at": self.time(-HOUR),
                "large_room": False}
        self.document["rooms"].append(room)
        return room

    def session(self, room, start=0, end=None):
        """A session; active without an end."""
        session = {"id": self.id24(), "room_id": room["id"], "customer_id": self.customer,
                   "active": end is None, "peers": {},
                   "created_at": self.time(start), "updated_at": self.time(end or start)}
        self.document["sessions"].append(session)
        return session

    def peer(self, session, joined, left=None, user=None, name=None, role="student"):
        """A peer of the session; NULL user or name is told in one of the API's ways."""
        peer = {"id": self.uuid(), "session_id": session["id"], "role": role,
                "joined_at": self.time(joined) if joined is not None else None}
        for key, value in (("user_id", user), ("name", name)):
            if value is not None:
                peer[key] = value
            elif self.random.random() < 0.5:
                peer[key] = self.random.choice(("", None))
        if left is None:
            self.never(peer, "left_at")
        else:
            peer["left_at"] = self.time(left)
        session["peers"][peer["id"]] = peer
        return peer

    def stranger(self, user=None, name=None):
        """A peer that no session lists."""
        return {"id": self.uuid(), "user_id": user, "name": name, "role": "student",
                "joined_at": self.time(0)}

    def event(self, session, peer, track, kind, at, mute=False, media="audio", source="regular"):
        event = {"version": "2.0", "id": self.uuid(), "timestamp": self.time(at, 9),
                 "type": f"track.{kind}.success",
                 "data": {"room_id": session["room_id"], "session_id": session["id"],
                          "room_name": "r", "peer_id": peer["id"],
                          "user_id": peer.get("user_id") or "", "user_name": peer.get("name") or "",
                          "joined_at": peer["joined_at"], "role": peer["role"],
                          "track_id": track, "stream_id": track, "started_at": self.time(at)}}
        if media is not None:
            event["data"].update(type=media, source=source)
        if mute is not None:
            event["data"]["mute"] = mute
        if kind == "remove":
            event["data"]["stopped_at"] = self.time(at)
        self.document["events"].append(event)
        return event

    def track(self, session, peer, *events, **which):
        """A track of a peer; events are (kind, instant) or (kind, instant, mute)."""
        track = self.uuid()
        for event in events:
            self.event(session, peer, track, *event, **which)
        return track


def crafted(seed):
    """A world for each case that the contract names."""
    made = []

    def world(name, **settings):
        made.append(World(name, seed, **settings))
        return made[-1], made[-1].room()

    w, room = world("rejoins and two devices at once")
    s = w.session(room, 0, HOUR)
    w.peer(s, 0, 10 * MINUTE, "ann", "Ann", "teacher")
    w.peer(s, 15 * MINUTE, 20 * MINUTE, "ann", "Ann again", "guest")
    w.peer(s, 5 * MINUTE, 12 * MINUTE, "ann", "Ann's phone", "guest")
    w.peer(s, 6 * MINUTE, 7 * MINUTE, "ann", "Ann's watch", "Zed")
    w.peer(s, 20 * MINUTE, 21 * MINUTE, "ann", "Ann at last", "")
    w.peer(s, 0, HOUR, "bob", "Bob")
    w.peer(s, 1, 300_000 + 1, "tie", "A half of a hundredth of a minute")

    w, room = world("stays of no length and backwards")
    s = w.session(room, 0, 30 * MINUTE)
    w.peer(s, MINUTE, MINUTE, "zero", "Zero")
    w.peer(s, 5 * MINUTE, 4 * MINUTE, "back", "Backwards")
    w.peer(s, 5 * MINUTE, 4 * MINUTE, "both", "Both")
    w.peer(s, 5 * MINUTE, 6 * MINUTE, "both", "Both")
    s = w.session(room, HOUR, HOUR + MINUTE)
    w.peer(s, HOUR, HOUR, "only", "Only one of no length")

    w, room = world("outside of the session's own times")
    s = w.session(room, 0, 10 * MINUTE)
    w.peer(s, -30 * SECOND, 11 * MINUTE, "early", "Early")
    w.peer(s, 2 * MINUTE, 9 * MINUTE, "inner", "Inner")
    s = w.session(room, HOUR, HOUR)
    w.peer(s, HOUR, HOUR + MINUTE, "nolength", "A session of no length")
    s = w.session(room, 2 * HOUR, 2 * HOUR - MINUTE)
    w.peer(s, 2 * HOUR, 2 * HOUR + MINUTE, "negative", "A session that ends before it begins")

    w, room = world("open in an ended session")
    s = w.session(room, 0, 20 * MINUTE)
    w.peer(s, MINUTE, None, "open", "Open")
    w.peer(s, 21 * MINUTE, None, "late", "Joined after the end")
    w.peer(s, 2 * MINUTE, 3 * MINUTE, "open", "Open, closed")

    w, room = world("inside now", ago=timedelta(minutes=30))
    s = w.session(room, 0)
    w.peer(s, MINUTE, None, "in", "In")
    w.peer(s, 2 * MINUTE, 4 * MINUTE, "in", "In and out")
    w.peer(s, 3 * MINUTE, 4 * MINUTE, "out", "Out")
    ahead = w.peer(s, 5 * HOUR, None, "future", "Clock ahead")
    w.track(s, ahead, ("add", 0))
    still = w.peer(s, 10 * MINUTE, None, "still", "Still on")
    w.track(s, still, ("add", 10 * MINUTE))
    w.track(s, still, ("add", 10 * MINUTE, True), ("update", 11 * MINUTE, False), media="video")
    w.track(s, still, ("add", 10 * MINUTE), ("update", 5 * HOUR, True), source="screen")
    w.track(s, w.stranger("ghost", "Ghost"), ("add", 12 * MINUTE))

    w, room = world("users without an id")
    s = w.session(room, 0, 10 * MINUTE)
    for at in (0, MINUTE):
        w.track(s, w.peer(s, at, at + MINUTE, None, "Nameless Nick"), ("add", at))
        w.track(s, w.peer(s, at, at + MINUTE, None, None), ("add", at))
    w.peer(s, 0, MINUTE, "nick", "Nameless Nick")
    w.peer(s, 0, MINUTE, "Nameless Nick", "Nick's id is the other's name", None)

    s = w.session(room, 20 * MINUTE, 30 * MINUTE)
    for at, user, name in ((20, "same", None), (21, None, "same"), (22, "same", "same"), (23, "", "same")):
        p = w.peer(s, at * MINUTE, (at + 5) * MINUTE, user, name)
        w.track(s, p, ("add", at * MINUTE), ("remove", (at + 1) * MINUTE))
    w.track(s, w.stranger("same", None), ("add", 21 * MINUTE))
    w.track(s, w.stranger(None, "same"), ("add", 22 * MINUTE))

    w, room = world("bots")
    s = w.session(room, 0, HOUR)
    w.track(s, w.peer(s, 0, 10 * MINUTE, "p", "P", "host"), ("add", MINUTE))
    w.track(s, w.peer(s, -MINUTE, HOUR, None, None, "__internal_recorder"), ("add", 0))
    w.track(s, w.peer(s, MINUTE, HOUR, "p", "P", "__internal_recorder"), ("add", MINUTE))
    w.track(s, w.peer(s, 2 * MINUTE, HOUR, "q", "Q", "__INTERNAL_RECORDER"), ("add", 2 * MINUTE))
    w.track(s, {**w.stranger("unlisted", "Unlisted"), "role": "__internal_recorder"}, ("add", MINUTE))
    s = w.session(room, 2 * HOUR, 3 * HOUR)
    w.track(s, w.peer(s, 2 * HOUR, 3 * HOUR, "bot", "Alone", "__internal_recorder"), ("add", 2 * HOUR))

    for roles in (" beam ,\tthe recorder,", "", ",", "the"):
        w, room = world(f"bots of the roles '{roles}'")
        w.bot_roles = roles
        s = w.session(room, 0, HOUR)
        for n, role in enumerate(("beam", "the recorder", "the", "recorder", "__internal_recorder", "", None, "Beam")):
            p = w.peer(s, n * MINUTE, (n + 5) * MINUTE, f"user {n}", None, role)
            w.track(s, p, ("add", n * MINUTE), ("remove", (n + 2) * MINUTE))

    w, room = world("tracks that come again")
    s = w.session(room, 0, HOUR)
    p = w.peer(s, 0, 50 * MINUTE, "p", "P")
    again = (("add", MINUTE), ("remove", 10 * MINUTE), ("add", 20 * MINUTE))
    w.track(s, p, *again, source="on until the leave")
    w.track(s, p, *again, ("remove", 40 * MINUTE), source="removed again")
    w.track(s, p, *again, ("remove", 40 * MINUTE), ("remove", 41 * MINUTE), ("update", 42 * MINUTE, False),
            ("add", 43 * MINUTE, True), ("update", 45 * MINUTE, False), source="three lives")
    w.track(s, p, ("add", MINUTE), ("remove", 10 * MINUTE), ("add", 20 * MINUTE, True), source="muted when it comes again")
    w.track(s, p, ("add", MINUTE), ("remove", 10 * MINUTE), ("add", 10 * MINUTE), ("update", 11 * MINUTE), source="at the instant of its removal")
    w.track(s, p, ("add", MINUTE), ("remove", 10 * MINUTE), ("add", 51 * MINUTE), source="after the leave")
    w.track(s, p, ("add", MINUTE), ("remove", 10 * MINUTE), ("add", 51 * MINUTE), ("remove", 52 * MINUTE), source="after the leave and removed")

    w, room = world("begin or end unknown")
    s = w.session(room, 0, 10 * MINUTE)
    w.peer(s, None, 5 * MINUTE, "nobegin", "No begin")
    w.peer(s, None, None, "nothing", "Neither")
    w.peer(s, None, 5 * MINUTE, "half", "Half")
    w.peer(s, MINUTE, 2 * MINUTE, "half", "Known")
    s = w.session(room, HOUR, HOUR)
    s["updated_at"] = "0001-01-01T00:00:00Z"
    w.peer(s, HOUR, None, "noend", "No end")
    w.peer(s, None, None, "noend", "Nothing known")
    w.peer(s, HOUR, HOUR + MINUTE, "noend", "Known")

    w, room = world("sessions without peers", ago=timedelta(minutes=5))
    w.session(room, -HOUR, -30 * MINUTE)
    w.session(room, -20 * MINUTE, -10 * MINUTE)["peers"] = None
    w.session(room, 0)

    w, room = world("a leave and a join at one instant")
    s = w.session(room, 0, 10 * MINUTE)
    w.peer(s, 0, 2 * MINUTE, "a", "A")
    w.peer(s, 2 * MINUTE, 4 * MINUTE, "b", "B")
    w.peer(s, 4 * MINUTE, 6 * MINUTE, "a", "A")
    w.peer(s, 4 * MINUTE, 4 * MINUTE, "c", "C")
    s = w.session(room, HOUR, HOUR + 10 * MINUTE)
    for user, joined, left in (("a", 0, 3), ("b", 1, 3), ("c", 3, 5), ("d", 3, 4), ("e", 4, 5)):
        w.peer(s, HOUR + joined * MINUTE, HOUR + left * MINUTE, user, user)

    w, room = world("steps at instants")
    s = w.session(room, 250_000, 250_000 + 5 * MINUTE)
    w.peer(s, 250_000, 250_000 + MINUTE, "a", "A")
    w.peer(s, 250_000 + MINUTE, 250_000 + 2 * MINUTE, "a", "A")
    w.peer(s, 250_000 + MINUTE - 1, 250_000 + 2 * MINUTE + 1, "b", "B")
    w.peer(s, 250_000, 250_000 + 9 * MINUTE, "c", "C")

    w, room = world("the states of a track")
    s = w.session(room, 0, HOUR)
    p = w.peer(s, 0, 50 * MINUTE, "p", "P")
    w.track(s, p, ("add", MINUTE), ("remove", 2 * MINUTE))
    w.track(s, p, ("add", MINUTE, True), ("update", 2 * MINUTE, False), ("remove", 4 * MINUTE, True))
    w.track(s, p, ("add", 5 * MINUTE), ("update", 6 * MINUTE, False), ("update", 7 * MINUTE, True),
            ("update", 8 * MINUTE, True), ("update", 9 * MINUTE, False), ("remove", 11 * MINUTE))
    w.track(s, p, ("add", 12 * MINUTE, True), ("remove", 14 * MINUTE, True), source="never on")
    w.track(s, p, ("remove", 14 * MINUTE), source="only removed")
    w.track(s, p, ("update", 14 * MINUTE), ("remove", 15 * MINUTE), source="never added")
    w.track(s, p, ("add", 45 * MINUTE), source="until the leave")
    w.track(s, p, ("add", 55 * MINUTE), source="after the leave")
    w.track(s, p, ("add", 50 * MINUTE), source="at the leave")
    w.track(s, p, ("add", 45 * MINUTE), ("remove", 51 * MINUTE), source="removed after the leave")
    w.track(s, p, ("add", 20 * MINUTE), ("remove", 21 * MINUTE), ("update", 22 * MINUTE, True),
            ("add", 23 * MINUTE), ("remove", 25 * MINUTE), source="added again")
    w.track(s, p, ("add", 30 * MINUTE, None), ("remove", 31 * MINUTE, None), source="mute not told")
    w.track(s, w.peer(s, 0, None, "q", "Q"), ("add", 40 * MINUTE), ("update", 61 * MINUTE, True))

    w, room = world("events of one instant")
    s = w.session(room, 0, HOUR)
    p = w.peer(s, 0, HOUR, "p", "P")
    w.track(s, p, ("remove", 2 * MINUTE), ("update", MINUTE, True), ("add", MINUTE, False))
    w.track(s, p, ("update", 3 * MINUTE, False), ("add", 3 * MINUTE, True), ("remove", 5 * MINUTE),
            media="video")
    w.track(s, p, ("remove", 6 * MINUTE), ("update", 6 * MINUTE, False), ("add", 6 * MINUTE, True),
            source="screen")
    w.track(s, p, ("add", 7 * MINUTE), ("update", 8 * MINUTE, True), ("remove", 8 * MINUTE),
            source="muted by its removal")

    w, room = world("peers that no session lists")
    s = w.session(room, 0, HOUR)
    w.peer(s, 0, HOUR, "known", "Known")
    for user, name in (("ghost", "Ghost"), (None, "Ghost"), (None, None), ("known", "Other")):
        peer = w.stranger(user, name)
        w.track(s, peer, ("add", MINUTE), ("update", 3 * MINUTE, True))
        w.track(s, peer, ("add", MINUTE), media="video")
    peer = w.stranger(None, "First name")
    track = w.track(s, peer, ("add", MINUTE))
    w.event(s, {**peer, "name": "Second name"}, track, "update", 2 * MINUTE, True)
    w.event(s, {**peer, "user_id": "told-later"}, track, "update", 3 * MINUTE, False)

    w, room = world("events that know less than the session")
    s = w.session(room, 0, HOUR)
    p = w.peer(s, 0, HOUR, "listed", "Listed")
    w.track(s, {**p, "user_id": "other", "name": "Other"}, ("add", MINUTE), ("remove", 2 * MINUTE))
    w.track(s, {**p, "user_id": None, "name": None}, ("add", MINUTE), media="video")
    track = w.track(s, p, ("add", MINUTE, True), source="screen")
    w.event(s, p, track, "update", 2 * MINUTE, False, media=None)

    w, room = world("events of a session that is not listed")
    s = w.session(room, 0, HOUR)
    w.track(s, w.peer(s, 0, HOUR, "a", "A"), ("add", MINUTE))
    gone = {"id": w.id24(), "room_id": room["id"]}
    w.track(gone, w.stranger("b", "B"), ("add", MINUTE), ("remove", 2 * MINUTE))

    w, room = world("tracks side by side")
    s = w.session(room, 0, HOUR)
    for joined in (0, MINUTE):
        p = w.peer(s, joined, HOUR, "twice", "Two devices")
        w.track(s, p, ("add", 2 * MINUTE), ("remove", (10 + joined // MINUTE) * MINUTE))
        w.track(s, p, ("add", 5 * MINUTE), ("remove", 6 * MINUTE), media="video", source="screen")

    return made


def scattered(seed, number):
    """A random world: everything happens on a coarse grid, so that much of it coincides."""
    active = number % 3 == 0
    w = World(f"random {number}", seed, timedelta(minutes=50) if active else timedelta(days=2))
    pick = w.random
    grain = pick.choice((SECOND, 10 * SECOND, MINUTE))
    people = [("u1", "Una"), ("u2", "Duo"), ("u2", "Duo's phone"), (None, "Una"), (None, None), ("Una", "Eve")]

    def moment(low, high):
        jitter = pick.choice((0, 0, 0, 0, 1, -1, 1000, 333_333))
        return pick.randrange(low // grain, high // grain + 1) * grain + jitter

    for _ in range(pick.randint(1, 3)):
        room = w.room()
        for _ in range(pick.randint(0, 3)):
            start = moment(0, 20 * MINUTE) // 1000 * 1000
            ended = not active or pick.random() < 0.3
            stop = start + pick.choice((0, 1, 5, 20)) * MINUTE + pick.choice((0, 500_000))
            session = w.session(room, start, stop if ended else None)
            peers = [w.stranger(*pick.choice(people)) for _ in range(pick.randint(0, 2))]
            for _ in range(pick.randint(0, 12)):
                joined = moment(start - MINUTE, start + 20 * MINUTE)
                left = pick.choice((None, joined + moment(-MINUTE, 10 * MINUTE), joined))
                user, name = pick.choice(people)
                peers.append(w.peer(session, joined, left, user, name,
                                    pick.choice(("teacher", "student", "Guest", None, "", "__internal_recorder"))))
            for _ in range(pick.randint(0, 25) if peers else 0):
                kinds = pick.choices(("add", "update", "remove"), (3, 5, 2), k=pick.randint(1, 9))
                instants = sorted(moment(start - MINUTE, start + 21 * MINUTE) for _ in kinds)
                pick.shuffle(instants)
                w.track(session, pick.choice(peers),
                        *((kind, at, pick.choice((True, False))) for kind, at in zip(kinds, instants)),
                        media=pick.choice(("audio", "video")), source=pick.choice(("regular", "screen")))
    pick.shuffle(w.document["events"])
    return w


def all_worlds(seed, scattered_ones):
    return crafted(seed) + [scattered(seed, number) for number in range(scattered_ones)]
