"""Room codes: short codes that stand for a room and a role."""

import string

import clock
from answers import ApiError, bad_body, bad_query, not_found
from api_rooms import find_room
from pages import by_last

MOST = 100  # codes a room may have


def find_enabled_room(call):
    room = find_room(call)
    if not room.get("enabled", True):
        raise ApiError(403, "Room is disabled")
    return room


def new_code(world, room, role, at=None):
    text = "".join(world.random.choices(string.ascii_lowercase, k=10))
    code = f"{text[:3]}-{text[3:7]}-{text[7:]}"
    now = clock.stamp(at or clock.now(), 3)
    row = {"id": code, "code": code, "room_id": room["id"], "role": role, "enabled": True,
           "created_at": now, "updated_at": now}
    world.codes(room["id"]).put(row)
    return row


def shown(row):
    return {key: value for key, value in row.items() if key != "id"}


def create_codes(call):
    """A code for each role that has none; the codes of roles that are gone are disabled."""
    room = find_enabled_room(call)
    codes = call.world.codes(room["id"])
    roles = call.world.roles(room)
    for row in codes:
        if row["role"] not in roles and row["enabled"]:
            row.update(enabled=False, updated_at=clock.stamp(clock.now(), 3))
    having = {row["role"] for row in codes}
    for role in roles:
        if role not in having:
            new_code(call.world, room, role)
    return {"data": [shown(row) for row in codes.newest_first()]}


def create_code(call):
    room, role = find_enabled_room(call), call.part("role")
    if role not in call.world.roles(room):
        raise not_found("Role")
    if len(call.world.codes(room["id"])) >= MOST:
        raise bad_body(f"a room has at most {MOST} codes")
    return shown(new_code(call.world, room, role))


def list_codes(call):
    room, role, enabled = find_enabled_room(call), call.text("role"), call.flag("enabled")
    codes = call.world.codes(room["id"])
    if role == "":
        raise bad_query("role")
    if role and role not in call.world.roles(room) and role not in {row["role"] for row in codes}:
        raise not_found("Role")
    return by_last(call, codes, lambda row: (role is None or row["role"] == role)
                   and (enabled is None or row["enabled"] == enabled),
                   shown, default=20, ends=True)


async def update_code(call):
    body = await call.read_object()
    if (set(body) != {"code", "enabled"} or not isinstance(body["code"], str)
            or not isinstance(body["enabled"], bool)):
        raise ApiError(400, "Invalid body parameter")
    row = next((codes.get(body["code"]) for codes in call.world.codes_of.values()
                if codes.get(body["code"])), None)
    if not row:
        raise not_found("Code")
    room = call.world.rooms.get(row["room_id"])
    if body["enabled"] and (not room.get("enabled", True)
                            or row["role"] not in call.world.roles(room)):
        raise ApiError(403, "Code can not be enabled (role/room does not exist)")
    row.update(enabled=body["enabled"], updated_at=clock.stamp(clock.now(), 3))
    return shown(row)


ROUTES = [
    ("POST", "/room-codes/room/{room_id}", create_codes),
    ("GET", "/room-codes/room/{room_id}", list_codes),
    ("POST", "/room-codes/room/{room_id}/role/{role}", create_code),
    ("POST", "/room-codes/code", update_code),
]
