"""The world: everything the server knows, in the API's own shapes, and the changes to it."""

import random
import uuid
from collections import OrderedDict

import clock
from answers import encode
from jobs import KINDS
from pages import Shelf

CUSTOMER = "64b0c0ffee00000000000c01"
APP = "64b0c0ffee00000000000a01"
KEPT = 30 * clock.DAY  # events are served that long
TRACK_EVENTS = ("track.add.success", "track.update.success", "track.remove.success")
ERROR_EVENTS = ("client.publish.failed", "client.subscribe.failed", "client.join.failed",
                "client.disconnected", "client.connect.failed")
EVENT_TYPES = (*TRACK_EVENTS, "beam.recording.success", *ERROR_EVENTS)
FILTERED = ("session_id", "peer_id", "user_id", "beam_id")


def name_of(room):
    return room.get("name") or room["id"]


class Event:
    """An analytics event: what filters look at, and its JSON ready to send."""

    __slots__ = ("id", "type", "at", "session_id", "peer_id", "user_id", "beam_id", "json")

    def __init__(self, event):
        data = event["data"]
        self.id = event.get("id")
        self.type = event["type"]
        self.at = clock.read(event.get("timestamp"), clock.now())
        for name in FILTERED:
            setattr(self, name, data.get(name))
        self.json = encode(event)


class World:
    def __init__(self, seed=7):
        self.random = random.Random(seed)
        self.sequence = 0
        self.templates = Shelf()
        self.rooms = Shelf()
        self.sessions = Shelf()
        self.sessions_of = {}     # room id -> Shelf
        self.active = {}          # room id -> {session_id, peers: {peer id: peer with tracks}}
        self.events_of = {}       # room id -> [Event], in order of arrival
        self.codes_of = {}        # room id -> Shelf of room codes, whose id is the code
        self.messages = []        # what send-message sent, to whom
        self._matching = OrderedDict()
        self.subdomains = set()   # ids of the templates made in the dashboard
        self.recording_configs = {}  # template id -> [configuration]
        self.jobs = {kind: Shelf() for kind in KINDS}
        self.paused = set()       # ids of jobs that do not record for now
        self.timed_metadata = []
        self.assets = Shelf()
        self.files = {}           # what crafted files hold, by path without the scheme
        self.stream_keys = Shelf()
        self.polls = Shelf()
        self.poll_rows = {}       # (poll id, sessions | responses | results) -> Shelf
        self.deliveries = []      # of webhooks
        self.replays = {}
        self.trunks = {}
        self.calls = []
        self.dtmf = []

    # ids

    def new_id(self):
        """24 hex digits that grow with every object, as ObjectIds do."""
        self.sequence += 1
        return f"{0x65a00000 + self.sequence:08x}{self.random.getrandbits(64):016x}"

    def new_uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    # rooms

    def room_named(self, name):
        return next((room for room in self.rooms if name_of(room).lower() == name.lower()), None)

    def roles(self, room):
        template = self.templates.get(room.get("template_id"))
        return template["roles"] if template else {}

    def add_room(self, room):
        self.rooms.put(room)
        return room

    def new_room(self, template, at):
        template = template or next(iter(self.templates))
        return self.add_room({
            "id": self.new_id(), "name": str(uuid.uuid4()), "enabled": True, "description": "",
            "customer_id": CUSTOMER, "app_id": APP, "recording_source_template": True,
            "template_id": template["id"], "template": template["name"], "region": "auto",
            "large_room": False, "created_at": clock.stamp(at, 3), "media_region": "in"})

    def ensure_room(self, room_id):
        """Objects given from outside may speak of a room that is not there yet."""
        if not self.rooms.get(room_id):
            template = next(iter(self.templates), None)
            self.add_room({
                "id": room_id, "name": room_id, "enabled": True, "description": "",
                "customer_id": CUSTOMER, "template_id": template["id"] if template else "",
                "template": template["name"] if template else "", "region": "in",
                "created_at": clock.stamp(clock.now(), 3), "updated_at": clock.ZERO})

    def codes(self, room_id):
        return self.codes_of.setdefault(room_id, Shelf())

    # sessions

    def add_session(self, session):
        self.ensure_room(session["room_id"])
        self.sessions.put(session)
        self.sessions_of.setdefault(session["room_id"], Shelf()).put(session)
        live = self.active.get(session["room_id"])
        if session.get("active"):
            self.active[session["room_id"]] = {
                "session_id": session["id"],
                "peers": {peer_id: self.connected(peer)
                          for peer_id, peer in session.setdefault("peers", {}).items()
                          if not peer.get("left_at")}}
        elif live and live["session_id"] == session["id"]:
            del self.active[session["room_id"]]

    @staticmethod
    def connected(peer):
        return {"id": peer["id"], "name": peer.get("name", ""), "user_id": peer.get("user_id", ""),
                "metadata": "", "role": peer.get("role", ""), "joined_at": peer.get("joined_at"),
                "tracks": {}}

    def join(self, room, name, user_id, role):
        """A peer comes in; the first one begins a session."""
        at = clock.now()
        live = self.active.get(room["id"])
        if live is None:
            self.add_session({"id": self.new_id(), "room_id": room["id"], "customer_id": CUSTOMER,
                              "active": True, "peers": {}, "created_at": clock.stamp(at, 3),
                              "updated_at": clock.stamp(at, 3)})
            live = self.active[room["id"]]
            self.deliver("session.open.success", room["id"], live["session_id"], at)
        peer = {"id": self.new_uuid(), "session_id": live["session_id"], "name": name,
                "role": role, "user_id": user_id, "joined_at": clock.stamp(at, 3)}
        self.sessions.get(live["session_id"])["peers"][peer["id"]] = peer
        live["peers"][peer["id"]] = self.connected({**peer, "joined_at": clock.stamp(at)})
        self.deliver("peer.join.success", room["id"], live["session_id"], at, peer)
        return peer

    def leave(self, room_id, peer_ids):
        """Peers go: their tracks end, the session knows when they left; the last one ends it."""
        live = self.active[room_id]
        session = self.sessions.get(live["session_id"])
        at = clock.now()
        for peer_id in peer_ids:
            peer = live["peers"].pop(peer_id)
            for track in peer["tracks"].values():
                self.add_event(self.track_event("track.remove.success", session, peer, track, at))
            if peer_id in session["peers"]:
                session["peers"][peer_id]["left_at"] = clock.stamp(at, 3)
            self.deliver("peer.leave.success", room_id, session["id"], at, peer)
        if not live["peers"]:
            session["active"] = False
            session["updated_at"] = clock.stamp(at, 3)
            del self.active[room_id]
            self.deliver("session.close.success", room_id, session["id"], at)

    def end(self, room_id):
        self.leave(room_id, list(self.active[room_id]["peers"]))

    def deliver(self, name, room_id, session_id, at, peer=None, error=None):
        """What the history of webhook deliveries says of one."""
        about = {"session_id": session_id}
        if peer:
            about.update(peer_id=peer["id"], user_id=peer["user_id"])
        payload = {"event_data": about, "webhook_url": "https://school.example/hooks",
                   "original_event_name": name}
        if error:
            payload["error_reason"] = error
        self.deliveries.append({
            "event_id": self.new_uuid(), "room_id": room_id, "payload": payload,
            "event_name": f"reporter.webhook.delivery.{'failed' if error else 'success'}",
            "event_timestamp": clock.stamp(at, 0)})

    # events

    def track_event(self, kind, session, peer, track, at):
        data = {
            "room_id": session["room_id"], "session_id": session["id"],
            "room_name": name_of(self.rooms.get(session["room_id"])), "peer_id": peer["id"],
            "user_id": peer["user_id"], "user_name": peer["name"],
            "joined_at": peer["joined_at"], "role": peer["role"], "track_id": track["id"],
            "stream_id": track["stream_id"], "type": track["type"], "source": track["source"],
            "mute": track["mute"], "started_at": track["started_at"]}
        if kind == "track.remove.success":
            data["stopped_at"] = clock.stamp(at)
        return {"version": "2.0", "id": self.new_uuid(), "timestamp": clock.stamp(at),
                "type": kind, "data": data}

    def add_event(self, event):
        room_id = event["data"]["room_id"]
        self.ensure_room(room_id)
        self.events_of.setdefault(room_id, []).append(Event(event))

    def put_events(self, events):
        """Adds events, or replaces those with a known id where they stand."""
        places = {}
        for event in events:
            room_id = event["data"]["room_id"]
            if room_id not in places:
                places[room_id] = {known.id: n for n, known
                                   in enumerate(self.events_of.get(room_id, []))}
            place = places[room_id].get(event.get("id"))
            if place is None:
                places[room_id][event.get("id")] = len(self.events_of.get(room_id, []))
                self.add_event(event)
            else:
                self.events_of[room_id][place] = Event(event)
                self._matching.clear()

    def matching_events(self, room_id, since, size, types, values):
        """The room's first size events that were in reach at since and pass the filters."""
        key = (room_id, since, size, types, values)
        found = self._matching.get(key)
        if found is None:
            oldest = since * clock.SECOND - KEPT
            filters = [(name, value) for name, value in zip(FILTERED, values) if value is not None]
            found = [event for event in self.events_of.get(room_id, [])[:size]
                     if event.at >= oldest and event.type in types
                     and all(getattr(event, name) == value for name, value in filters)]
            self._matching[key] = found
            while len(self._matching) > 64:
                self._matching.popitem(last=False)
        return found
