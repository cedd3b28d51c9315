#!/usr/bin/python3
"""Measures hms beside its peers and prints ratios of medians.

usage: bench.py WORK_DIRECTORY      (run by script/bench, which prepares it)

Every line pairs what is measured with its peer in turn, A B A B ..., so that
a machine whose speed drifts drifts for both.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

WORK = sys.argv[1]
RUNS = int(os.environ.get("RUNS", 9))
ORIGIN = "http://127.0.0.1:%s/v2" % os.environ["ORIGIN_PORT"]
SLOW = "http://127.0.0.1:%s/v2" % os.environ["SLOW_PORT"]
HERE = os.path.dirname(os.path.abspath(__file__))


def run(command, text=None):
    return subprocess.run(command, input=text, check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def sql(statement, url=ORIGIN, before="SELECT 1 FROM hms_track_events('x') LIMIT 1"):
    """Milliseconds of a statement in a backend that has made a request before."""
    out = run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"],
              "SET hms.api_url = '%s';\n%s;\n\\timing on\n%s;\n" % (url, before, statement))
    return float(re.findall(r"^Time: ([0-9.]+) ms", out, re.M)[-1])


def bare(path, pages):
    """Milliseconds of libcurl alone over the same pages."""
    return float(run([WORK + "/bare", "%s%s?room_id=x" % (ORIGIN, path), str(pages), "1"]).split()[0])


def sdk(what):
    """Milliseconds of the Node SDK."""
    return float(run(["node", HERE + "/sdk.mjs", WORK + "/sdk", ORIGIN, what, "1"]).split()[0])


def pair(name, ours, theirs, peer, goal, invert=False):
    """One line: ours against the peer; invert where more is better."""
    pairs = [(ours(), theirs()) for _ in range(RUNS)]
    a = statistics.median(p[0] for p in pairs)
    b = statistics.median(p[1] for p in pairs)
    ratio = b / a if invert else a / b
    print("%-44s %9.1f ms  %-26s %9.1f ms  %6.2f x  goal %s" % (name, a, peer, b, ratio, goal), flush=True)


EVENTS = "SELECT count(*), count(DISTINCT user_id) FROM hms_track_events('x')"
SESSIONS = "SELECT count(*), count(DISTINCT room_id) FROM hms_sessions('x')"
PEERS = "SELECT count(*), count(DISTINCT user_id) FROM hms_session_peers('x')"
WIDE = "SELECT count(*) FROM (SELECT * FROM hms_track_events('x') OFFSET 0) s WHERE s IS DISTINCT FROM NULL"

pair("20,000 track events, two aggregates", lambda: sql(EVENTS),
     lambda: bare("/analytics/events", 200), "bare libcurl", "<= 2.5")
pair("20,000 track events, every column", lambda: sql(WIDE),
     lambda: bare("/analytics/events", 200), "bare libcurl", "-")
pair("20,000 sessions, two aggregates", lambda: sql(SESSIONS),
     lambda: bare("/sessions", 200), "bare libcurl", "<= 2.5")
pair("100,000 peers of them, two aggregates", lambda: sql(PEERS),
     lambda: bare("/sessions", 200), "bare libcurl", "<= 2.5")

if run(["psql", "-XAtq", "-c", "SELECT count(*) FROM pg_available_extensions WHERE name = 'http'"]).strip() == "1":
    run(["psql", "-XAtq", "-f", HERE + "/http.sql"])
    pair("20,000 track events, two aggregates",
         lambda: sql("SELECT count(*), count(DISTINCT e -> 'data' ->> 'user_id') FROM by_hand('%s', 'events', 'next') e"
                     % (ORIGIN + "/analytics/events?room_id=x")),
         lambda: sql(EVENTS), "hms", ">= 3")

if os.path.isdir(WORK + "/sdk/node_modules") and shutil.which("node"):
    pair("Node SDK, 20,000 track events", lambda: sdk("events"), lambda: sql(EVENTS), "hms", ">= 3")
    pair("Node SDK, 20,000 sessions", lambda: sdk("sessions"), lambda: sql(SESSIONS), "hms", ">= 3")
    pair("Node SDK, 5,000 auth tokens", lambda: sdk("tokens"),
         lambda: sql("SELECT count(hms_auth_token('room', 'host', 'user-' || g)) FROM generate_series(1, 5000) g"),
         "hms", ">= 25")

rate = 1e9 / statistics.median(
    sql("SELECT count(hms_auth_token('room', 'host', 'user-' || g)) FROM generate_series(1, 1000000) g")
    for _ in range(3))
print("%-44s %9.0f a second %46s goal >= 100000" % ("1,000,000 auth tokens in one statement", rate, ""), flush=True)

ROOMS = "ARRAY(SELECT 'room-' || g FROM generate_series(1, 64) g)"
pair("64 rooms of two pages at 50 ms, one by one",
     lambda: sql("SELECT count(*) FROM generate_series(1, 64) g, LATERAL hms_sessions('room-' || g)", SLOW),
     lambda: sql("SELECT count(*) FROM hms_sessions(%s)" % ROOMS, SLOW), "as an array, 8 at a time", ">= 7")
ideal = 64 * 2 / 8 * 50.0
pair("64 rooms of two pages at 50 ms, as an array",
     lambda: sql("SELECT count(*) FROM hms_sessions(%s)" % ROOMS, SLOW),
     lambda: ideal, "ideal waves of 8", "<= 1.15")
pair("the same, their track events",
     lambda: sql("SELECT count(*) FROM hms_track_events(%s)" % ROOMS, SLOW),
     lambda: ideal, "ideal waves of 8", "<= 1.15")

WARM = "DO $$ BEGIN FOR i IN 1..500 LOOP PERFORM count(*) FROM hms_track_events('x'); END LOOP; END $$"
pair("500 warm calls of one page", lambda: sql(WARM, ORIGIN + "/last"),
     lambda: bare("/last/analytics/events", 500), "bare libcurl", "<= 1.3")
pair("200,000 track events", lambda: sql(EVENTS, ORIGIN + "/long"),
     lambda: 10 * sql(EVENTS), "10 x 20,000", "<= 1.10")


def connect(libraries):
    """Milliseconds of a whole psql that runs nothing."""
    start = time.perf_counter()
    subprocess.run(["psql", "-XAtqc", "SELECT 1"], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, PGOPTIONS="-c session_preload_libraries=" + libraries))
    return (time.perf_counter() - start) * 1000


pair("a connection that loads the library", lambda: connect("hms"), lambda: connect(""),
     "one that does not", "+ 1 ms")
