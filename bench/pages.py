#!/usr/bin/python3
"""Writes the pages that the benchmarks walk, and an nginx that serves them.

usage: pages.py DIRECTORY PORT

200 pages of 100 track events (about 64 kB a page) and 200 pages of 100
sessions with 5 peers each (about 158 kB a page); the events once more, over
and over, as 10,000 pages; the last page of events, and one room.  A page's
cursor is the number of the next one.  The files depend on nothing but these
numbers.  The same over TLS is on PORT + 1.
"""
import json
import os
import random
import subprocess
import sys
import uuid

ROOM = "65f000000000000000000001"
CUSTOMER = "65f0000000000000000000c1"
LONG = 10000


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
{affinity}
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
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        location = /v2/analytics/events {{ rewrite ^ /events/$page.json break; root {folder}; }}
        location = /v2/long/analytics/events {{ rewrite ^ /long/$page.json break; root {folder}; }}
        location = /v2/last/analytics/events {{ rewrite ^ /events/last.json break; root {folder}; }}
        location = /v2/rooms/{room} {{ rewrite ^ /room.json break; root {folder}; }}
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
    rows = []
    for k in range(200):
        with open("%s/events/%d.json" % (folder, k)) as page:
            rows.append(page.read().split('"events":', 1)[1])
    os.makedirs(folder + "/long")
    for k in range(LONG):
        with open("%s/long/%d.json" % (folder, k), "w") as page:
            page.write('{"limit":100,"total":%d,"next":"%s","events":%s'
                       % (LONG * 100, k + 1 if k + 1 < LONG else "", rows[k % 200]))
    write(folder + "/sessions", 200, lambda k: {
        "limit": 100,
        "data": [session(rng, k * 100 + i) for i in range(100)],
        "last": str(k + 1) if k + 1 < 200 else ""})
    os.link(folder + "/events/199.json", folder + "/events/last.json")
    with open(folder + "/room.json", "w") as out:
        json.dump({"id": ROOM, "name": "mathematics-101", "enabled": True, "description": "",
                   "customer_id": CUSTOMER, "template_id": CUSTOMER, "region": "in",
                   "created_at": stamp(0, "1"), "updated_at": stamp(0, "1")}, out)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder + "/server.key", "-out", folder + "/server.pem"],
                   check=True, stderr=subprocess.DEVNULL)
    with open(folder + "/nginx.conf", "w") as out:
        out.write(NGINX.format(folder=folder, port=port, tls_port=port + 1, room=ROOM,
                               affinity="worker_cpu_affinity 10;" if os.cpu_count() > 1 else ""))


main()
