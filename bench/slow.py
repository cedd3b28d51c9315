#!/usr/bin/python3
"""An origin that takes its time: every page of every room after a fixed wait.

usage: slow.py MILLISECONDS PAGES FOLDER

Serves the first PAGES pages of FOLDER/sessions and FOLDER/events (written by
pages.py) for any room, each after the wait; prints its port.
"""
import asyncio
import json
import sys

from aiohttp import web

WAIT, PAGES, FOLDER = float(sys.argv[1]) / 1000, int(sys.argv[2]), sys.argv[3]


def pages(kind, cursor):
    bodies = []
    for number in range(PAGES):
        with open("%s/%s/%d.json" % (FOLDER, kind, number)) as page:
            body = json.load(page)
        body[cursor] = str(number + 1) if number + 1 < PAGES else ""
        bodies.append(json.dumps(body).encode())
    return bodies


def handler(bodies):
    async def answer(request):
        await asyncio.sleep(WAIT)
        return web.Response(body=bodies[int(request.query.get("start", 0))],
                            content_type="application/json")
    return answer


async def main():
    app = web.Application()
    app.router.add_get("/v2/sessions", handler(pages("sessions", "last")))
    app.router.add_get("/v2/analytics/events", handler(pages("events", "next")))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
