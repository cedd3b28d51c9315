"""Faults: rules that make the server misbehave, and the ways it does."""

import asyncio
import itertools
import json
import random
import re
import socket
import struct
from http import HTTPStatus

from aiohttp import web

from answers import encode

ACTIONS = {"status", "delay", "reset", "reset_after", "truncate", "stall", "stall_after", "drip",
           "garbage", "raw_body", "flood", "repeat_cursor", "endless", "redirect"}
OTHERS = {"path", "query", "method", "after", "times", "chance", "headers", "body"}
GARBAGE = b"\x00\xff\xfe this is not HTTP \x01\x02\r\n\r\n" * 4
ROWS = ("data", "events", "responses", "results")
TICK = 0.05  # seconds between two drops of a drip


class Faults:
    """The rules in force. The first one that takes a request keeps it."""

    def __init__(self):
        self.rules = []

    def set(self, rules):
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            raise ValueError("an array of rules is wanted")
        for rule in rules:
            unknown = set(rule) - ACTIONS - OTHERS
            if unknown:
                raise ValueError(f"unknown key {sorted(unknown)[0]}")
            if not set(rule) & ACTIONS:
                raise ValueError("a rule without an action")
            re.compile(rule.get("path", ""))
            re.compile(rule.get("query", ""))
        self.rules = [dict(rule, seen=0) for rule in rules]

    def clear(self):
        self.rules = []

    def take(self, method, path, query):
        for rule in self.rules:
            if (rule.get("method", method) != method or not re.search(rule.get("path", ""), path)
                    or not re.search(rule.get("query", ""), query)):
                continue
            if random.random() >= rule.get("chance", 1):
                continue
            rule["seen"] += 1
            first, times = rule.get("after", 0), rule.get("times", 1)
            if rule["seen"] > first and (times == 0 or rule["seen"] <= first + times):
                return rule
        return None


async def misbehave(request, handler, rule):
    if "delay" in rule:
        await asyncio.sleep(rule["delay"])
    if "status" in rule:
        return refuse(rule)
    if rule.get("reset"):
        return reset(request)
    if rule.get("stall"):
        return await hang(request)
    if rule.get("garbage"):
        request["unanswered"] = True
        request.transport.write(GARBAGE)
        return close(request)
    if "raw_body" in rule:
        return web.Response(body=rule["raw_body"].encode("utf-8", "surrogatepass"),
                            headers={"Content-Type": "application/json", **rule.get("headers", {})})
    if "flood" in rule:
        return await flood(request, rule["flood"])
    if "redirect" in rule:
        return web.Response(status=302, headers={"Location": rule["redirect"]})

    request["endless"] = bool(rule.get("endless"))
    response = await handler(request)
    if rule.get("endless"):
        return same_page(response, go_on)
    if rule.get("repeat_cursor"):
        return same_page(response, lambda page: repeat(page, request.query.get("start")))
    for name, way in (("truncate", truncate), ("reset_after", reset_after),
                      ("stall_after", stall_after), ("drip", drip)):
        if name in rule:
            return await way(request, response, rule[name])
    return response


# answers that are well-formed HTTP

def refuse(rule):
    status = rule["status"]
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    body = rule.get("body")
    if body is None:
        body = encode({"code": status, "message": phrase, "details": [phrase]}).decode()
    headers = {"Content-Type": "application/json", **rule.get("headers", {})}
    return web.Response(status=status, reason=phrase, body=body.encode(), headers=headers)


def same_page(response, change):
    """The answer again, with its page changed."""
    if response.status != 200:
        return response
    page = json.loads(response.body)
    change(page)
    return web.Response(body=encode(page), content_type="application/json")


def repeat(page, start):
    """The cursor of this page is the one it was asked with."""
    if start:
        page["next" if "next" in page else "last"] = start


def go_on(page, numbers=itertools.count(1)):
    """A full page, and a cursor never seen before."""
    if "pagination" in page:
        page["pagination"]["has_next"] = True
        return
    rows = next(key for key in ROWS if key in page)
    size = max(page["limit"], 1)
    page[rows] = ((page[rows] or []) * size)[:size]
    page["next" if "next" in page else "last"] = f"endless-{next(numbers)}"


# answers that break off, crawl or never come

def close(request):
    if request.transport:
        request.transport.close()
    return web.Response()


def reset(request):
    """A TCP RST: closing a socket that must not linger."""
    request["unanswered"] = True
    if request.transport:
        request.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


async def hang(request):
    """Nothing more, until the client goes away."""
    request["unanswered"] = True
    while request.transport and not request.transport.is_closing():
        await asyncio.sleep(TICK)
    return web.Response()


async def begin(request, response, length=None):
    """The headers of an answer, with the whole body's length; the body as bytes beside it."""
    body = response.body or b""
    partial = web.StreamResponse(status=response.status,
                                 headers={"Content-Type": response.headers.get(
                                     "Content-Type", "application/json")})
    partial.content_length = len(body) if length is None else length
    partial.force_close()
    await partial.prepare(request)
    return partial, body


async def truncate(request, response, size):
    partial, body = await begin(request, response)
    await partial.write(body[:size])
    close(request)
    return partial


async def reset_after(request, response, size):
    partial, body = await begin(request, response)
    await partial.write(body[:size])
    await asyncio.sleep(TICK)  # or the RST overtakes the bytes
    return reset(request)


async def stall_after(request, response, size):
    partial, body = await begin(request, response)
    await partial.write(body[:size])
    return await hang(request)


async def drip(request, response, rate):
    partial, body = await begin(request, response)
    size = max(1, int(rate * TICK))
    for at in range(0, len(body), size):
        await partial.write(body[at:at + size])
        await asyncio.sleep(size / rate)
    return partial


async def flood(request, size):
    """A body of that many blanks, opened like an object."""
    partial, _ = await begin(request, web.Response(), size)
    await partial.write(b"{"[:size])
    blank, left = b" " * 65536, size - 1
    while left > 0:
        await partial.write(blank[:left])
        left -= len(blank)
    return partial
