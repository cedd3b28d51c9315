"""A server that answers with mutated answers of the API, for script/fuzz.

usage: pages.py CORPUS [--seed N]

Whatever is asked below /N/ gets the N-th answer, which depends on the seed and N only: a file of the
directory CORPUS, changed in a few places as JSON and as bytes, with the status that the file's name
begins with.
"""

import asyncio
import copy
import json
import os
import random
import sys

TOKENS = [b"null", b"true", b"-1", b"1e99999", b"9" * 500, b"\"\"", b"\"\\u0000\"", b"\"\\ud800\"", b"[]", b"{}", b"{\"a\":{\"b\":[1]}}",
          b",", b":", b"\"", b"\\", b"[", b"]", b"{", b"}", b"\xff", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\0", b"\n", b" ", b"\\u12", b"\\x",
          b"\"2026-01-31T09:00:00.123456789Z\"", b"\"0001-01-01T00:00:00Z\"", b"\"99999-12-31T25:61:61Z\"", b"1.5", b"-0", b"\"eyJhbGciOiJIUzI1NiJ9.e30.x\"",
          b"[" * 70, b"{\"a\":" * 70, b"%s%n%s", b"\"\xe6\x97\xa5\"", b"retry after 0 seconds", b"retry after 99999999999999999999"]
KEYS = ["data", "events", "peers", "id", "last", "next", "limit", "message", "code", "details", "type", "timestamp", "extra", "recording", "pagination", "has_next", "tracks"]
VALUES = [None, True, False, 0, -1, 2**31, 2**63, 1.5, "", "x", "\0", "\ud800", "2026-01-31T09:00:00Z", [], {}, [[]], [None], {"a": 1}, "9" * 300]


class Corpus:
    """What is mutated: answers of the API, in files."""

    def __init__(self, directory, seed):
        self.seed = seed
        self.files = []
        for name in sorted(os.listdir(directory)):
            with open(os.path.join(directory, name), "rb") as file:
                self.files.append((name, file.read()))

    def answer(self, number):
        """Status and body of the n-th answer."""
        rng = random.Random(self.seed * 1_000_003 + number)
        name, body = rng.choice(self.files)
        status = int(name.split("-")[0])
        if rng.random() < 0.1:
            status = rng.choice([200, 400, 401, 404, 429, 500])
        if rng.random() < 0.5:
            try:
                body = mutate_json(rng, body)
            except (ValueError, RecursionError):  # no JSON, or too deep for Python
                pass
        if rng.random() < 0.7:
            for _ in range(rng.choice([1, 1, 1, 2, 4])):
                body = mutate_bytes(rng, body, self.files)
        return status, body[:200_000]


def mutate_bytes(rng, body, files):
    """Cut, paste, flip or replace some bytes."""
    at = rng.randrange(len(body) + 1)
    length = rng.choice([0, 1, 1, 2, 8, 64])
    way = rng.randrange(6)
    if way == 0:
        return body[:at]
    if way == 1:
        return body[:at] + body[at + length:]
    if way == 2:
        return body[:at] + rng.choice(TOKENS) + body[at:]
    if way == 3:
        return body[:at] + rng.choice(TOKENS) + body[at + length:]
    if way == 4:
        return body[:at] + bytes(b ^ (1 << rng.randrange(8)) for b in body[at:at + 1]) + body[at + 1:]
    other = rng.choice(files)[1]
    start = rng.randrange(len(other) + 1)
    return body[:at] + other[start:start + rng.choice([8, 64, 512])] + body[at:]


def mutate_json(rng, body):
    """Put an odd value, or an odd name, at some place of the JSON."""
    top = json.loads(body)
    for _ in range(rng.choice([1, 1, 2, 3])):
        places = []
        collect(top, places)
        if not places:
            return body
        container, key = rng.choice(places)
        way = rng.randrange(4)
        if way == 0:
            container[key] = copy.deepcopy(rng.choice(VALUES))
        elif way == 1:
            container[key] = [container[key]] * rng.choice([1, 2, 40])
        elif isinstance(container, dict):
            value = container.pop(key)
            container[rng.choice(KEYS)] = value
        else:
            container.insert(key, copy.deepcopy(rng.choice(VALUES)))
    return json.dumps(top, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def collect(value, places):
    """Every place of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        places.append((value, key))
        collect(inner, places)


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, no more of it than libcurl needs."""

    def __init__(self, corpus):
        self.corpus, self.buffer = corpus, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, rest = self.buffer.split(b"\r\n\r\n", 1)
            length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            status, body = self.corpus.answer(int(head.split(b"/", 2)[1]))
            self.transport.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)


async def main():
    seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 1
    corpus = Corpus(sys.argv[1], seed)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(corpus), "127.0.0.1", 0)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
