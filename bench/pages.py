#!/usr/bin/python3
"""Writes the pages that the benchmarks walk, and an nginx that serves them.

usage: pages.py DIRECTORY PORT

200 pages of 100 track events (about 64 kB a page) and 200 pages of 100
sessions with 5 peers each (about 158 kB a page).  A page's cursor is the
number of the next one.  The files depend on nothing but these numbers.
"""
import json
import os
import random
import sys
import uuid

ROOM = "65f000000000000000000001"
CUSTOMER = "65f0000000000000000000c1"


def uid(rng):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def stamp(seconds, fraction):
    day, rest = divmod(seconds, 86400)
    hour, rest = divmod(rest, 3600)
    return "2026-01-%02dT%02d:%02d:%02d.%sZ" % (
        1 + day % 28, hour, rest // 60, rest % 60, fraction)


def event(rng, number):
    nano = "%09d" % rng.randrange(10**9)
    kind = ("add", "update", "update", "remove")[number % 4]
    data = {
        "room_id": ROOM, "session_id": "65f0%020x" % (number // 400),
        "room_name": "mathematics-101", "peer_id": uid(rng),
        "user_id": "user-%d" % rng.randrange(500), "user_name": "Ada Lovelace",
        "joined_at": stamp(number * 7, nano), "role": "student",
        "track_id": uid(rng), "stream_id": uid(rng),
        "type": ("audio", "video")[number % 2], "source": "regular",
        "mute": number % 3 == 0, "started_at": stamp(number * 7, nano)}
    if kind == "remove":
        data["stopped_at"] = stamp(number * 7 + 60, nano)
    return {"version": "2.0", "id": uid(rng), "timestamp": stamp(number * 7, nano),
            "type": "track.%s.success" % kind, "data": data}


def session(rng, number):
    ident = "65f1%020x" % number
    peers = {}
    for _ in range(5):
        peer = uid(rng)
        peers[peer] = {
            "id": peer, "session_id": ident, "name": "Ada Lovelace",
            "role": "student", "user_id": "user-%d" % rng.randrange(500), "user": "",
            "joined_at": stamp(number * 3600, "%03d" % rng.randrange(1000)),
            "left_at": stamp(number * 3600 + 3000, "%03d" % rng.randrange(1000))}
    return {"id": ident, "room_id": ROOM, "customer_id": CUSTOMER, "active": False,
            "peers": peers, "created_at": stamp(number * 3600, "12"),
            "updated_at": stamp(number * 3600 + 3600, "5")}


def write(folder, count, page):
    os.makedirs(folder, exist_ok=True)
    for number in range(count):
        with open("%s/%d.json" % (folder, number), "w") as out:
            json.dump(page(number), out, separators=(",", ":"))


NGINX = """
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
daemon on;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    sendfile on;
    tcp_nodelay on;
    default_type application/json;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $arg_start $page {{ default $arg_start; "" 0; }}
    server {{
        listen 127.0.0.1:{port};
        location = /v2/analytics/events {{ rewrite ^ /events/$page.json break; root {folder}; }}
        location = /v2/long/analytics/events {{ rewrite ^ /long/$page.json break; root {folder}; }}
        location = /v2/last/analytics/events {{ rewrite ^ /events/last.json break; root {folder}; }}
        location = /v2/sessions {{ rewrite ^ /sessions/$page.json break; root {folder}; }}
    }}
}}
"""


def main():
    folder, port = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(100)

    def events(count):
        return lambda k: {
            "limit": 100, "total": count * 100,
            "next": str(k + 1) if k + 1 < count else "",
            "events": [event(rng, k * 100 + i) for i in range(100)]}

    write(folder + "/events", 200, events(200))
    write(folder + "/long", 2000, events(2000))
    write(folder + "/sessions", 200, lambda k: {
        "limit": 100,
        "data": [session(rng, k * 100 + i) for i in range(100)],
        "last": str(k + 1) if k + 1 < 200 else ""})
    os.link(folder + "/events/199.json", folder + "/events/last.json")
    with open(folder + "/nginx.conf", "w") as out:
        out.write(NGINX.format(folder=folder, port=port))


main()
