"""The seed's world: two weeks of a school, ending with two classes that are running now."""

import clock
import policy
import school_media
from api_room_codes import new_code
from clock import DAY, HOUR, MINUTE, SECOND
from world import APP, CUSTOMER, ERROR_EVENTS, World

DAYS_BACK = (12, 11, 10, 9, 8, 5, 4, 3, 2, 1)
ROOMS = ("math-101", "physics-9b", "history-7a", "english-lit", "chemistry-lab", "art-studio",
         "geography-8c", "music-band", "biology-10", "staff-room")
TEACHERS = ("Ada Byron", "Zoë Brontë", "Seán O'Casey", "Ines Müller", "Tomás Ó Sé",
            "Grace Hopper", "Łukasz Nowak", "Amélie Dubois", "Noor Haddad", "Ravi Iyer")
PUPILS = ("Anna", "Bilal", "Chloé", "Dmitri", "Eun-ji", "Farah", "Gökçe", "Hugo", "Ingrid",
          "João", "Kemal", "林", "Mia", "Nils", "Owen O'Neill", "Priya", "Quentin", "Rosa",
          "Søren", "Tariq", "Uma", "Vlad", "Wei", "Ximena")
PARAMS = {
    "teacher": {"publishParams": {"allowed": ["audio", "video", "screen"]}, "priority": 1,
                "subscribeParams": {"subscribeToRoles": ["teacher", "student", "assistant"]},
                "permissions": {"endRoom": True, "removeOthers": True, "mute": True,
                                "changeRole": True, "pollWrite": True}},
    "student": {"publishParams": {"allowed": ["audio", "video"]}, "priority": 2,
                "subscribeParams": {"subscribeToRoles": ["teacher", "student", "assistant"]},
                "permissions": {"pollRead": True}, "maxPeerCount": 40}}
HLS = {"maxDuration": 14400, "playlistType": "event", "enableMetadataInsertion": True, "layers": [
    {"width": 1280, "height": 720, "videoBitrate": 1500, "audioBitrate": 64},
    {"width": 640, "height": 360, "videoBitrate": 700, "audioBitrate": 64}]}
DESTINATIONS = {
    "school": {"hlsDestinations": {"main": {"name": "main", **HLS}}},
    "assembly": {"hlsDestinations": {
        "hall": {"name": "hall", **HLS},
        "yard": {"name": "yard", **HLS, "enableMetadataInsertion": False}}}}
DEVICES = ("laptop", "phone", "tablet")


def make_world(seed, start):
    """The same seed and start time make the same world."""
    world = World(seed)
    School(world, start).open()
    return world


class School:
    def __init__(self, world, start):
        self.world = world
        self.random = world.random
        self.start = start
        self.midnight = start - start % DAY
        self.events = []

    def open(self):
        self.templates()
        rooms = self.rooms()
        classes = [(self.midnight - back * DAY + (7 + n % 8) * HOUR + slot * 150 * MINUTE, n)
                   for place, back in enumerate(DAYS_BACK) for n in range(len(ROOMS))
                   for slot in range(1 + (place + n) % 2)]
        for number, (begin, n) in enumerate(sorted(classes)):
            begin += self.random.randrange(0, 180_000) * 1_000_000
            self.session(rooms[n], n, begin, number)
        for n, minutes in ((0, 35), (3, 8)):
            self.session(rooms[n], n, self.start - minutes * MINUTE, 0, running=True)
        # events arrive nearly in order
        for _, event in sorted(self.events, key=lambda pair: pair[0]):
            self.world.add_event(event)
        school_media.furnish(self.world, self.start)

    def around(self, low, high):
        return self.random.randrange(low, high)

    def chance(self, percent):
        return self.random.randrange(100) < percent

    # templates and rooms

    def templates(self):
        at = self.start - 400 * DAY
        for name, roles in (("school", ("teacher", "student", "assistant", "guest")),
                            ("assembly", ("host", "viewer on stage", "viewer"))):
            at += DAY
            template_id = self.world.new_id()
            self.world.templates.put({
                "id": template_id, "_id": template_id, "name": name, "customerId": CUSTOMER,
                "customer": CUSTOMER, "createdAt": clock.stamp(at), "updatedAt": clock.ZERO,
                "roles": {role: policy.read_role(role, PARAMS.get(role, {})) for role in roles},
                "settings": policy.read_settings({"region": "in"}),
                "destinations": DESTINATIONS[name]})

    def room(self, name, at, template=0, **settings):
        chosen = list(self.world.templates)[template]
        at += 125_000_000 * self.around(0, 8)
        return self.world.add_room({
            "id": self.world.new_id(), "name": name, "enabled": True, "description": "",
            "customer_id": CUSTOMER, "app_id": APP, "recording_source_template": True,
            "template_id": chosen["id"], "template": chosen["name"], "region": "in",
            "large_room": False, "created_at": clock.stamp(at, 3), "updated_at": clock.ZERO,
            "media_region": self.random.choice(("in", "eu")), **settings})

    def rooms(self):
        at = self.start - 300 * DAY
        rooms = [self.room(name, at + n * DAY, description=f"Class of {TEACHERS[n]}")
                 for n, name in enumerate(ROOMS)]
        for room in rooms[::3]:
            room["updated_at"] = clock.stamp(at + 50 * DAY + self.around(0, DAY), 3)
        rooms[1].update(region="eu", max_duration_seconds=3600)
        rooms[4].update(recording_source_template=False, recording_info={
            "enabled": True, "upload_info": {
                "type": "s3", "location": "school-recordings", "prefix": "lab",
                "options": {"region": "eu-west-1"},
                "credentials": {"key": "AKIASTANDIN", "secret": "bucket-secret"}}})
        rooms[7].update(webhook={"url": "https://school.example/hooks",
                                 "headers": {"x-school": "band"}})
        self.room("open-day", at + 20 * DAY, template=1, large_room=True, size=5000, region="auto")
        old = self.room("latin:old", at + 21 * DAY, description="No longer taught", region="us")
        camp = self.room("summer.camp_2", at + 22 * DAY)
        for room in (rooms[0], rooms[1], old):
            for n, role in enumerate(self.world.roles(room)):
                new_code(self.world, room, role, at + 30 * DAY + n * SECOND)
        for room in (old, camp):
            room.update(enabled=False, updated_at=clock.stamp(self.start - 20 * DAY, 3))
        return rooms

    # sessions

    def session(self, room, n, begin, number, running=False):
        end = begin + self.around(25, 75) * MINUTE + self.around(0, 60_000) * 1_000_000
        session = {"id": self.world.new_id(), "room_id": room["id"], "customer_id": CUSTOMER,
                   "active": running, "peers": {}, "created_at": clock.stamp(begin, 3),
                   "updated_at": clock.stamp(begin if running else end, 3)}
        end = self.start if running else end
        stays = [] if number == 60 else self.stays(n, begin, end, running)
        live = {}
        for user_id, name, role, joined, left in stays:
            peer = {"id": self.world.new_uuid(), "session_id": session["id"], "name": name,
                    "role": role, "user_id": user_id, "joined_at": clock.stamp(joined, 3),
                    "client": self.random.choice(DEVICES)}
            if left is not None:
                peer["left_at"] = clock.stamp(left, 3)
            session["peers"][peer["id"]] = peer
            seen = {"id": peer["id"], "name": name, "user_id": user_id, "role": role,
                    "metadata": "" if self.chance(60) else '{"isHandRaised":true}',
                    "joined_at": clock.stamp(joined), "tracks": {}}
            self.tracks(session, seen, joined, left, end)
            if running and left is None:
                live[peer["id"]] = seen
        self.world.add_session(session)
        if running:
            self.world.active[room["id"]]["peers"] = live
        elif number % 7 == 3:
            self.recording(session, room, begin, end)
        if number % 12 == 5 and session["peers"]:
            self.error(session, room, begin + 5 * MINUTE, number)

    def stays(self, n, begin, end, running):
        """(user id, name, role, joined, left) of each peer; left is None while inside."""
        stays = [(f"t-{n + 1}", TEACHERS[n], "teacher",
                  begin - self.around(-400, 60) * 1_000_000, end)]  # the clocks differ by ms
        for pupil in self.random.sample(range(len(PUPILS)), self.around(4, 9)):
            user_id, name = f"s-{pupil + 1}", PUPILS[pupil]
            joined = begin + self.around(0, 6 * 60_000) * 1_000_000 + self.around(0, 1_000_000)
            joined = min(joined, end - 2 * MINUTE)
            left = end - self.around(0, 90_000) * 1_000_000
            if self.chance(20):  # away for a while
                away = joined + (left - joined) // 3
                stays.append((user_id, name, "student", joined, away))
                joined = away + self.around(20, 200) * SECOND
            elif self.chance(10):  # on a second device at once
                stays.append((user_id, f"{name} (phone)", "student",
                              joined + 4 * MINUTE, max(left - 6 * MINUTE, joined + 5 * MINUTE)))
            stays.append((user_id, name, "student", joined, max(left, joined)))
        if self.chance(40):
            stays.append((f"a-{n % 3 + 1}", f"Assistant {n % 3 + 1}", "assistant",
                          begin + 2 * MINUTE, end - 3 * MINUTE))
        if self.chance(15):
            stays.append(("", "Guest", "guest", begin + 9 * MINUTE, end - 10 * MINUTE))
        if running:  # nobody leaves in the future, and most are still inside
            stays = [(*stay[:3], min(stay[3], end - MINUTE), None if stay[4] > end - 4 * MINUTE
                      else max(stay[4], min(stay[3], end - MINUTE))) for stay in stays]
        elif self.chance(6):  # never seen leaving
            stays[-1] = (*stays[-1][:4], None)
        return stays

    # events

    def put(self, event, at):
        self.events.append((at + self.around(0, 2000) * 1_000_000, event))

    def tracks(self, session, peer, joined, left, end):
        kinds = [("audio", "regular")]
        if self.chance(75):
            kinds.append(("video", "regular"))
        if peer["role"] == "teacher" and self.chance(55):
            kinds.append(("video", "screen"))
        if peer["role"] == "guest":
            kinds = []
        gone = end if left is None else left
        for kind, source in kinds:
            begin = joined + self.around(500, 20_000) * 1_000_000 + self.around(0, 1_000_000)
            if source == "screen":
                begin += 5 * MINUTE
            if begin + 30 * SECOND < gone:
                self.track(session, peer, kind, source, begin, gone, left is None)

    def track(self, session, peer, kind, source, begin, gone, inside):
        track = {"id": self.world.new_uuid(), "stream_id": self.world.new_uuid(),
                 "mute": source == "regular" and self.chance(30), "type": kind, "source": source,
                 "started_at": clock.stamp(begin), "description": ""}
        self.put(self.world.track_event("track.add.success", session, peer, track, begin), begin)
        at = begin
        for _ in range(self.around(0, 5) if source == "regular" else 0):
            at += self.around(10_000_000, max((gone - begin) // 3, 20_000_000))
            if at >= gone:
                break
            if not self.chance(4):  # now and then a state is told twice
                track["mute"] = not track["mute"]
            self.put(self.world.track_event("track.update.success", session, peer, track, at), at)
        if inside:
            peer["tracks"][track["id"]] = track
        elif self.chance(90):  # some end with their peer and say nothing; some end while on
            self.put(self.world.track_event("track.remove.success", session, peer, track, gone),
                     gone)

    def recording(self, session, room, begin, end):
        started, stopped = begin + 20 * SECOND, end - 5 * SECOND
        path = f"beam/{room['id']}/Rec-{room['id']}-{started // 1_000_000}.mp4"
        self.put({"version": "2.0", "id": self.world.new_uuid(),
                  "timestamp": clock.stamp(stopped + 40 * SECOND), "type": "beam.recording.success",
                  "data": {
                      "beam_id": self.world.new_id(), "room_id": room["id"],
                      "session_id": session["id"], "peer_id": self.world.new_uuid(),
                      "template_id": room["template_id"], "created_at": clock.stamp(started),
                      "duration": (stopped - started) // SECOND,
                      "started_at": clock.stamp(started), "stopped_at": clock.stamp(stopped),
                      "max_width": 1280, "max_height": 720,
                      "recording_path": f"s3://standin-recordings/{path}",
                      "recording_presigned_url":
                          f"https://recordings.example/{path}?expires=43200&signature=c3RhbmRpbg==",
                      "meeting_url": f"https://school.example/preview/{room['id']}/guest"
                                     "?skip_preview=true",
                      "rtmp": [], "session_started_at": session["created_at"],
                      "size": 90_000 * ((stopped - started) // SECOND)}}, stopped + 40 * SECOND)

    def error(self, session, room, at, number):
        kind = ERROR_EVENTS[number // 12 % len(ERROR_EVENTS)]
        peer = next(iter(session["peers"].values()))
        codes = {"client.publish.failed": (4006, "ICEDisconnected", "PUBLISH"),
                 "client.subscribe.failed": (4006, "ICEDisconnected", "SUBSCRIBE"),
                 "client.join.failed": (500, "ServerErrors", "JOIN"),
                 "client.disconnected": (1003, "WebSocketConnectionLost", "RECONNECT_SIGNAL"),
                 "client.connect.failed": (2003, "EndpointUnreachable", "INIT")}
        code, name, action = codes[kind]
        data = {"user_id": peer["user_id"], "user_name": peer["name"], "peer_id": peer["id"],
                "account_id": CUSTOMER, "room_id": room["id"], "session_id": session["id"],
                "room_name": room["name"], "template_id": room["template_id"],
                "role": peer["role"], "error_code": code, "error_name": name,
                "error_message": f"{name} for {peer['name']}",
                "error_description": "[stand-in] the network went away",
                "is_terminal": self.chance(50), "action": action,
                "agent": {"sdk": "web", "sdk_version": "0.11.0", "os": "mac_os",
                          "os_version": "10.15.7", "device_model": "", "framework": "react-web",
                          "framework_version": "18.1.0", "framework_sdk_version": "0.9.0",
                          "domain": "school.example", "string": "web/0.11.0 mac_os/10.15.7",
                          "is_prebuilt": False}}
        if kind == "client.publish.failed":
            data.update(domain="CUSTOM", audio={"maxBitrate": 32, "volume": 100, "codec": "opus",
                                                "deviceId": "default"},
                        video={"maxBitrate": 850, "maxFramerate": 25, "height": 720, "width": 1280,
                               "deviceId": "default", "codec": "vp8"},
                        devices={"videoInput": [], "audioInput": [], "audioOutput": []})
        elif kind == "client.join.failed":
            data.update(domain="CUSTOM", retries_join=4)
        elif kind == "client.disconnected":
            data["transport_state"] = "Preview"
        elif kind == "client.connect.failed":
            data.update(endpoint="https://prod-init.example/init", transport_state="Connecting")
            for key in ("room_name", "template_id", "role", "session_id"):
                del data[key]
        self.put({"version": "2.0", "id": self.world.new_uuid(), "timestamp": clock.stamp(at),
                  "type": kind, "data": data}, at)


def load(world, room_id, sessions, peers, events):
    """Bulk data for one room: sessions with peers each, and track events spread over them."""
    rng = world.random
    world.ensure_room(room_id)
    now = clock.now()
    begin = now - 7 * DAY
    everyone = []
    for n in range(sessions):
        at = begin + n * (6 * DAY // max(sessions, 1))
        session = {"id": world.new_id(), "room_id": room_id, "customer_id": CUSTOMER,
                   "active": False, "peers": {}, "created_at": clock.stamp(at, 3),
                   "updated_at": clock.stamp(at + HOUR, 3)}
        for p in range(peers):
            peer_id = world.new_uuid()
            session["peers"][peer_id] = {
                "id": peer_id, "session_id": session["id"], "name": f"User {p + 1}",
                "role": "student", "user_id": f"u-{p + 1}",
                "joined_at": clock.stamp(at + p * SECOND, 3),
                "left_at": clock.stamp(at + HOUR - p * SECOND, 3)}
        world.add_session(session)
        everyone += [(session, peer) for peer in session["peers"].values()]
    if not everyone and events:
        load(world, room_id, 1, max(peers, 1), 0)
        everyone = [(session, peer) for session in world.sessions_of[room_id]
                    for peer in session["peers"].values()]
    # each peer has one audio track: added, muted and unmuted in turn, removed at the end
    for n, (session, peer) in enumerate(everyone):
        count = events // len(everyone) + (n < events % len(everyone))
        at = clock.parse(peer["joined_at"])
        track = {"id": world.new_uuid(), "stream_id": world.new_uuid(), "mute": False,
                 "type": "audio", "source": "regular", "started_at": clock.stamp(at)}
        step = 3500 * SECOND // max(count, 1) + rng.randrange(1000)
        for k in range(count):
            kind = ("track.add.success" if k == 0 else "track.remove.success"
                    if k == count - 1 else "track.update.success")
            track["mute"] = k % 2 == 1
            world.add_event(world.track_event(kind, session, peer, track, at + k * step))
