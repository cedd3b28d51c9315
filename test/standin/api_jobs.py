"""Live streams, recordings and external streams: start, list, read, pause, stop."""

import functools

import clock
import jobs
from answers import ApiError, bad_body, bad_query, not_found, take
from api_rooms import find_room
from pages import by_last

NOUN = {"recordings": "Recording", "live_streams": "Live stream",
        "external_streams": "External stream"}
IDLE = {"recordings": "recording not running", "live_streams": "hls not running",
        "external_streams": "rtmp not running"}
DESTINATIONS = {"recordings": "browserRecordings", "live_streams": "hlsDestinations",
                "external_streams": "rtmpDestinations"}
MOST_URLS = 5


def find_job(kind, call):
    """The job of the path, a step further than the last time it was looked at."""
    job = call.world.jobs[kind].get(call.part("job_id"))
    if not job:
        raise not_found(NOUN[kind])
    jobs.step(call.world, kind, job)
    return job


def shown(kind, job):
    hidden = ("transcription", "resolution") if kind == "recordings" else ("transcription",)
    return {key: value for key, value in job.items() if key not in hidden}


def in_a_list(kind, job):
    """Lists leave out a recording's assets, and say null for those of a live stream."""
    row = shown(kind, job)
    if kind == "recordings":
        row.pop("recording_assets", None)
    elif kind == "live_streams":
        row["recording_assets"] = None
    return row


# what starting one takes

def fits(width, height):
    return (500 <= width <= 1920 and 480 <= height <= 1920 and not (width > 1080 and height > 1080)
            and (width >= height or height >= 500))


def read_resolution(body):
    size = take(body, "resolution", dict)
    if size is None:
        return {"width": 1280, "height": 720}
    width, height = (take(size, name, int, required=True) for name in ("width", "height"))
    if not fits(width, height):
        raise bad_body("resolution not supported")
    return {"width": width, "height": height}


def read_flags(body, name, flags):
    given = take(body, name, dict) or {}
    return {flag: bool(take(given, flag, bool)) for flag in flags}


def read_transcription(body, modes=()):
    wanted = take(body, "transcription", dict)
    if wanted is None:
        return None
    take(wanted, "enabled", bool)
    for name, known in (("modes", modes), ("output_modes", jobs.FORMS)):
        if not set(take(wanted, name, list) or ()) <= set(known):
            raise bad_body(f"transcription.{name}")
    take(wanted, "custom_vocabulary", list)
    summary = take(wanted, "summary", dict) or {}
    take(summary, "enabled", bool)
    if len(take(summary, "context", str) or "") > 300:
        raise bad_body("transcription.summary.context longer than 300 characters")
    temperature = take(summary, "temperature", (int, float))
    if temperature is not None and not 0.1 <= temperature <= 1:
        raise bad_body("transcription.summary.temperature")
    sections = take(summary, "sections", list) or []
    if len(sections) > 6:
        raise bad_body("transcription.summary.sections more than 6")
    for section in sections:
        if not isinstance(section, dict):
            raise bad_body("transcription.summary.sections")
        if (len(take(section, "title", str, required=True)) > 100
                or section.get("format") not in ("bullets", "paragraph")):
            raise bad_body("transcription.summary.sections")
    return wanted


def read_urls(body):
    urls = take(body, "rtmp_urls", list, required=True)
    if not 1 <= len(urls) <= MOST_URLS:
        raise bad_body(f"rtmp_urls takes 1 to {MOST_URLS} URLs")
    if not all(isinstance(url, str) and url.startswith(("rtmp://", "rtmps://")) for url in urls):
        raise bad_body("rtmp_urls")
    return urls


def read_destination(call, kind, room, body):
    known = (call.world.templates.get(room.get("template_id")) or {}).get("destinations", {})
    known = known.get(DESTINATIONS[kind]) or {}
    name = take(body, "destination", str)
    if name is None:
        if len(known) > 1:
            raise bad_body("destination is required")
        return next(iter(known), "")
    if name not in known:
        raise bad_body("destination not found")
    return name


def read_meeting_url(call, room, body):
    url = take(body, "meeting_url", str)
    if url:
        if not url.startswith(("http://", "https://")):
            raise bad_body("meeting_url")
        return url
    if room.get("template_id") not in call.world.subdomains:
        raise bad_body("meeting_url is required")
    return (f"https://school.app.100ms.live/preview/{room['id']}/__internal_recorder"
            "?skip_preview=true")


async def start(kind, call):
    room = find_room(call)
    body = await call.read_object()
    fields = {"destination": read_destination(call, kind, room, body)}
    if kind == "recordings":
        fields.update(resolution=read_resolution(body),
                      transcription=read_transcription(body))
        fields["asset_types"] = ["room-composite", "chat"] + [
            name for name, on in (("transcript", fields["transcription"]),
                                  ("summary", (fields["transcription"] or {}).get("summary")))
            if on]
        take(body, "audio_only", bool)
    elif kind == "live_streams":
        fields.update(recording=read_flags(body, "recording",
                                           ("hls_vod", "single_file_per_layer")),
                      transcription=read_transcription(body, ("recorded", "live")))
    else:
        fields.update(rtmp_urls=read_urls(body), recording=bool(take(body, "recording", bool)),
                      resolution=read_resolution(body))
    meeting_url = read_meeting_url(call, room, body)
    if jobs.running(call.world, kind, room["id"]):
        raise ApiError(400, f"{NOUN[kind].lower()} already running")
    job = jobs.new_job(call.world, kind, room, meeting_url, **fields)
    if kind == "live_streams":
        job["playback"] = {"url": f"https://cdn.100ms.live/beam/{room.get('customer_id')}/"
                                  f"{room['id']}/{job['id']}/master.m3u8"}
    return shown(kind, job)


# reading and ending

def list_jobs(kind, call):
    room_id, session_id = call.text("room_id"), call.text("session_id")
    status = call.text("status")
    if status is not None and status not in jobs.STATUSES:
        raise bad_query("status")
    jobs.step_all(call.world, kind)
    return by_last(call, call.world.jobs[kind], lambda job: (
        (room_id is None or job["room_id"] == room_id)
        and (session_id is None or job["session_id"] == session_id)
        and (status is None or job["status"] == status)),
        functools.partial(in_a_list, kind))


def get_job(kind, call):
    return shown(kind, find_job(kind, call))


def stop_job(kind, call):
    job = find_job(kind, call)
    if job["status"] != "running":
        raise ApiError(404, IDLE[kind])
    return shown(kind, jobs.stop(call.world, kind, job))


def stop_in_room(kind, call):
    room = find_room(call)
    going = jobs.running(call.world, kind, room["id"])
    if not going:
        raise ApiError(404, IDLE[kind])
    rows = [in_a_list(kind, jobs.stop(call.world, kind, job)) for job in going]
    answer = {"limit": len(rows), "data": rows, "last": rows[-1]["id"]}
    return answer if kind == "recordings" else {**answer, "error": ""}


# recording on and off, and metadata, while it runs

def going(kind, job):
    if not job or job["status"] != "running":
        raise ApiError(404, IDLE[kind])
    return job


def hold_recording(paused, call):
    """A recording is paused by room; its status does not tell, nor its asset types."""
    room = find_room(call)
    job = next(iter(jobs.running(call.world, "recordings", room["id"])), None)
    if job:
        jobs.step(call.world, "recordings", job)
    going("recordings", job)
    (call.world.paused.add if paused else call.world.paused.discard)(job["id"])
    return {**shown("recordings", job), "asset_types": None}


def hold_live_stream(paused, call):
    job = going("live_streams", find_job("live_streams", call))
    (call.world.paused.add if paused else call.world.paused.discard)(job["id"])
    return shown("live_streams", job)


async def send_metadata(call):
    job = going("live_streams", find_job("live_streams", call))
    body = await call.read_object()
    payload = take(body, "payload", str, required=True)
    seconds = take(body, "duration", int, required=True)
    if len(payload) > 100:
        raise bad_body("payload longer than 100 characters")
    if seconds <= 0:
        raise bad_body("duration")
    room = call.world.rooms.get(job["room_id"])
    template = call.world.templates.get(room.get("template_id")) or {}
    destination = ((template.get("destinations") or {}).get("hlsDestinations") or {}).get(
        job["destination"])
    if not (destination or {}).get("enableMetadataInsertion"):
        raise ApiError(400, "metadata insertion is not enabled")
    call.world.timed_metadata.append({"stream_id": job["id"], "payload": payload,
                                      "duration": seconds, "sent_at": clock.stamp(clock.now())})
    return shown("live_streams", job)


def routes(kind, base):
    of = functools.partial
    return [
        ("GET", base, of(list_jobs, kind)),
        ("GET", f"{base}/{{job_id}}", of(get_job, kind)),
        ("POST", f"{base}/room/{{room_id}}/start", of(start, kind)),
        ("POST", f"{base}/room/{{room_id}}/stop", of(stop_in_room, kind)),
        ("POST", f"{base}/{{job_id}}/stop", of(stop_job, kind)),
    ]


ROUTES = [
    *routes("recordings", "/recordings"),
    ("POST", "/recordings/room/{room_id}/pause", functools.partial(hold_recording, True)),
    ("POST", "/recordings/room/{room_id}/resume", functools.partial(hold_recording, False)),
    *routes("live_streams", "/live-streams"),
    ("POST", "/live-streams/{job_id}/pause-recording", functools.partial(hold_live_stream, True)),
    ("POST", "/live-streams/{job_id}/resume-recording",
     functools.partial(hold_live_stream, False)),
    ("POST", "/live-streams/{job_id}/timed-metadata", send_metadata),
    *routes("external_streams", "/external-streams"),
]
