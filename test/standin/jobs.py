"""Beam's jobs (recordings, live streams, external streams): how they run and what they leave."""

import clock

STATUSES = ("starting", "running", "stopping", "post_processing", "completed", "failed")
KINDS = ("recordings", "live_streams", "external_streams")
FORMS = ("txt", "srt", "json")  # of a transcript


def new_job(world, kind, room, meeting_url, **fields):
    at = clock.stamp(clock.now())
    live = world.active.get(room["id"])
    job = {"id": world.new_id(), "room_id": room["id"],
           "session_id": live["session_id"] if live else "", "status": "starting",
           "meeting_url": meeting_url, "created_at": at, "started_at": None, "updated_at": at,
           "stopped_at": None, "started_by": "", "stopped_by": "", "recording_assets": None,
           **fields}
    world.jobs[kind].put(job)
    return job


def step(world, kind, job):
    """Each look at a job finds it one step further: starting, running; stopping,
    post_processing, completed."""
    at = clock.now()
    if job["status"] == "starting":
        job.update(status="running", started_at=clock.stamp(at))
    elif job["status"] == "stopping":
        job.update(status="post_processing", stopped_at=job["stopped_at"] or clock.stamp(at))
    elif job["status"] == "post_processing":
        leave_assets(world, kind, job)
        job["status"] = "completed"
    else:
        return
    job["updated_at"] = clock.stamp(at)


def step_all(world, kind):
    for job in world.jobs[kind]:
        step(world, kind, job)


def running(world, kind, room_id):
    return [job for job in world.jobs[kind].newest_first()
            if job["room_id"] == room_id and job["status"] in ("starting", "running")]


def stop(world, kind, job):
    step(world, kind, job)
    at = clock.stamp(clock.now())
    job.update(status="stopping", updated_at=at, stopped_by="",
               stopped_at=None if kind == "recordings" else at)
    return job


# what a finished job leaves

def asset_plan(kind, job):
    """(type, file, metadata) of each asset."""
    size = job.get("resolution") or {"width": 1280, "height": 720}
    if kind == "recordings":
        plan = [("room-composite", f"Rec-{job['room_id']}.mp4", {"resolution": size}),
                ("chat", f"Rec-{job['room_id']}.csv", {})]
        transcription = job.get("transcription") or {}
        if transcription.get("enabled"):
            plan += [("transcript", f"transcript.{form}", {"output_mode": form})
                     for form in transcription.get("output_modes") or FORMS]
            if (transcription.get("summary") or {}).get("enabled"):
                plan.append(("summary", "summary.json", {"output_mode": "json"}))
        return plan
    if kind == "external_streams":
        return [("room-composite", f"Rec-{job['room_id']}.mp4", {"resolution": size})
                ] if job["recording"] else []
    plan, wanted = [], job.get("recording") or {}
    if wanted.get("hls_vod"):
        plan.append(("room-vod", "vod.zip",
                     {"num_layers": "2", "max_width": 1280, "max_height": 720}))
    if wanted.get("single_file_per_layer"):
        plan += [("room-composite", f"Rec-{layer}.mp4", {
            "layer": str(layer), "resolution": {"width": width, "height": height}})
            for layer, (width, height) in enumerate(((1280, 720), (640, 360)))]
    return plan


def leave_assets(world, kind, job):
    started, stopped = (clock.parse(job[name]) for name in ("started_at", "stopped_at"))
    seconds = (stopped - started) // clock.SECOND
    nested = []
    for n, (kind_of, file, metadata) in enumerate(asset_plan(kind, job)):
        asset = {"id": world.new_id(), "job_id": job["id"], "room_id": job["room_id"],
                 "session_id": job["session_id"], "type": kind_of, "status": "completed",
                 "path": f"s3://standin-recordings/beam/{job['room_id']}/{job['id']}/{file}",
                 "size": 4000 if kind_of == "chat" else 90_000 * (seconds + 1),
                 "duration": 0 if kind_of == "chat" else seconds,
                 "created_at": clock.stamp(stopped + (30 + n) * clock.SECOND),
                 "metadata": metadata}
        if kind_of not in ("transcript", "summary"):
            asset["thumbnails"] = (["thumb-0.png", "thumb-1.png"] if kind_of == "room-vod"
                                   else None)
        world.assets.put(asset)
        nested.append({key: value for key, value in asset.items()
                       if key not in ("job_id", "room_id", "session_id")})
    job["recording_assets"] = nested
