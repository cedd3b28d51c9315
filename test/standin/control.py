"""The control calls, /_standin/...: the log, faults, the truth, crafted and bulk data, reset."""

import json
import re

from aiohttp import web

import api_jobs
import school
import storage
from api_rooms import shown
from answers import encode


def reply(value):
    return web.Response(body=json.dumps(value).encode() if isinstance(value, list)
                        else encode(value), content_type="application/json")


def complain(error):
    return web.Response(status=400, text=f"{error}\n")


def jobs_of(world, kind):
    return [api_jobs.shown(kind, job) for job in world.jobs[kind].newest_first()]


def truth(world):
    """All there is, as the API would show it, unpaged."""
    return {
        "rooms": [shown(room) for room in world.rooms.newest_first()],
        "sessions": world.sessions.newest_first(),
        "active": [{"room_id": room_id, **live} for room_id, live in world.active.items()],
        "events": [json.loads(event.json) for events in world.events_of.values()
                   for event in events],
        "room_codes": [{key: value for key, value in row.items() if key != "id"}
                       for codes in world.codes_of.values() for row in codes.newest_first()],
        "messages": world.messages,
        "templates": world.templates.newest_first(),
        "recordings": jobs_of(world, "recordings"),
        "live_streams": jobs_of(world, "live_streams"),
        "external_streams": jobs_of(world, "external_streams"),
        "recording_assets": world.assets.newest_first(),
        "stream_keys": world.stream_keys.newest_first(),
        "polls": world.polls.newest_first(),
        **{f"poll_{what}": [row for (_, kind), rows in world.poll_rows.items() if kind == what
                            for row in rows.newest_first()]
           for what in ("sessions", "responses", "results")},
        "webhook_events": world.deliveries,
        "timed_metadata": world.timed_metadata,
        "sip_trunks": list(world.trunks.values()),
        "sip_calls": world.calls,
        "dtmf": world.dtmf,
    }


def shelves(world):
    """What can be put into the world as it is, beside rooms, sessions and events."""
    return {"templates": world.templates, "recording_assets": world.assets,
            "stream_keys": world.stream_keys, "polls": world.polls, **world.jobs}


async def get_log(request):
    return reply(list(request.app["state"].log))


async def clear_log(request):
    request.app["state"].log.clear()
    return reply({})


async def get_faults(request):
    return reply(request.app["state"].faults.rules)


async def set_faults(request):
    try:
        request.app["state"].faults.set(await request.json())
    except (ValueError, TypeError, re.error) as error:
        return complain(error)
    return reply({})


async def clear_faults(request):
    request.app["state"].faults.clear()
    return reply({})


async def set_filter(request):
    how = (await request.json()).get("before")
    if how not in (None, "ignored", "exclusive", "empty", "seconds", "earlier", "later", "refused",
                   "timeless"):
        return complain("no such filter")
    request.app["state"].filter_before = how
    return reply({})


async def get_world(request):
    return reply(truth(request.app["state"].world))


async def put_world(request):
    world = request.app["state"].world
    try:
        given = await request.json()
        for room in given.get("rooms", []):
            world.add_room(room)
        for session in given.get("sessions", []):
            world.add_session(session)
        world.put_events(given.get("events", []))
        world.files.update(storage.read_files(given.get("files", {})))
        for name, shelf in shelves(world).items():
            for row in given.get(name, []):
                shelf.put(row)
        world.deliveries += given.get("webhook_events", [])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return complain(repr(error))
    return reply({})


async def load(request):
    try:
        given = await request.json()
        school.load(request.app["state"].world, given["room_id"], given.get("sessions", 0),
                    given.get("peers", 0), given.get("events", 0))
    except (ValueError, KeyError, TypeError) as error:
        return complain(repr(error))
    return reply({})


async def reset(request):
    state = request.app["state"]
    state.reset()
    return reply({})


def routes():
    return [
        web.get("/_standin/log", get_log),
        web.delete("/_standin/log", clear_log),
        web.get("/_standin/faults", get_faults),
        web.put("/_standin/faults", set_faults),
        web.delete("/_standin/faults", clear_faults),
        web.put("/_standin/filter", set_filter),
        web.get("/_standin/world", get_world),
        web.post("/_standin/world", put_world),
        web.post("/_standin/load", load),
        web.post("/_standin/reset", reset),
    ]
