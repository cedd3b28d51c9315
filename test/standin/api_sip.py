"""SIP: trunks, calls out (the callee joins the room), and DTMF."""

import asyncio
import re

import clock
from answers import ApiError, not_found, take, with_app_token

RINGING = 0.05            # seconds until the callee answers
NOBODY = "+10000000000"   # never answers
TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+$")
RESERVED = {"to", "from", "via", "contact", "call-id", "cseq", "max-forwards", "route",
            "content-type", "content-length"}
DIGITS = set("0123456789*#abcd")


def mandatory(body, *names):
    for name in names:
        if not take(body, name, str):
            raise ApiError(400, f"{name} is mandatory")


async def create_trunk(call):
    body = await call.read_object()
    mandatory(body, "username", "password", "address", "from")
    trunk = {"id": call.world.new_id(), **body}
    call.world.trunks[trunk["id"]] = trunk
    return {"id": trunk["id"]}


async def update_trunk(call):
    trunk = call.world.trunks.get(call.part("trunk_id"))
    if not trunk:
        raise not_found("Trunk")
    body = await call.read_object()
    trunk.update({name: take(body, name, str) for name in
                  ("username", "password", "address", "from") if body.get(name)})
    return {"id": trunk["id"]}


async def start_call(call):
    """Answers when the callee does."""
    body, world = await call.read_object(), call.world
    mandatory(body, "to", "room_code", "trunk_id")
    take(body, "video", bool)
    headers = take(body, "headers", dict) or {}
    for name, value in headers.items():
        if not TOKEN.match(name) or not isinstance(value, str) or re.search(r"[\r\n]", value):
            raise ApiError(400, f"invalid header {name}")
    code = next((codes.get(body["room_code"]) for codes in world.codes_of.values()
                 if codes.get(body["room_code"])), None)
    if not code or not code["enabled"]:
        raise not_found("Code")
    if body["trunk_id"] not in world.trunks:
        raise not_found("Trunk")
    room = world.rooms.get(code["room_id"])
    if not room.get("enabled", True):
        raise ApiError(403, "Room is disabled")
    await asyncio.sleep(RINGING)
    if body["to"] == NOBODY:
        raise ApiError(408, "timed out")
    peer = world.join(room, take(body, "name", str) or body["to"],
                      take(body, "user_id", str) or "", code["role"])
    row = {"id": world.new_id(), "to": body["to"], "room_id": room["id"], "peer_id": peer["id"],
           "trunk_id": body["trunk_id"], "headers": {
               name: value for name, value in headers.items() if name.lower() not in RESERVED}}
    world.calls.append(row)
    return {"id": row["id"]}


@with_app_token
async def send_dtmf(call):
    body = await call.read_object()
    digits = body.get("digits")
    if not digits or not isinstance(digits, list):
        raise ApiError(400, "digits are mandatory")
    if not all(isinstance(digit, str) and digit.lower() in DIGITS for digit in digits):
        raise ApiError(400, "invalid digit")
    call.world.dtmf.append({"room_id": call.claims["room_id"], "digits": digits,
                            "sent_at": clock.stamp(clock.now())})
    return {}


ROUTES = [
    ("POST", "/sip/outbound/trunks", create_trunk),
    ("POST", "/sip/outbound/trunks/{trunk_id}", update_trunk),
    ("POST", "/sip/outbound/call", start_call),
    ("POST", "/sip/dtmf", send_dtmf),
]
