"""Rooms: create (an upsert by name), list, read, update, enable and disable."""

import re

import clock
from answers import ApiError, bad_body, not_found, take
from pages import by_last
from world import CUSTOMER, name_of

NAME = re.compile(r"[A-Za-z0-9.\-:_]+$")
REGIONS = ("in", "us", "eu", "auto")
STORES = ("s3", "gs", "oss", "azure")


def find_room(call):
    room = call.world.rooms.get(call.part("room_id"))
    if not room:
        raise not_found("Room")
    return room


# what the API shows

def without_credentials(info):
    if not info or not info.get("upload_info"):
        return info
    upload = {key: value for key, value in info["upload_info"].items() if key != "credentials"}
    return {**info, "upload_info": upload}


def shown(room):
    if "recording_info" not in room:
        return room
    return {**room, "recording_info": without_credentials(room["recording_info"])}


def listed(room):
    row = shown(room)
    row = {key: value for key, value in row.items() if key != "recording_info"}
    return {**row, "recording": without_credentials(room.get("recording_info")),
            "key": f"{room.get('customer_id', CUSTOMER)}:{name_of(room)}"}


def written(room, at):
    """Right after a write: all digits of updated_at, and storage credentials in clear."""
    return {**room, "customer": room.get("customer_id"), "updated_at": clock.stamp(at)}


def thin(room, at):
    return {"id": room["id"], "name": name_of(room), "enabled": room.get("enabled", True),
            "description": room.get("description", ""), "customer": room.get("customer_id"),
            "customer_id": room.get("customer_id"), "recording_source_template": False,
            "enabled_source_template": False, "template_id": "", "template": "", "region": "",
            "recording": None, "created_at": room.get("created_at"), "updated_at": clock.stamp(at)}


# what the API refuses

def check_recording(info):
    take(info, "enabled", bool)
    upload = take(info, "upload_info", dict)
    if upload is None:
        return
    if not upload.get("location"):
        raise ApiError(400, "Bucket location is missing")
    credentials = upload.get("credentials")
    if upload.get("type") not in STORES or not isinstance(upload["location"], str) or (
            credentials is not None and not (isinstance(credentials, dict)
                                             and credentials.get("key")
                                             and credentials.get("secret"))):
        raise ApiError(400, "Invalid upload configuration")


def check_webhook(webhook):
    url = take(webhook, "url", str, required=True)
    if not url.startswith(("http://", "https://")):
        raise bad_body("webhook.url")
    headers = take(webhook, "headers", dict) or {}
    if not all(isinstance(value, str) for value in headers.values()):
        raise bad_body("webhook.headers")


def settings(call, body, room=None):
    """The settings of a room that a body names, checked."""
    if "template" in body:
        raise ApiError(400, "Invalid body param: template. Use template_id")
    given = {}
    for name, kind in (("name", str), ("description", str), ("region", str), ("enabled", bool),
                       ("large_room", bool), ("size", int), ("max_duration_seconds", int),
                       ("polls", list), ("webhook", dict), ("recording_info", dict)):
        value = take(body, name, kind)
        if value is not None:
            given[name] = value
    if given.get("name") == "":
        del given["name"]
    if not NAME.match(given.get("name", "-")):
        raise bad_body("name")
    if given.get("region", "auto") not in REGIONS:
        raise ApiError(400, "Error: region not supported")
    size = given.get("size", 0)
    if size < 0:
        raise bad_body("room size less than 0")
    if size > 20000:
        raise bad_body("room size greater than 20000")
    if size > 2500 and not given.get("large_room", (room or {}).get("large_room")):
        raise bad_body("room size greater than 2500, set large_room flag as true")
    seconds = given.get("max_duration_seconds", 120)
    if seconds < 120:
        raise bad_body("max_duration_seconds less than 120 seconds")
    if seconds > 43200:
        raise bad_body("max_duration_seconds greater than 43200 seconds")
    if not all(isinstance(poll, str) for poll in given.get("polls", [])):
        raise bad_body("polls")
    if "recording_info" in given:
        check_recording(given["recording_info"])
        given["recording_source_template"] = False
    if "webhook" in given:
        check_webhook(given["webhook"])
    return given


# endpoints

async def create_room(call):
    world = call.world
    body = await call.read_object()
    room = world.room_named(take(body, "name", str) or "")
    given = settings(call, body, room)
    template = None
    if take(body, "template_id", str):
        template = world.templates.get(body["template_id"])
        if not template:
            raise ApiError(400, "Error: template not found")
    at = clock.now()
    if room is None:
        room = world.new_room(template, at)
        at -= 2_000_000  # another machine's clock
    elif template:
        room.update(template_id=template["id"], template=template["name"])
    room.update(given, updated_at=clock.stamp(at, 3))
    return written(room, at)


async def update_room(call):
    room = find_room(call)
    body = await call.read_object()
    given = settings(call, body, room)
    other = call.world.room_named(given.get("name", ""))
    if other and other is not room:
        raise bad_body("name already in use")
    at = clock.now()
    room.update(given, updated_at=clock.stamp(at, 3))
    return thin(room, at) if set(body) == {"enabled"} else written(room, at)


def list_rooms(call):
    enabled, template_id, name = call.flag("enabled"), call.text("template_id"), call.text("name")
    after, before = call.instant("after"), call.instant("before")

    def wanted(room):
        at = clock.read(room.get("created_at"))
        return ((enabled is None or room.get("enabled", True) == enabled)
                and (template_id is None or room.get("template_id") == template_id)
                and (name is None or name_of(room).lower() == name.lower())
                and (after is None or at >= after) and (before is None or at <= before))

    return by_last(call, call.world.rooms, wanted, listed)


def get_room(call):
    return shown(find_room(call))


ROUTES = [
    ("GET", "/rooms", list_rooms),
    ("POST", "/rooms", create_room),
    ("GET", "/rooms/{room_id}", get_room),
    ("POST", "/rooms/{room_id}", update_room),
]
