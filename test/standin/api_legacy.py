"""The legacy API v1: rooms and Beam under /api/v2, templates under /policy/v1."""

import functools

import clock
import jobs
from answers import ApiError, bad_body, take
from api_jobs import fits
from api_rooms import settings, without_credentials
from api_templates import (delete_role, find_role, find_template, named, new_template, overwrite,
                           update_settings, upsert_role)
from pages import by_last
from world import CUSTOMER, name_of

BEAM_ERRORS = {
    1: "beam already started", 2: "internal server error", 3: "room_id missing",
    4: "room_id invalid", 5: "rtmp_url and record missing", 6: "meeting_url missing",
    7: "meeting_url invalid", 8: "operation invalid", 9: "operation missing",
    10: "no active beam found for the passed in identifiers", 11: "Resolution not supported"}
LOWEST = 10  # priority of a role
BEAM_KINDS = ("recordings", "external_streams")  # what Beam became


class BeamError(ApiError):
    """Its code is Beam's own number, not the HTTP status."""

    def __init__(self, code):
        super().__init__(500 if code == 2 else 400, f"Error: {BEAM_ERRORS[code]}")
        self.body = {"code": code, "message": f"Error: {BEAM_ERRORS[code]}"}


# rooms

def legacy_room(room):
    return {"id": room["id"], "name": name_of(room), "description": room.get("description", ""),
            "active": room.get("enabled", True),
            "recording_info": without_credentials(room.get("recording_info")),
            "user": CUSTOMER, "customer": room.get("customer_id"),
            "created_at": room.get("created_at"), "updated_at": room.get("updated_at")}


async def post_room(call):
    """Creates a room, or changes the one of that name: v1 disables by name."""
    body, world = await call.read_object(), call.world
    active, template_name = take(body, "active", bool), take(body, "template", str)
    given = settings(call, {key: value for key, value in body.items()
                            if key not in ("template", "active", "enabled")})
    template = named(world, template_name) if template_name else None
    if template_name and not template:
        raise ApiError(400, "Error: template not found")
    room = world.room_named(given.get("name", ""))
    if room is None:
        if active is False:
            raise ApiError(404, "Room not found")
        room = world.new_room(template, clock.now())
    elif template:
        room.update(template_id=template["id"], template=template["name"])
    room.update(given, updated_at=clock.stamp(clock.now(), 3))
    if active is not None:
        room["enabled"] = active
    return legacy_room(room)


# Beam

def text(body, name, missing):
    value = body.get(name)
    if not value:
        raise BeamError(missing)
    return value


async def beam(call):
    body, world = await call.read_object(), call.world
    operation = text(body, "operation", 9)
    if operation not in ("start", "stop"):
        raise BeamError(8)
    room_id = text(body, "room_id", 3)
    room = world.rooms.get(room_id) if isinstance(room_id, str) else None
    if not room:
        raise BeamError(4)
    going = [(kind, job) for kind in BEAM_KINDS for job in jobs.running(world, kind, room_id)]
    if operation == "stop":
        if not going:
            raise BeamError(10)
        for kind, job in going:
            jobs.stop(world, kind, job)
        return "Beam has stopped successfully"
    meeting_url = text(body, "meeting_url", 6)
    if not isinstance(meeting_url, str) or not meeting_url.startswith(("http://", "https://")):
        raise BeamError(7)
    urls, record = take(body, "rtmp_urls", list) or [], take(body, "record", bool)
    if not urls and not record:
        raise BeamError(5)
    if len(urls) > 3 or not all(isinstance(url, str) and url.startswith(("rtmp://", "rtmps://"))
                                for url in urls):
        raise bad_body("rtmp_urls")
    size = {"width": 1280, "height": 720}
    given = take(body, "resolution", dict)
    if given is not None:
        size = {name: given.get(name) for name in size}
        if not all(type(value) is int for value in size.values()) or not fits(**size):
            raise BeamError(11)
    if going:
        raise BeamError(1)
    if urls:
        jobs.new_job(world, "external_streams", room, meeting_url, destination="",
                     rtmp_urls=urls, recording=bool(record), resolution=size)
    else:
        jobs.new_job(world, "recordings", room, meeting_url, destination="", resolution=size,
                     asset_types=["room-composite", "chat"], transcription=None)
    return "Beam has started successfully"


# templates

def legacy_template(template):
    return {"_id": template["id"], "name": template["name"], "customer": CUSTOMER,
            "default": template.get("default", False), "roles": template["roles"],
            "settings": template["settings"]}


def asked(call):
    return next((row for row in call.world.templates if row["id"] == call.text("id")
                 or row["name"] == call.text("name")), None)


async def post_template(call):
    """With ?id= or ?name= it changes that template, else it makes one."""
    body = await call.read_object()
    default = take(body, "default", bool)
    if call.text("id") or call.text("name"):
        template = asked(call)
        if not template:
            raise ApiError(404, "Template not found")
        for name in ("roles", "settings"):
            take(body, name, dict, required=True)
        overwrite(call.world, template, body, LOWEST)
    else:
        template = new_template(call.world, body, LOWEST)
    if default is not None:
        template["default"] = default
    return legacy_template(template)


def list_templates(call):
    wanted, default = {name: call.text(name) for name in ("id", "name")}, call.flag("default")
    return by_last(call, call.world.templates, lambda row: all(
        value is None or row[name] == value for name, value in wanted.items()) and (
            default is None or row.get("default", False) == default),
        legacy_template, limits=(1, 20), null=True)


def get_settings(call):
    return {"region": find_template(call)["settings"]["region"]}


async def post_settings(call):
    return {"region": (await update_settings(call))["region"]}


ROLE = "/policy/v1/templates/{template_id}/roles/{role_name}"
SETTINGS = "/policy/v1/templates/{template_id}/settings"
ROUTES = [
    ("POST", "/api/v2/rooms", post_room),
    ("POST", "/api/v2/beam", beam),
    ("GET", "/policy/v1/templates", list_templates),
    ("POST", "/policy/v1/templates", post_template),
    ("GET", ROLE, find_role),
    ("POST", ROLE, functools.partial(upsert_role, lowest=LOWEST)),
    ("DELETE", ROLE, delete_role),
    ("GET", SETTINGS, get_settings),
    ("POST", SETTINGS, post_settings),
]
