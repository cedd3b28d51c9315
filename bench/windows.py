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
import urllib.parse

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


def page(query):
    """The answer to a request, as text."""
    limit = int(query.get("limit", 10))
    newest = len(TIMES) if "start" not in query else int(query["start"].lstrip("s"))
    if "before" in query:
        newest = min(newest, bisect.bisect_right(TIMES, instant(query["before"])))
    oldest = bisect.bisect_left(TIMES, instant(query["after"])) if "after" in query else 0
    shown = range(newest - 1, max(newest - 1 - limit, oldest - 1), -1)
    return '{"limit":%d,"data":[%s],"last":"%s"}' % (
        limit, ",".join(BODIES[n] for n in shown), "s%d" % shown[-1] if shown else "")


class Connection(asyncio.Protocol):
    """What comes is answered a fixed time after it came; what answering costs is no part of the wait."""

    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, self.received = self.received.split(b"\r\n\r\n", 1)
            url = head.split(b" ", 2)[1].decode()
            body = page(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))).encode()
            loop.call_at(arrived + WAIT, self.transport.write,
                         b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def main():
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
