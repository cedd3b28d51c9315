"""The storage that presigned links lead to: a port of its own, which wants no token."""

import base64
import csv
import io
import json
import random
import secrets

from aiohttp import web

import clock

PHRASES = (
    "Good morning everybody.", "Can you hear me?", "Let us begin with the homework.",
    "I did not understand the third question.", "Who wants to try it?", "That is right: well done.",
    "Could you share your screen, please?", "The answer is three quarters.",
    "We saw that last week, didn't we?", "I have a question.", "Naïve guesses are welcome too.",
    "Please mute yourselves.", "Let me write that on the board.", "It says \"page 41\" here.",
    "Next time we will go on with chapter five.", "Any more questions?", "数学は楽しいです。",
    "Sorry, I was muted.", "Read it again, slowly.", "Thank you, see you tomorrow.")
MESSAGES = (
    "Hello!", "I can't hear you, can you speak up?", "page 41, question 3", "She said \"three\".",
    "1. read\n2. write", "ok", "👍", "Danke schön", "Where is the link?", "see you tomorrow")
HEADER = ("SenderPeerID", "SenderName", "SenderUserID", "Roles", "SentAt", "Type", "Message")


class Storage:
    """Where files lie, and which links open them."""

    def __init__(self):
        self.url = None
        self.links = {}  # signature: (file, when it expires)

    def link(self, file, seconds):
        signature = secrets.token_hex(16)
        self.links[signature] = (file, clock.now() + seconds * clock.SECOND)
        return f"{self.url}/{file}?X-Expires={seconds}&X-Signature={signature}"


# what is in the files

def spans(world, session, started, stopped):
    """When whose microphone was on: (peer, from, to) in milliseconds after the start."""
    found, on = [], {}
    events = [json.loads(event.json) for event in world.events_of.get(session["room_id"], [])
              if event.session_id == session["id"] and event.type.startswith("track.")]
    for event in sorted(events, key=lambda event: clock.parse(event["timestamp"])):
        data, at = event["data"], clock.parse(event["timestamp"])
        if data["type"] != "audio":
            continue
        begun = on.pop(data["track_id"], None)
        if begun is not None:
            found.append((data["peer_id"], begun, at))
        if event["type"] != "track.remove.success" and not data["mute"]:
            on[data["track_id"]] = at
    for peer in session["peers"].values():
        for n, (peer_id, begun, at) in enumerate(found):
            if peer_id == peer["id"] and "left_at" in peer:
                found[n] = (peer_id, begun, min(at, clock.parse(peer["left_at"])))
    return [(peer_id, max(begun - started, 0) // 1_000_000, (min(at, stopped) - started) // 1_000_000)
            for peer_id, begun, at in found if begun < stopped and at > started]


def sentences(world, job):
    """Who said what: now and then one of those whose microphone is on says something."""
    session = world.sessions.get(job["session_id"])
    started, stopped = (clock.parse(job[name]) for name in ("started_at", "stopped_at"))
    rng = random.Random(job["id"])
    on = spans(world, session, started, stopped)
    said, at = [], 1010
    while at < (stopped - started) // 1_000_000:
        length = rng.randrange(900, 6000)
        speakers = sorted(peer for peer, begun, end in on if begun <= at and end >= at + length)
        if speakers:
            peer = session["peers"][rng.choice(speakers)]
            said.append({"sentence": rng.choice(PHRASES), "name": peer["name"],
                         "peer_id": peer["id"], "start_time": str(at),
                         "end_time": str(at + length)})
        at += length + rng.randrange(300, 20_000)
    return said


def subtitle_time(milliseconds):
    seconds, rest = divmod(int(milliseconds), 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{rest:03d}"


def transcript(world, job, mode):
    said = sentences(world, job)
    if mode == "srt":
        return "".join(f"{n}\n{subtitle_time(one['start_time'])} --> {subtitle_time(one['end_time'])}\n"
                       f"{one['name']}: {one['sentence']}\n\n" for n, one in enumerate(said, 1))
    if mode == "txt":
        return "".join(f"{one['name']}: {one['sentence']}\n\n" for one in said)
    words = [{"word": word, **{key: one[key] for key in ("start_time", "end_time", "peer_id", "name")}}
             for one in said for word in one["sentence"].split()]
    return json.dumps({"words": words, "sentences": said}, ensure_ascii=False)


def summary(world, job):
    said = sentences(world, job)
    names = sorted({one["name"] for one in said})
    count = len(said)
    return json.dumps({"summary": {"sections": [
        {"title": "Agenda", "format": "bullets", "paragraph": "",
         "bullets": ["The homework", "Chapter five"]},
        {"title": "Follow up action items", "format": "bullets", "paragraph": "",
         "bullets": [f"{name}: read chapter five" for name in names[:3]]},
        {"title": "Short summary", "format": "paragraph", "bullets": [],
         "paragraph": f"{len(names)} people said {count} sentences about the homework."}]}},
        ensure_ascii=False)


def chat(world, job):
    session = world.sessions.get(job["session_id"])
    started, stopped = (clock.parse(job[name]) for name in ("started_at", "stopped_at"))
    rng = random.Random(job["id"])
    at, text = started + 5 * clock.SECOND, io.StringIO()
    writer = csv.writer(text, lineterminator=rng.choice(("\n", "\r\n")))
    writer.writerow(HEADER)
    while at < stopped:
        inside = sorted(peer["id"] for peer in session["peers"].values()
                        if clock.parse(peer["joined_at"]) <= at
                        and ("left_at" not in peer or clock.parse(peer["left_at"]) > at))
        if inside:
            peer = session["peers"][rng.choice(inside)]
            roles = rng.choice(("[]", "[]", "[]", '["teacher"]'))
            writer.writerow((peer["id"], peer["name"], peer["user_id"], roles, clock.stamp(at, 3),
                             "chat", rng.choice(MESSAGES)))
        at += rng.randrange(20, 300) * clock.SECOND
    return rng.choice(("", "\ufeff")) + text.getvalue()


def content(world, file):
    """What is in a file, as bytes, or None: as it was put there, else made from the world."""
    crafted = world.files.get(file)
    if crafted is not None:
        return crafted
    asset = next((asset for asset in world.assets
                  if asset["path"].partition("://")[2] == file), None)
    job = asset and world.jobs["recordings"].get(asset["job_id"])
    if not job or not job.get("stopped_at"):
        return None
    if asset["type"] == "transcript":
        text = transcript(world, job, asset["metadata"]["output_mode"])
    elif asset["type"] in ("summary", "chat"):
        text = (summary if asset["type"] == "summary" else chat)(world, job)
    else:
        return bytes(range(256)) * 16  # a film, as it were
    return text.encode()


def read_files(given):
    """Files as the control call gives them: {path: text or {"base64": …}}."""
    return {path.partition("://")[2]: base64.b64decode(text["base64"]) if isinstance(text, dict)
            else text.encode() for path, text in given.items()}


# the server

def refuse(status, code, message):
    return web.Response(status=status, content_type="application/xml", text=(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"))


async def get_file(request):
    """As S3 answers: a link is signed itself, and a second proof beside it is refused."""
    state = request.app["state"]
    if "Authorization" in request.headers or "Cookie" in request.headers:
        return refuse(400, "InvalidArgument", "Only one auth mechanism allowed")
    file, expires = state.storage.links.get(request.query.get("X-Signature"), (None, 0))
    if file != request.path[1:]:
        return refuse(403, "SignatureDoesNotMatch", "The request signature does not match")
    if expires < clock.now():
        return refuse(403, "AccessDenied", "Request has expired")
    body = content(state.world, file)
    if body is None:
        return refuse(404, "NoSuchKey", "The specified key does not exist.")
    return web.Response(body=body, content_type="application/octet-stream")


ROUTES = [web.get("/{file:.*}", get_file)]
