"""Analytics events: tracks, recordings and client errors of one room, page by page."""

import clock
from answers import ApiError, bad_query, encode
from pages import make_cursor, read_cursor
from world import ERROR_EVENTS, EVENT_TYPES, FILTERED


def list_events(call):
    room_id = call.text("room_id")
    if not room_id:
        raise ApiError(400, "Invalid query parameter", "room_id is required")
    types = tuple(sorted(set(call.query.getall("type", []))))
    if not set(types) <= set(EVENT_TYPES):
        raise bad_query("type")
    only_errors = call.flag("error")
    types = tuple(kind for kind in types or EVENT_TYPES
                  if not only_errors or kind in ERROR_EVENTS)
    values = tuple(call.text(name) for name in FILTERED)
    limit = call.limit(low=1)

    secret = call.request.app["state"].secret
    filters = (room_id, types, values)
    start = call.start()
    if start is None:
        since, size = clock.now() // clock.SECOND, len(call.world.events_of.get(room_id, []))
        position = 0
    else:
        since, size, position = read_cursor(secret, start, filters)
    found = call.world.matching_events(room_id, since, size, types, values)
    page = found[position:position + limit]
    following = ""
    if position + limit < len(found):
        following = make_cursor(secret, since, size, position + limit, filters)
    head = encode({"limit": len(page), "total": len(found), "next": following})
    return head[:-1] + b',"events":[' + b",".join(event.json for event in page) + b"]}"


ROUTES = [("GET", "/analytics/events", list_events)]
