#!/usr/bin/python3
"""An origin that takes its time: every page of every room after a fixed wait.

usage: slow.py MILLISECONDS PAGES FOLDER

Serves the beginning of the first PAGES pages of FOLDER/sessions and
FOLDER/events (written by pages.py) for rooms named room-1, room-2 and so on,
each after the wait; prints its port.  Pages are short: what is measured is the waiting.
"""
import asyncio
import json
import sys

from aiohttp import web

WAIT, PAGES, FOLDER = float(sys.argv[1]) / 1000, int(sys.argv[2]), sys.argv[3]


ROWS = 10


def pages(kind, rows, cursor):
    bodies = []
    for number in range(PAGES):
        with open("%s/%s/%d.json" % (FOLDER, kind, number)) as page:
            body = json.load(page)
        body["limit"] = ROWS
        body[rows] = body[rows][:ROWS]
        body[cursor] = str(number + 1) if number + 1 < PAGES else ""
        bodies.append(json.dumps(body).encode())
    return bodies


def handler(bodies):
    async def answer(request):
        await asyncio.sleep(WAIT)
        body = bodies[int(request.query.get("start", 0))]
        asked = request.query["room_id"]  # room-1, or the id that its rows have
        room = b"%03d" % int(asked[5:] if asked.startswith("room-") else asked[4:7])
        for prefix in (b"65f0", b"65f1"):  # ids of rooms and sessions: each room has its own
            body = body.replace(b'"%s000' % prefix, b'"%s%s' % (prefix, room))
        return web.Response(body=body, content_type="application/json")
    return answer


async def main():
    app = web.Application()
    app.router.add_get("/v2/sessions", handler(pages("sessions", "data", "last")))
    app.router.add_get("/v2/analytics/events", handler(pages("events", "events", "next")))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
