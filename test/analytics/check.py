"""Compares every row of the analytics functions with the oracle's, in TAP.

check.py --api http://127.0.0.1:PORT --seed N --worlds N

Loads the worlds of worlds.py into the stand-in, lets PostgreSQL (where psql's
environment points to) answer about each of them and about the stand-in's own
seeded world, and prints a line of TAP for each world and function.
"""

import argparse
from collections import Counter
import json
import subprocess
import sys
import urllib.request

import oracle
import worlds

TIME = "(extract(epoch FROM {0}) * 1000000)::bigint"
AS_IS, TEXT = "{0}", "{0}::text"

# Each function's columns, and how a value is put into a form that two programs
# agree on: times and intervals as microseconds, numeric with its scale.
COLUMNS = {
    "attendance": dict(
        session_id=AS_IS, room_id=AS_IS, user_id=AS_IS, known_by=AS_IS, name=AS_IS, roles=AS_IS,
        joins=AS_IS, first_joined_at=TIME, last_left_at=TIME, duration=TIME, present=TIME,
        minutes=TEXT, present_minutes=TEXT, share=TEXT, inside=AS_IS),
    "session_usage": dict(
        session_id=AS_IS, room_id=AS_IS, started_at=TIME, ended_at=TIME, active=AS_IS,
        duration=TIME, peers=AS_IS, users=AS_IS, joins=AS_IS, participant_time=TIME,
        participant_minutes=TEXT, peak_peers=AS_IS, peak_at=TIME),
    "talk_time": dict(
        session_id=AS_IS, room_id=AS_IS, user_id=AS_IS, known_by=AS_IS, track_type=AS_IS,
        source=AS_IS, on_time=TIME, switches=AS_IS, longest=TIME),
    "concurrency": dict(session_id=AS_IS, at=TIME, peers=AS_IS, users=AS_IS),
    "session_peers": dict(
        id=AS_IS, session_id=AS_IS, room_id=AS_IS, user_id=AS_IS, name=AS_IS, role=AS_IS,
        joined_at=TIME, left_at=TIME),
}


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return "ARRAY[" + ", ".join(map(literal, value)) + "]::text[]"
    return "'" + str(value).replace("'", "''") + "'"


def timestamp(micros):
    return f"timestamptz 'epoch' + {micros} * interval '1 microsecond'"


class Calls:
    """Calls about one world, sent as one statement, so that now is one instant."""

    def __init__(self, world, bot_roles):
        self.world = world
        self.bot_roles = bot_roles
        self.bots = {role.strip() for role in bot_roles.split(",")} - {""}
        self.asked = []

    def add_relation(self, relation, function, expected):
        """A relation with the columns of a function, and what makes its rows, given now."""
        columns = ", ".join(f"{form.format('r.' + name)} AS {name}"
                            for name, form in COLUMNS[function].items())
        self.asked.append((relation, function, columns, expected))

    def add(self, function, arguments, expected):
        """A call and what makes its rows."""
        self.add_relation(f"hms_{function}({arguments}) AS r", function, expected)

    def add_views(self, rooms, session=None):
        """The same reports as views over tables."""
        where = f"room_id = ANY ({literal(rooms)})"
        if session is not None:
            where += f" AND session_id = {literal(session)}"

        def chosen(now):
            return oracle.sessions(self.world, now, self.bots, rooms, session)

        for function, rows in (("attendance", lambda now: oracle.attendance(chosen(now))),
                               ("session_usage", lambda now: oracle.usage(chosen(now))),
                               ("talk_time", lambda now: oracle.talk_time(self.world, chosen(now), self.bots))):
            self.add_relation(f"tables.{function} AS r WHERE {where}", function, rows)

    def add_all(self, rooms, argument, session=None):
        """Every function over rooms, or over one session of them."""
        one = "" if session is None else f", session_id => {literal(session)}"

        def chosen(now):
            return oracle.sessions(self.world, now, self.bots, rooms, session)

        self.add("attendance", argument + one, lambda now: oracle.attendance(chosen(now)))
        self.add("talk_time", argument + one, lambda now: oracle.talk_time(self.world, chosen(now), self.bots))
        for step, text in ((60, None), (7, "7 seconds")):
            self.add("concurrency", argument + one + (f", step => '{text}'" if text else ""),
                     lambda now, step=step: oracle.concurrency(chosen(now), step * oracle.SECOND))
        if session is None:
            self.add("session_usage", argument, lambda now: oracle.usage(chosen(now)))

    def run(self, psql):
        """The functions' rows beside the oracle's: [(call, function, got, wanted)]."""
        rows = ",\n".join(
            f"(SELECT coalesce(json_agg(x), '[]') FROM (SELECT {columns} FROM {relation}) AS x)"
            for relation, _, columns, _ in self.asked)
        now = TIME.format("statement_timestamp()")
        now, *answers = psql(f"SET hms.bot_roles = {literal(self.bot_roles)};\nSELECT json_build_array({now},\n{rows})")
        return [(relation, function, got, expected(now))
                for (relation, function, _, expected), got in zip(self.asked, answers)]


def calls_about(world, rooms, bot_roles="__internal_recorder"):
    """What is asked about these rooms of a world; its stays and events become tables too."""
    psql(f"""TRUNCATE tables.stays, tables.track_events;
        INSERT INTO tables.stays SELECT * FROM hms_internal.stays(NULL, {literal(rooms)}, hms_internal.not_given(), NULL, NULL);
        INSERT INTO tables.track_events SELECT * FROM hms_track_events({literal(rooms)})""")
    calls = Calls(world, bot_roles)
    sessions = [s for s in world["sessions"] if s["room_id"] in rooms]
    for room in rooms:
        calls.add_all([room], literal(room))
        calls.add("session_peers", literal(room), lambda now, room=room: oracle.session_peers(
            [s for s in sessions if s["room_id"] == room]))
    calls.add_all(rooms, literal(rooms))
    calls.add_all([], literal([]))
    calls.add_views(rooms)
    if sessions:
        middle = sessions[len(sessions) // 2]
        calls.add_views([middle["room_id"]], middle["id"])
        calls.add_all([middle["room_id"]], literal(middle["room_id"]), middle["id"])
        calls.add_all([rooms[0]], literal(rooms[0]), sessions[-1]["id"])
        begin = oracle.instant(middle["created_at"])
        for window in ({"after": begin}, {"before": begin}, {"after": begin, "before": begin},
                       {"after": begin + 1000}, {"before": begin - 1000}):
            arguments = "".join(f", {name} => {timestamp(at)}" for name, at in window.items())
            for function, rows in (("attendance", oracle.attendance),
                                   ("session_usage", oracle.usage)):
                calls.add(function, literal(rooms) + arguments,
                          lambda now, rows=rows, window=window: rows(
                              oracle.sessions(world, now, calls.bots, rooms, **window)))
    return calls


def canonical(rows):
    return Counter(json.dumps(row, sort_keys=True) for row in rows)


class Tap:
    """Prints a line for each check and remembers what went wrong."""

    def __init__(self):
        self.count = self.failed = 0

    def check(self, good, name, diagnosis=()):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
        for line in diagnosis:
            print(f"# {line}")

    def done(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


def compare(tap, name, results):
    """One check a function: every call's rows are the oracle's, and there were some."""
    for function in COLUMNS:
        calls = [r for r in results if r[1] == function]
        compared, wrong = 0, []
        for call, _, got, wanted in calls:
            got, wanted = canonical(got), canonical(wanted)
            compared += sum(wanted.values())
            if got != wanted:
                wrong += [call] + [f"  unexpected {row}" for row in got - wanted] \
                    + [f"  missing    {row}" for row in wanted - got]
        tap.check(calls and not wrong, f"{name}: {function} in {len(calls)} calls", wrong[:40])
        TOTAL[function] += compared


TOTAL = Counter()


def psql(statement):
    """What one statement answers, as JSON."""
    # dozens of reports in one statement look to the planner as if compiling it were worth while
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
                          input=f"SET jit = off;\n{statement};\n", capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stderr}\nin {statement[:2000]}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def standin(api, path, document=None):
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(api + path, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def main():
    arguments = argparse.ArgumentParser(description="compare the analytics with the oracle")
    arguments.add_argument("--api", required=True, help="where the stand-in listens, without /v2")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--worlds", type=int, default=30, help="random worlds besides the crafted ones")
    given = arguments.parse_args()

    tap = Tap()
    psql("""CREATE SCHEMA tables;
        CREATE TABLE tables.stays (LIKE hms_stay);
        CREATE TABLE tables.track_events (LIKE hms_track_event);
        SELECT FROM hms_create_reports('tables')""")
    seeded = standin(given.api, "/_standin/world")
    for room in seeded["rooms"]:
        if any(session["room_id"] == room["id"] for session in seeded["sessions"]):
            compare(tap, f"the seeded room {room['name']}",
                    calls_about(seeded, [room["id"]]).run(psql))
    for world in worlds.all_worlds(given.seed, given.worlds):
        standin(given.api, "/_standin/world", world.document)
        rooms = [room["id"] for room in world.document["rooms"]]
        compare(tap, world.name, calls_about(world.document, rooms, world.bot_roles).run(psql))
    for function in COLUMNS:
        tap.check(TOTAL[function] > 100, f"{TOTAL[function]} rows of {function} compared")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
