"""Stream keys: what lets an encoder push RTMP into a room; one active key a room."""

import clock
from answers import ApiError, not_found
from api_rooms import find_room
from world import APP


def active_key(call, room):
    return next((key for key in call.world.stream_keys.newest_first()
                 if key["room_id"] == room["id"] and key["enabled"]), None)


def create_key(call):
    room = find_room(call)
    if not room.get("enabled", True):
        raise ApiError(403, "Room is disabled (not active)")
    if active_key(call, room):
        raise ApiError(400, "Active key already exists")
    at = clock.now()
    key = {"id": call.world.new_id(), "url": "rtmp://ingest.example:443/live",
           "key": f"{call.world.random.getrandbits(160):040x}", "room_id": room["id"],
           "customer_id": room.get("customer_id"), "app_id": APP, "enabled": True,
           "created_at": clock.stamp(at, 3), "updated_at": clock.stamp(at, 3)}
    call.world.stream_keys.put(key)
    return {**key, "created_at": clock.stamp(at), "updated_at": clock.stamp(at)}


def get_key(call):
    key = active_key(call, find_room(call))
    if not key:
        raise ApiError(404, "No active key found")
    return {"data": [key], "last": key["id"]}


def disable_key(call):
    key = active_key(call, find_room(call))
    if not key:
        raise not_found("Key")
    key.update(enabled=False, updated_at=clock.stamp(clock.now(), 3))
    return 201, {"message": "key disabled successfully"}


ROUTES = [
    ("POST", "/stream-keys/room/{room_id}", create_key),
    ("GET", "/stream-keys/room/{room_id}", get_key),
    ("POST", "/stream-keys/room/{room_id}/disable", disable_key),
]
