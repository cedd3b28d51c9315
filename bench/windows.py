#!/usr/bin/python3
"""An origin with one long list of sessions, which it filters by time; every page comes after a fixed wait.

usage: windows.py MILLISECONDS SESSIONS

The sessions are a year's, newest first, at times that are uneven from hour to hour; prints its port.
"""
import asyncio
import bisect
import datetime
import random
import sys

from aiohttp import web

WAIT, SESSIONS = float(sys.argv[1]) / 1000, int(sys.argv[2])
BEGIN = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)
YEAR = 365 * 24 * 3600 * 1000  # ms


def text(ms):
    return (BEGIN + datetime.timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"


def make():
    """Times, oldest first, and the JSON of each session."""
    rng = random.Random(1)
    step = YEAR // SESSIONS
    times = sorted(n * step + rng.randrange(step) for n in range(SESSIONS))
    bodies = ['{"id":"65f0%020d","room_id":"65f1%020d","customer_id":"customer","active":false,"peers":{},'
              '"created_at":"%s","updated_at":"%s"}' % (n, n % 40, text(at), text(at + 3600000))
              for n, at in enumerate(times)]
    return times, bodies


TIMES, BODIES = make()


def instant(value):
    at = datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return round((at - BEGIN) / datetime.timedelta(milliseconds=1))


async def sessions(request):
    arrived = asyncio.get_running_loop().time()
    query = request.query
    limit = int(query.get("limit", 10))
    newest = len(TIMES) if "start" not in query else int(query["start"].lstrip("s"))
    if "before" in query:
        newest = min(newest, bisect.bisect_right(TIMES, instant(query["before"])))
    oldest = bisect.bisect_left(TIMES, instant(query["after"])) if "after" in query else 0
    page = range(newest - 1, max(newest - 1 - limit, oldest - 1), -1)
    body = '{"limit":%d,"data":[%s],"last":"%s"}' % (
        limit, ",".join(BODIES[n] for n in page), "s%d" % page[-1] if page else "")
    await asyncio.sleep(arrived + WAIT - asyncio.get_running_loop().time())
    return web.Response(body=body.encode(), content_type="application/json")


async def main():
    app = web.Application()
    app.router.add_get("/v2/sessions", sessions)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
