"""Webhook deliveries: what was sent and whether it arrived, and sending it again."""

import clock
from answers import ApiError, bad_body, bad_query, take

STATUSES = ("all", "failed", "success")
REPORT = "reporter.webhook.delivery."
MOST = 50_000  # webhooks of one replay


def window(start, end):
    """The asked window in nanoseconds, by the API's rules."""
    now = clock.now()
    start = now - clock.DAY if start is None else start
    end = now if end is None else end
    if start < now - 30 * clock.DAY:
        raise ApiError(400, "start_time must be within the last 30 days")
    if end < start:
        raise ApiError(400, "end_time must be after start_time")
    if end > start + 14 * clock.DAY:
        raise ApiError(400, "end_time must be within 14 days after start_time")
    return start, end


def chosen(world, start, end, room_id, names, status):
    """Deliveries, newest first."""
    rows = [row for row in world.deliveries
            if start <= clock.parse(row["event_timestamp"]) <= end
            and (not room_id or row["room_id"] == room_id)
            and (not names or row["payload"]["original_event_name"] in names)
            and (status == "all" or row["event_name"] == REPORT + status)]
    return sorted(rows, key=lambda row: (clock.parse(row["event_timestamp"]), row["event_id"]),
                  reverse=True)


def list_deliveries(call):
    start, end = window(call.instant("start_time", None), call.instant("end_time", None))
    status, page = call.text("status") or "all", call.integer("page", 1)
    if status not in STATUSES:
        raise bad_query("status")
    if page < 1:
        raise bad_query("page")
    limit = call.limit(low=1, default=50)
    rows = chosen(call.world, start, end, call.text("room_id"),
                  call.query.getall("event_names", []), status)
    pages = -(-len(rows) // limit)
    return {"events": rows[(page - 1) * limit:page * limit],
            "pagination": {"current_page": page, "page_size": limit, "total_pages": pages,
                           "total_items": len(rows), "has_next": page < pages,
                           "has_prev": page > 1},
            "summary": {"total_events": len(rows)}}


def read_time(body, name):
    text = take(body, name, str)
    try:
        return None if text is None else clock.parse(text)
    except ValueError:
        raise bad_body(name) from None


async def replay(call):
    body = await call.read_object()
    start, end = window(read_time(body, "start_time"), read_time(body, "end_time"))
    room_id = take(body, "room_id", str) or ""
    names = take(body, "event_names", list) or []
    status = take(body, "status", str) or "failed"
    limit, offset = take(body, "limit", int), take(body, "offset", int) or 0
    limit = MOST if limit is None else limit
    if status not in STATUSES:
        raise bad_body("status")
    if not 1 <= limit <= MOST:
        raise bad_body("limit")
    if offset < 0:
        raise bad_body("offset")
    filters = {"start_time": clock.stamp(start, 0), "end_time": clock.stamp(end, 0),
               "room_id": room_id, "event_types": names}
    same = (filters, status, limit, offset)
    replays = call.world.replays
    running = next((one for one in replays.values()
                    if one["same"] == same and one["answer"]["status"] == "Running"), None)
    if running:
        return {"workflow_id": running["answer"]["workflow_id"], "status": "already_running",
                "message": "a replay with these filters is already running", "filters": filters}
    rows = chosen(call.world, start, end, room_id, names, status)[offset:offset + limit]
    workflow_id = f"webhook-replay-{call.world.new_id()}"
    replays[workflow_id] = {"same": same, "rows": rows, "looks": 0, "answer": {
        "workflow_id": workflow_id, "status": "Running",
        "started_at": clock.stamp(clock.now(), 0),
        "filters": {**filters, "limit": limit, "offset": offset},
        "progress": {"total": len(rows), "completed": 0, "failed": 0}}}
    return {"workflow_id": workflow_id, "status": "started",
            "message": "webhook replay started", "filters": filters}


def get_replay(call):
    """The first look finds it half done, the next one finished."""
    one = call.world.replays.get(call.part("workflow_id"))
    if not one:
        raise ApiError(404, "workflow not found")
    one["looks"] += 1
    answer, rows = one["answer"], one["rows"]
    if answer["status"] == "Running" and one["looks"] == 1:
        answer["progress"]["completed"] = len(rows) // 2
    elif answer["status"] == "Running":
        gone = [row for row in rows if row["payload"].get("error_reason") == "status 410"]
        done = len(rows) - len(gone)
        answer.update(
            status="completed" if not gone else "completed_with_failures" if done else "failed",
            completed_at=clock.stamp(clock.now(), 0),
            progress={"total": len(rows), "completed": done, "failed": len(gone)},
            result={"total": len(rows), "completed": done, "failed": len(gone),
                    "failed_events": [row["event_id"] for row in gone]})
    return answer


ROUTES = [
    ("GET", "/analytics/webhooks", list_deliveries),
    ("POST", "/analytics/webhooks/replay", replay),
    ("GET", "/analytics/webhooks/replay/{workflow_id}", get_replay),
]
