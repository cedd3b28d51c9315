"""Peer quality statistics: made up for a peer of an ended session, always the same ones."""

import random

import clock
from answers import ApiError, not_found

STEP = 10_000  # milliseconds between two samples
SAMPLES = 30   # at most


def series(rng, times, columns):
    """Parallel arrays; a lowest above the highest means an empty one, a None in it some nulls."""
    result = {"timestamps": times}
    for name, low, high, *gaps in columns:
        result[name] = [None if gaps and rng.random() < 0.1 else round(rng.uniform(low, high), 3)
                        for _ in times]
    return result


VIDEO_OUT = (("bitrate", 2e5, 9e5), ("fps", 20, 30), ("packet_loss_percent", 0, 2),
             ("rtt_ms", 20, 90))
AUDIO_OUT = (("bitrate", 2e4, 4e4), ("packet_loss_percent", 0, 2), ("rtt_ms", 20, 90),
             ("jitter_ms", 0, 9))
VIDEO_IN = (("bitrate", 2e5, 9e5, None), ("fps", 20, 30), ("freeze_count", 0, 3))
AUDIO_IN = (("bitrate", 2e4, 4e4, None), ("concealed_samples", 0, 500),
            ("packet_loss_percent", 0, 2))


def get_stats(call):
    peer_id, session_id = call.text("peer_id"), call.text("session_id")
    if not peer_id or not session_id:
        raise ApiError(400, "Invalid query parameter", "peer_id and session_id are required")
    session = call.world.sessions.get(session_id)
    if not session:
        raise not_found("Session")
    peer = (session.get("peers") or {}).get(peer_id)
    if not peer:
        raise not_found("Peer")
    if session.get("active"):
        raise not_found("Peer stats")
    rng = random.Random(peer_id)
    first = clock.parse(peer["joined_at"]) // 1_000_000
    last = clock.parse(peer.get("left_at") or session["updated_at"]) // 1_000_000
    times = list(range(first, max(last, first), STEP))[:SAMPLES]

    def track(columns, **more):
        return {"track_id": f"{rng.getrandbits(128):032x}", **more,
                "time_series": series(rng, times, columns)}

    camera = track(VIDEO_OUT, type="regular", rid="h")
    layers = [camera] + [{**camera, "rid": rid, "time_series": series(rng, times, VIDEO_OUT)}
                         for rid in "ml"]
    screen = {"track_id": f"{rng.getrandbits(128):032x}", "type": "screen", "rid": None,
              "time_series": series(rng, [], VIDEO_OUT)}
    return {"peer_id": peer_id, "session_id": session_id, "room_id": session["room_id"],
            "publisher": {"video": [*layers, screen], "audio": [track(AUDIO_OUT)]},
            "subscriber": {"video": [track(VIDEO_IN, type="regular") for _ in range(2)],
                           "audio": [track(AUDIO_IN) for _ in range(2)]}}


ROUTES = [("GET", "/analytics/peer-stats", get_stats)]
