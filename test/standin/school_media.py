"""The rest of the seed's world: recordings, streams, keys, polls, webhook deliveries."""

import json
import random

import clock
import jobs
from api_polls import read_poll
from pages import Shelf
from world import APP, CUSTOMER

QUIZ = {"title": "Fractions", "type": "quiz", "duration": 300, "questions": [
    {"text": "1/2 + 1/4 = ?", "options": [{"text": "3/4"}, {"text": "2/6"}, {"text": "1/8"}],
     "answer": {"options": [1], "hidden": True}, "weight": 2},
    {"text": "Which are prime?", "type": "multiple-choice",
     "options": [{"text": "2"}, {"text": "9"}, {"text": "11"}], "answer": {"options": [1, 3]}},
    {"text": "What was hard today?", "type": "short-answer", "answer_max_len": 200}]}
SURVEY = {"title": "How was the lesson?", "anonymous": True, "mode": "peerid", "start": "manual",
          "questions": [{"text": "Stars?", "options": [{"text": "*"}, {"text": "**"}]}]}


def furnish(world, start):
    world.subdomains.add(next(iter(world.templates))["id"])
    rooms = list(world.rooms)
    recordings(world)
    streams(world)
    running(world, rooms, start)
    stream_key(world, rooms[2], start)
    polls(world, rooms[0])
    deliveries(world)


# jobs

def finished(world, kind, job_id, session, started, stopped, **fields):
    job = {"id": job_id, "room_id": session["room_id"], "session_id": session["id"],
           "status": "completed", "created_at": clock.stamp(started - 2 * clock.SECOND),
           "meeting_url": f"https://school.example/preview/{session['room_id']}/guest"
                          "?skip_preview=true",
           "destination": "", "started_at": clock.stamp(started),
           "updated_at": clock.stamp(stopped + clock.MINUTE), "stopped_at": clock.stamp(stopped),
           "started_by": "", "stopped_by": "", "recording_assets": None, **fields}
    if job["status"] == "completed":
        jobs.leave_assets(world, kind, job)
    world.jobs[kind].put(job)
    return job


def recordings(world):
    """One for each recording event, the last of them failed."""
    told = [json.loads(event.json)["data"] for events in world.events_of.values()
            for event in events if event.type == "beam.recording.success"]
    for n, data in enumerate(told):
        failed = {"status": "failed"} if n == len(told) - 1 else {}
        finished(world, "recordings", data["beam_id"], world.sessions.get(data["session_id"]),
                 clock.parse(data["started_at"]), clock.parse(data["stopped_at"]),
                 asset_types=["room-composite", "chat", "transcript"],
                 transcription={"enabled": n % 2 == 0, "output_modes": ["txt", "srt", "json"],
                                "summary": {"enabled": True}}, **failed)


def streams(world):
    for n, session in enumerate(world.sessions.newest_first()):
        if session["active"] or n % 9 not in (4, 7):
            continue
        started = clock.parse(session["created_at"]) + 90 * clock.SECOND
        stopped = clock.parse(session["updated_at"]) - 20 * clock.SECOND
        job_id = world.new_id()
        if n % 9 == 4:
            finished(world, "live_streams", job_id, session, started, stopped,
                     destination="main", transcription=None,
                     recording={"hls_vod": True, "single_file_per_layer": n % 2 == 0},
                     playback={"url": f"https://cdn.100ms.live/beam/{CUSTOMER}/"
                                      f"{session['room_id']}/{job_id}/master.m3u8"})
        else:
            finished(world, "external_streams", job_id, session, started, stopped,
                     rtmp_urls=["rtmps://live.example/app/key-1", "rtmp://other.example/in/key-2"],
                     recording=n % 2 == 0, resolution={"width": 1920, "height": 1080})


def running(world, rooms, start):
    """In the classes that are on now: one is recorded, the other streamed."""
    at = {"created_at": clock.stamp(start - 6 * clock.MINUTE),
          "started_at": clock.stamp(start - 5 * clock.MINUTE),
          "updated_at": clock.stamp(start - 5 * clock.MINUTE), "status": "running"}
    meeting_url = "https://school.example/preview"
    jobs.new_job(world, "recordings", rooms[0], meeting_url, destination="",
                 asset_types=["room-composite", "chat"], transcription=None, resolution=None, **at)
    job = jobs.new_job(world, "live_streams", rooms[3], meeting_url, destination="main",
                       transcription=None,
                       recording={"hls_vod": True, "single_file_per_layer": False}, **at)
    job["playback"] = {"url": f"https://cdn.100ms.live/beam/{CUSTOMER}/{rooms[3]['id']}/"
                              f"{job['id']}/master.m3u8"}


def stream_key(world, room, start):
    at = clock.stamp(start - 90 * clock.DAY, 3)
    world.stream_keys.put({
        "id": world.new_id(), "url": "rtmp://ingest.example:443/live",
        "key": f"{world.random.getrandbits(160):040x}", "room_id": room["id"],
        "customer_id": CUSTOMER, "app_id": APP, "enabled": True, "created_at": at,
        "updated_at": at})


# polls

def polls(world, room):
    quiz, survey = ({"id": world.new_id(), **read_poll(poll)} for poll in (QUIZ, SURVEY))
    for poll in (quiz, survey):
        world.polls.put(poll)
    room["polls"] = [quiz["id"], survey["id"]]
    ended = [session for session in world.sessions_of[room["id"]].newest_first()
             if not session["active"]]
    for session in reversed(ended):
        run(world, quiz, session)
    run(world, survey, ended[0])


def run(world, poll, session):
    rng = world.random
    shelves = [world.poll_rows.setdefault((poll["id"], what), Shelf())
               for what in ("sessions", "responses", "results")]
    started = clock.parse(session["created_at"]) + 10 * clock.MINUTE
    pupils = [peer for peer in session["peers"].values() if peer["role"] == "student"]
    answers = 0
    for peer in pupils:
        who = {} if poll["anonymous"] else {"peer_id": peer["id"], "user_id": peer["user_id"]}
        for question in poll["questions"]:
            row = {"id": world.new_id(), "poll_id": poll["id"], "session_id": session["id"],
                   "duration": rng.randrange(500, 30_000), "question": question["index"],
                   "skipped": rng.random() < 0.1, "text": "", "update": False, "retries": 0,
                   "sent_at": clock.stamp(started + rng.randrange(300 * clock.SECOND)), **who}
            if question["options"]:
                row["options"] = [rng.randrange(len(question["options"])) + 1]
            else:
                row["text"] = rng.choice(("the homework", "nothing", "naïve Bayes", ""))
            shelves[1].put(row)
            answers += 1
            if rng.random() < 0.15:
                shelves[1].put({**row, "id": world.new_id(), "update": True, "retries": 1,
                                "original_response": row["id"]})
                answers += 1
            if poll["type"] == "quiz":
                shelves[2].put({"id": world.new_id(), "poll_id": poll["id"],
                                "session_id": session["id"], "question": question["index"],
                                "duration": row["duration"],
                                "score": rng.choice((0, question["weight"])), **who})
    shelves[0].put({"id": world.new_id(), "poll_id": poll["id"], "session_id": session["id"],
                    "started_at": clock.stamp(started),
                    "stopped_at": clock.stamp(started + 300 * clock.SECOND),
                    "total_responses": answers,
                    "unique_participants": len({peer["user_id"] for peer in pupils})})


# webhook deliveries

def deliveries(world):
    """A delivery for each opening, joining, leaving and closing; now and then one failed."""
    rng = random.Random(world.random.getrandbits(32))

    def tell(name, session, at, peer=None):
        luck = rng.random()
        world.deliver(name, session["room_id"], session["id"], at, peer,
                      "timeout" if luck < 0.04 else "status 410" if luck < 0.05 else None)

    for session in reversed(world.sessions.newest_first()):
        tell("session.open.success", session, clock.parse(session["created_at"]))
        for peer in session["peers"].values():
            tell("peer.join.success", session, clock.parse(peer["joined_at"]), peer)
            if "left_at" in peer:
                tell("peer.leave.success", session, clock.parse(peer["left_at"]), peer)
        if not session["active"]:
            tell("session.close.success", session, clock.parse(session["updated_at"]))
