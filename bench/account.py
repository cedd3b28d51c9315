#!/usr/bin/python3
"""An account behind an origin that takes its time, for what a mirror asks of it.

usage: account.py MILLISECONDS ROOMS SESSIONS DAYS EVENTS

SESSIONS sessions of the last DAYS days in ROOMS rooms, each with two peers and, on
average, EVENTS track events (those of the last 30 days are served); four sessions are on.
Every answer comes after the wait.  POST /grow adds 200 sessions of five events that
have just ended; GET /count says how many requests there were since the last time.  Prints its port.
"""
import asyncio
import json
import sys
import time

from aiohttp import web

WAIT = float(sys.argv[1]) / 1000
ROOMS, SESSIONS, DAYS = (int(word) for word in sys.argv[2:5])
EVENTS = float(sys.argv[5])
NOW = time.time()
rooms, sessions, events_of, by_id, lists = [], [], {}, {}, {}
asked = 0


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".%03dZ" % (at % 1 * 1000)


def add_session(number, began, active=False, events=None):
    room = rooms[number % ROOMS]["id"]
    key = "%024x" % (0x65f000000000 + number)
    ended = began + 1800
    session = {"id": key, "room_id": room, "customer_id": "customer", "active": active,
               "created_at": stamp(began), "updated_at": stamp(began if active else ended), "peers": {}, "at": began}
    for peer in ("a", "b"):
        session["peers"][key + peer] = {
            "id": key + peer, "session_id": key, "name": "Name " + peer, "role": "guest", "user_id": "user-" + peer,
            "joined_at": stamp(began), **({} if active else {"left_at": stamp(ended)})}
    sessions.append(session)
    by_id[key] = session
    if began > NOW - 29 * 86400:
        for n in range(int(EVENTS * (number + 1)) - int(EVENTS * number) if events is None else events):
            kind = "track.update.success" if n else "track.add.success"
            events_of.setdefault(room, []).append((kind, key, json.dumps(
                {"version": "2.0", "id": "%s-%d" % (key, n), "timestamp": stamp(began + n),
                 "type": kind,
                 "data": {"room_id": room, "session_id": key, "room_name": rooms[number % ROOMS]["name"], "peer_id": key + "a",
                          "user_id": "user-a", "user_name": "Name a", "role": "guest", "track_id": key, "stream_id": key,
                          "type": "audio", "source": "regular", "mute": n % 2 == 0}})))


for n in range(ROOMS):
    rooms.append({"id": "%024x" % (0x65e000000000 + n), "name": "room-%d" % n, "enabled": True,
                  "created_at": stamp(NOW - DAYS * 86400 - 3600)})
for n in range(SESSIONS):
    add_session(n, NOW - DAYS * 86400 + n * (DAYS * 86400 - 7200) / SESSIONS)
for n in range(4):
    add_session(SESSIONS + n, NOW - 3000 + n, True)
sessions.sort(key=lambda session: -session["at"])


def page(request, rows, place=None):
    limit, start = int(request.query.get("limit", 10)), request.query.get("start")
    first = 0 if start is None else 1 + place[start]
    part = rows[first:first + limit]
    return {"limit": limit, "data": [{key: value for key, value in row.items() if key != "at"} for row in part],
            "last": part[-1]["id"] if part else ""}


def list_sessions(request):
    key = tuple(request.query.get(name, "") for name in ("after", "before", "room_id", "active"))
    if key not in lists:
        rows = [s for s in sessions if key[0] <= s["created_at"] <= (key[1] or "~") and key[2] in ("", s["room_id"])
                and key[3] in ("", str(s["active"]).lower())]
        lists[key] = rows, {row["id"]: n for n, row in enumerate(rows)}
    return page(request, *lists[key])


def list_events(request):
    kinds, session = set(request.query.getall("type", [])), request.query.get("session_id")
    rows = [text for kind, key, text in events_of.get(request.query["room_id"], [])
            if kind in kinds and session in (None, key)]
    limit, first = int(request.query.get("limit", 10)), int(request.query.get("start", 0))
    part = rows[first:first + limit]
    return '{"limit": %d, "total": %d, "next": "%s", "events": [%s]}' % (
        len(part), len(rows), first + limit if first + limit < len(rows) else "", ", ".join(part))


def after_a_while(handler):
    async def answer(request):
        global asked
        asked += 1
        began = time.monotonic()
        body = handler(request)
        await asyncio.sleep(max(0, WAIT - (time.monotonic() - began)))
        return web.Response(text=body if isinstance(body, str) else json.dumps(body), content_type="application/json")
    return answer


async def grow(_):
    for n in range(200):
        add_session(len(by_id), time.time() - 2400 + n / 10, events=5)
    lists.clear()
    sessions.sort(key=lambda session: -session["at"])
    return web.json_response({})


async def count(_):
    global asked
    before, asked = asked, 0
    return web.json_response(before)


async def main():
    app = web.Application()
    for path, handler in (("rooms", lambda request: page(request, rooms)), ("sessions", list_sessions),
                          ("sessions/{id}", lambda request: by_id[request.match_info["id"]]),
                          ("analytics/events", list_events), ("recordings", lambda request: page(request, [])),
                          ("live-streams", lambda request: page(request, [])),
                          ("external-streams", lambda request: page(request, [])),
                          ("recording-assets", lambda request: page(request, []))):
        app.router.add_get("/v2/" + path, after_a_while(handler))
    app.router.add_post("/grow", grow)
    app.router.add_get("/count", count)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
