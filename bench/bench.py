#!/usr/bin/python3
"""Measures hms beside its peers and prints ratios of medians.

usage: bench.py WORK_DIRECTORY [PATTERN]     (run by script/bench, which prepares it)

Every line pairs what is measured with its peer in turn, A B A B ..., so that
a machine whose speed drifts drifts for both.  The origin has a core of its
own, as an API has; PostgreSQL and libcurl alone share another one.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

WORK = sys.argv[1]
PATTERN = sys.argv[2] if len(sys.argv) > 2 else ""
RUNS = int(os.environ.get("RUNS", 9))
PORT = int(os.environ["ORIGIN_PORT"])
ORIGIN = "http://127.0.0.1:%d/v2" % PORT
TLS_ORIGIN = "https://127.0.0.1:%d/v2" % (PORT + 1)
SLOW = "http://127.0.0.1:%s/v2" % os.environ["SLOW_PORT"]
CA_FILE = WORK + "/pages/server.pem"
ROOM = "65f000000000000000000001"
LONG_PAGES = 10000
ON_OUR_CORE = ["taskset", "-c", "0"] if os.cpu_count() > 1 else []
HERE = os.path.dirname(os.path.abspath(__file__))


def run(command, text=None):
    return subprocess.run(command, input=text, check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def psql(script):
    return run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"], script)


CONNECT = "SELECT 1 FROM hms_track_events('room-1') LIMIT 1"


def sql(statement, url=ORIGIN, before=None, settings=""):
    """Milliseconds of a statement in a backend that has run it, or that other one, before."""
    before = before or statement
    out = psql("SET hms.ca_file = '%s'; SET hms.api_url = '%s'; %s\n%s;\n\\timing on\n%s;\n"
               % (CA_FILE, url, settings, before, statement))
    return float(re.findall(r"^Time: ([0-9.]+) ms", out, re.M)[-1])


def bare(path, pages, origin=ORIGIN):
    """Milliseconds of libcurl alone over the same pages."""
    return float(run(ON_OUR_CORE + [WORK + "/bare", "%s%s?room_id=x" % (origin, path), str(pages), "1", CA_FILE]).split()[0])


def sdk(what):
    """Milliseconds of the Node SDK."""
    return float(run(["node", HERE + "/sdk.mjs", WORK + "/sdk", ORIGIN, what, "1"]).split()[0])


def pair(name, ours, theirs, peer, goal, invert=False):
    """One line: the median of ours against the peer's; or the peer's against ours."""
    if not re.search(PATTERN, name):
        return
    pairs = [(ours(), theirs()) for _ in range(RUNS)]
    a = statistics.median(p[0] for p in pairs)
    b = statistics.median(p[1] for p in pairs)
    print("%-46s %9.1f ms  %-24s %9.1f ms  %6.2f x  goal %s"
          % (name, a, peer, b, b / a if invert else a / b, goal), flush=True)


def value(name, figure, unit, goal):
    """One line without a peer."""
    print("%-46s %9s %-50s  goal %s" % (name, figure, unit, goal), flush=True)


# --- rows against bytes ---------------------------------------------------------

EVENTS = "SELECT count(*), count(DISTINCT user_id) FROM hms_track_events('x')"
SESSIONS = "SELECT count(*), count(DISTINCT room_id) FROM hms_sessions('x')"
PEERS = "SELECT count(*), count(DISTINCT user_id) FROM hms_session_peers('x')"
PEERS_COUNTED = "SELECT count(*), count(user_id) FROM hms_session_peers('x')"
LOCAL = "SELECT count(*), count(DISTINCT user_id) FROM peers_here"
WIDE = "SELECT count(*) FROM (SELECT * FROM hms_track_events('x') OFFSET 0) s WHERE s IS DISTINCT FROM NULL"

pair("20,000 track events, two aggregates", lambda: sql(EVENTS),
     lambda: bare("/analytics/events", 200), "bare libcurl", "<= 1.5")
pair("20,000 track events, every column", lambda: sql(WIDE),
     lambda: bare("/analytics/events", 200), "bare libcurl", "-")
pair("20,000 sessions, two aggregates", lambda: sql(SESSIONS),
     lambda: bare("/sessions", 200), "bare libcurl", "<= 1.5")
pair("100,000 peers of them, counted", lambda: sql(PEERS_COUNTED),
     lambda: bare("/sessions", 200), "bare libcurl", "<= 2.5")
pair("100,000 peers of them, two aggregates", lambda: sql(PEERS),
     lambda: bare("/sessions", 200), "bare libcurl", "<= 2.5")
psql("SET hms.api_url = '%s'; CREATE TABLE peers_here AS SELECT user_id FROM hms_session_peers('x')" % ORIGIN)
pair("of that, the aggregates over a local table", lambda: sql(LOCAL),
     lambda: bare("/sessions", 200), "bare libcurl", "-")

if psql("SELECT count(*) FROM pg_available_extensions WHERE name = 'http'").strip() == "1":
    run(["psql", "-XAtq", "-f", HERE + "/http.sql"])
    pair("pgsql-http by hand, 20,000 track events",
         lambda: sql("SELECT count(*), count(DISTINCT e -> 'data' ->> 'user_id') FROM by_hand('%s', 'events', 'next') e"
                     % (ORIGIN + "/analytics/events?room_id=x")),
         lambda: sql(EVENTS), "hms", ">= 3")
    pair("pgsql-http by hand, 20,000 sessions",
         lambda: sql("SELECT count(*), count(DISTINCT e ->> 'room_id') FROM by_hand('%s', 'data', 'last') e"
                     % (ORIGIN + "/sessions?room_id=x")),
         lambda: sql(SESSIONS), "hms", ">= 3")

if os.path.isdir(WORK + "/sdk/node_modules") and shutil.which("node"):
    pair("Node SDK, 20,000 track events", lambda: sdk("events"), lambda: sql(EVENTS), "hms", ">= 3")
    pair("Node SDK, 20,000 sessions", lambda: sdk("sessions"), lambda: sql(SESSIONS), "hms", ">= 3")
    pair("Node SDK, 5,000 auth tokens", lambda: sdk("tokens"),
         lambda: sql("SELECT count(hms_auth_token('room', 'host', 'user-' || g)) FROM generate_series(1, 5000) g"),
         "hms", ">= 25")

# --- tokens ------------------------------------------------------------------------

if re.search(PATTERN, "1,000,000 auth tokens in one statement"):
    rate = 1e9 / statistics.median(
        sql("SELECT count(hms_auth_token('room', 'host', 'user-' || g)) FROM generate_series(1, 1000000) g",
            before="SELECT hms_auth_token('room', 'host')")
        for _ in range(3))
    value("1,000,000 auth tokens in one statement", "%.0f" % rate, "a second, the secret in a file", ">= 100000")

if os.path.exists(WORK + "/jwt"):
    pair("100,000 auth tokens",
         lambda: sql("SELECT count(hms_auth_token('room', 'host', 'user-' || g)) FROM generate_series(1, 100000) g",
                     before="SELECT hms_auth_token('room', 'host')"),
         lambda: float(run(ON_OUR_CORE + [WORK + "/jwt", "100000"]).split()[0]), "bare libjwt", "<= 1.25")

# --- what waits in parallel -----------------------------------------------------------

ROOMS = "ARRAY(SELECT 'room-' || g FROM generate_series(1, 64) g)"
IDEAL = 64 * 2 / 8 * 50.0


def rooms(what, columns, over_array, over_one, ideal):
    """The rooms at once against one by one and against the ideal; the rows must be the same."""
    if not re.search(PATTERN, "64 rooms one by one, 64 rooms as an array, " + what):
        return
    array = "SELECT %s FROM %s" % (columns, over_array % ROOMS)
    one = "SELECT %s FROM generate_series(1, 64) g, LATERAL %s" % (columns, over_one % "'room-' || g")
    rows = [psql("SET hms.api_url = '%s'; %s" % (SLOW, query)) for query in (array, one)]
    if rows[0] != rows[1]:
        sys.exit("%s: %r is not %r" % (what, rows[0], rows[1]))
    pair("64 rooms one by one, " + what, lambda: sql(one, SLOW, CONNECT, ONE_AT_A_TIME),
         lambda: sql(array, SLOW, CONNECT), "as an array", ">= 7")
    pair("64 rooms as an array, " + what, lambda: sql(array, SLOW), lambda: ideal,
         "ideal waves of 8", "<= 1.15")


def joined(what, columns, over_array, over_outer, room="'room-' || g"):
    """Rooms of an outer relation: a join against the loop that it was, and against the array form."""
    if not re.search(PATTERN, "64 rooms joined, " + what):
        return
    ids = "SELECT %s AS id FROM generate_series(1, 64) g" % room
    array = "SELECT %s FROM %s" % (columns, over_array % ("ARRAY(%s)" % ids))
    outer = "SELECT %s FROM (%s) AS l, %s" % (columns, ids, over_outer)
    rows = [psql("SET hms.api_url = '%s'; %s" % (SLOW, query)) for query in (array, outer)]
    if rows[0] != rows[1]:
        sys.exit("%s: %r is not %r" % (what, rows[0], rows[1]))
    pair("64 rooms joined one by one, " + what, lambda: sql(outer, SLOW, CONNECT, ONE_AT_A_TIME),
         lambda: sql(outer, SLOW, CONNECT), "at a time", ">= 6")
    pair("64 rooms joined, " + what, lambda: sql(outer, SLOW, CONNECT), lambda: sql(array, SLOW, CONNECT),
         "as an array", "<= 1.25")


ONE_AT_A_TIME = "SET hms.max_connections = 1;"
SAME = "count(*), sum(hashtextextended(r::text, 0)::numeric)"
rooms("sessions", SAME, "hms_sessions(%s) r", "hms_sessions(%s) r", IDEAL)
rooms("track events", SAME, "hms_track_events(%s) r", "hms_track_events(%s) r", IDEAL)
rooms("hms_session_usage", "sum(peers), sum(participant_time)",
      "hms_session_usage(%s) r", "hms_session_usage(%s) r", IDEAL)
rooms("hms_attendance", "sum(joins), sum(present)",
      "hms_attendance(%s) r", "hms_attendance(%s) r", IDEAL)
rooms("hms_concurrency", "sum(peers), sum(users)",
      "hms_concurrency(%s, step => '1 hour') r", "hms_concurrency(%s, step => '1 hour') r", IDEAL)
rooms("hms_talk_time (two lists)", "count(*), sum(on_time)",
      "hms_talk_time(%s) r", "hms_talk_time(%s) r", 2 * IDEAL)

psql("CREATE SCHEMA live; IMPORT FOREIGN SCHEMA api LIMIT TO (sessions, track_events) FROM SERVER hms INTO live")
joined("LATERAL of sessions", SAME, "hms_sessions(%s) r", "LATERAL hms_sessions(l.id) AS r")
joined("LATERAL of track events", SAME, "hms_track_events(%s) r", "LATERAL hms_track_events(l.id) AS r")
joined("JOIN of a foreign table", "count(*), sum(hashtextextended(r.id, 0)::numeric)", "hms_track_events(%s) r",
       "live.track_events AS r WHERE r.room_id = l.id", "'65f0' || lpad(g::text, 3, '0') || '00000000000000001'")


# --- a long list in windows of time --------------------------------------------------------

LONG_LIST = "20,000 sessions in 200 pages, 50 ms each"
if re.search(PATTERN, LONG_LIST + " one by one, in windows"):
    windows = subprocess.Popen([sys.executable, HERE + "/windows.py", "50", "20000"], stdout=subprocess.PIPE, text=True)
    origin = "http://127.0.0.1:%s/v2" % windows.stdout.readline().strip()
    query = "SELECT count(*), count(DISTINCT id), md5(string_agg(id, ',')) FROM (SELECT id FROM hms_sessions() OFFSET 0) s"
    rows = [psql("SET hms.api_url = '%s'; %s %s" % (origin, how, query)) for how in ("", ONE_AT_A_TIME)]
    if rows[0] != rows[1] or not rows[0].startswith("20000|20000|"):
        sys.exit("%s: %r is not %r" % (LONG_LIST, rows[0], rows[1]))
    begin = "SELECT id FROM hms_sessions() LIMIT 1"
    pair(LONG_LIST, lambda: sql(query, origin, begin, ONE_AT_A_TIME), lambda: sql(query, origin, begin),
         "in windows", ">= 6")
    pair("the same in windows", lambda: sql(query, origin, begin), lambda: 200 / 8 * 50.0,
         "200 requests, 8 at a time", "<= 1.3")
    windows.terminate()

# --- what a mirror asks for ----------------------------------------------------------------


def account(*size):
    """An account of that many rooms, sessions, days and events a session, 50 ms a request; its process and port."""
    process = subprocess.Popen([sys.executable, HERE + "/account.py", "50"] + [str(n) for n in size],
                               stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def sync(port, first=False):
    """Requests and milliseconds of one run of hms_sync."""
    url = "http://127.0.0.1:%s" % port
    urllib.request.urlopen(url + "/count")
    out = psql("SET client_min_messages = error; SET hms.api_url = '%s/v2';\n%s\\timing on\nCALL hms_sync('kept');\n"
               % (url, "DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept; SELECT hms_create_mirror('kept');\n" if first else ""))
    return int(urllib.request.urlopen(url + "/count").read()), float(re.findall(r"^Time: ([0-9.]+) ms", out, re.M)[-1])


FIRST = "a first sync of 40 rooms, 4,000 sessions, 22,080 events"
UNCHANGED = "a sync of an unchanged account of 100,000 sessions"
if re.search(PATTERN, "mirror: " + FIRST + UNCHANGED):
    small, port = account(40, 4000, 28, 5.52)
    pages = 1 + 41 + 40 * 6 + 4
    runs = [sync(port, True) for _ in range(3)]
    requests, took = statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs)
    value(FIRST, "%d" % requests, "requests for %d pages: %.2f" % (pages, requests / pages), "<= 1.3")
    value("its time", "%.0f" % took, "ms, %.2f of its requests 8 at a time" % (took / (requests / 8 * 50)), "<= 2")
    value("the next one, nothing changed, four sessions on", "%d" % sync(port)[0], "requests", "<= 6")
    small.terminate()
    large, port = account(40, 100000, 365, 0)
    sync(port, True)
    value(UNCHANGED, "%d" % sync(port)[0], "requests", "<= 6")
    urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:%s/grow" % port, method="POST"))
    value("with 200 new sessions in its 40 rooms", "%d" % sync(port)[0], "requests", "<= 60")
    large.terminate()

# --- one call -----------------------------------------------------------------------


def calls(count, what):
    """So many statements, one after the other."""
    return "DO $$ BEGIN FOR i IN 1..%d LOOP PERFORM %s; END LOOP; END $$" % (count, what)


ONE_ROOM, ONE_PAGE = calls(500, "name FROM hms_room('%s')" % ROOM), calls(500, "count(*) FROM hms_track_events('x')")
for name, origin in (("", ORIGIN), (" over TLS", TLS_ORIGIN)):
    pair("500 warm calls of one room" + name, lambda: sql(ONE_ROOM, origin),
         lambda: bare("/rooms/" + ROOM, 500, origin), "bare libcurl", "<= 1.2")
    pair("500 warm calls of one page of 100 rows" + name, lambda: sql(ONE_PAGE, origin + "/last"),
         lambda: bare("/last/analytics/events", 500, origin), "bare libcurl", "-")


def first(statement):
    """Milliseconds of a statement in a backend that has not loaded the library."""
    out = run(["env", "PGOPTIONS=-c session_preload_libraries=", "psql", "-XAtq"],
              "SELECT 1;\n\\timing on\n%s;\n" % statement)
    return float(re.findall(r"^Time: ([0-9.]+) ms", out, re.M)[-1])


if re.search(PATTERN, "the library loaded, nothing called"):
    pairs = [(first("LOAD 'hms'"), first("SELECT 2")) for _ in range(3 * RUNS)]
    value("the library loaded, nothing called", "+ %.1f" % statistics.median(p[0] - p[1] for p in pairs),
          "ms, LOAD less an empty statement", "<= 1 ms")

# --- long walks -------------------------------------------------------------------------

EVENT_LIST = "count(*) FROM hms_track_events('x')"
pair("1,000,000 track events, count(*)", lambda: sql(calls(1, EVENT_LIST), ORIGIN + "/long", CONNECT),
     lambda: sql(calls(50, EVENT_LIST), ORIGIN, CONNECT), "20,000, 50 times", "<= 1.10")
pair("the same", lambda: sql(calls(1, EVENT_LIST), ORIGIN + "/long", CONNECT),
     lambda: bare("/long/analytics/events", LONG_PAGES), "bare libcurl", "-")
if re.search(PATTERN, "its peak of memory"):
    peaks = re.findall(r"VmHWM:\s+(\d+) kB", psql(
        "SET hms.api_url = '%s';\nSELECT pg_backend_pid() AS pid \\gset\n\\setenv BACKEND :pid\n"
        "%s;\n\\! grep VmHWM /proc/$BACKEND/status\n%s;\n"
        "\\! grep VmHWM /proc/$BACKEND/status\n" % (ORIGIN + "/long", CONNECT, calls(1, EVENT_LIST))))
    value("its peak of memory", "+ %.1f" % ((int(peaks[1]) - int(peaks[0])) / 1024), "MB over one page", "<= 16 MB")
