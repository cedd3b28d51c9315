"""Times: RFC 3339 text with 0 to 9 fractional digits, to and from integer nanoseconds."""

import calendar
import re
import time

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ZERO = "0001-01-01T00:00:00Z"  # Go's zero time: never

RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$")


def now():
    return time.time_ns()


def stamp(ns, digits=9):
    """The API cuts trailing zeros, and cuts (never rounds) what it does not keep."""
    seconds, rest = divmod(ns, SECOND)
    fraction = f"{rest:09d}"[:digits].rstrip("0")
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def parse(text):
    """Nanoseconds since 1970; ValueError when the text is no RFC 3339 time."""
    found = RFC3339.match(text)
    if not found:
        raise ValueError(f"not a time: {text!r}")
    *date, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = map(int, date)
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
            and hour < 24 and minute < 60 and second < 60):
        raise ValueError(f"not a time: {text!r}")
    ns = calendar.timegm((year, month, day, hour, minute, second)) * SECOND
    ns += int((fraction or "0").ljust(9, "0"))
    if sign:
        offset = int(hours) * HOUR + int(minutes) * MINUTE
        ns += offset if sign == "-" else -offset
    return ns


def read(value, default=0):
    """As parse, for crafted objects: the default where there is no time."""
    try:
        return parse(value)
    except (TypeError, ValueError):
        return default
