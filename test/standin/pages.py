"""Lists: objects kept newest first, and the API's ways of paging through them."""

import base64
import hashlib
import hmac
import re

import clock
from answers import bad_query

CURSOR = re.compile(r"s:(\d+)~n=(\d+)\+p=(\d+)/f:([0-9a-f]{8})~([A-Za-z0-9+/=]+)$")


def place(row):
    """When an object was made; of one that does not say so, where it stands all the same."""
    return clock.read(row.get("created_at"), clock.read(row.get("placed_at")))


class Shelf:
    """Objects by id; listed newest first."""

    def __init__(self):
        self.rows = {}
        self._order = None
        self._place = None

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows.values())

    def get(self, key):
        return self.rows.get(key)

    def put(self, row):
        self.rows[row["id"]] = row
        self._order = None

    def newest_first(self):
        if self._order is None:
            self._order = sorted(self.rows.values(), reverse=True,
                                 key=lambda row: (place(row), row["id"]))
            self._place = {row["id"]: n for n, row in enumerate(self._order)}
        return self._order

    def page(self, start, limit, wanted):
        """Up to limit wanted rows after the one whose id is start."""
        order = self.newest_first()
        if start is not None and start not in self._place:
            raise bad_query("start")
        rows = []
        for n in range(0 if start is None else self._place[start] + 1, len(order)):
            if wanted(order[n]):
                rows.append(order[n])
                if len(rows) == limit:
                    break
        return rows


def everything(row):
    return True


def as_it_is(row):
    return row


def by_last(call, shelf, wanted=everything, view=as_it_is, key="data", default=10, limits=(10, 100),
            null=False, ends=False):
    """Style `last` -> `start`. With null an empty page is null; with ends the last page's
    cursor is empty, else even a short page carries the id of its last row."""
    limit = call.limit(*limits, default=default)
    rows = shelf.page(call.start(), limit + ends, wanted)
    more = len(rows) > limit
    rows = rows[:limit]
    last = rows[-1]["id"] if rows and (more or not ends) else ""
    return {"limit": limit, key: None if null and not rows else [view(row) for row in rows],
            "last": last}


def sign(secret, text):
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest[:10]).decode()


def digest(filters):
    return hashlib.sha256(repr(filters).encode()).hexdigest()[:8]


def make_cursor(secret, since, size, position, filters):
    """Style `next`: a signed snapshot (when it was taken, of how many, how far, which filters)."""
    text = f"s:{since}~n={size}+p={position}/f:{digest(filters)}"
    return f"{text}~{sign(secret, text)}"


def read_cursor(secret, cursor, filters):
    """When the snapshot was taken (seconds), its size, and the position in it."""
    found = CURSOR.match(cursor)
    if not found:
        raise bad_query("start")
    since, size, position = map(int, found.groups()[:3])
    text = cursor.rpartition("~")[0]
    if (not hmac.compare_digest(sign(secret, text), found[5]) or found[4] != digest(filters)
            or (clock.now() // clock.SECOND) - since > 86400):
        raise bad_query("start")
    return since, size, position
