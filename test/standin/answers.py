"""One API call: what it asks (path, query, body) and how it is answered (JSON, errors, gzip)."""

import inspect
import json
import re
import sys
import traceback

from aiohttp import web

import clock
import tokens

GZIP_FROM = 1024  # bytes
FILTER_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class ApiError(Exception):
    """An error in the API's own shape."""

    def __init__(self, status, message, *details):
        super().__init__(message)
        self.status = status
        self.body = {"code": status, "message": message, "details": list(details) or [message]}


def bad_body(detail):
    return ApiError(400, "Invalid body param", f"Invalid body param: {detail}")


def bad_query(name):
    return ApiError(400, "Invalid query parameter", f"Invalid query parameter: {name}")


def not_found(what):
    return ApiError(404, f"{what} not found", "not found")


def encode(value):
    """JSON as Go writes it: UTF-8, with & < > escaped. Lone surrogates stay escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        body = text.encode()
    except UnicodeEncodeError:
        body = json.dumps(value, separators=(",", ":")).encode()
    return body.replace(b"&", b"\\u0026").replace(b"<", b"\\u003c").replace(b">", b"\\u003e")


class Call:
    """A request as the endpoints see it; its readers raise the API's own complaints."""

    def __init__(self, request, state):
        self.request = request
        self.world = state.world
        self.storage = state.storage
        self.max_page_size = state.max_page_size
        self.filter_before = state.filter_before
        self.query = request.query
        self.path = request.match_info
        self.claims = None

    def part(self, name):
        return self.path[name]

    def text(self, name):
        return self.query.get(name)

    def flag(self, name):
        value = self.query.get(name)
        if value not in (None, "true", "false"):
            raise bad_query(name)
        return None if value is None else value == "true"

    def integer(self, name, default=None):
        value = self.query.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise bad_query(name)
        return int(value)

    def instant(self, name, form=FILTER_TIME):
        """A time filter: the documented form has exactly three decimals."""
        value = self.query.get(name)
        if value is None:
            return None
        try:
            if form and not form.match(value):
                raise ValueError(value)
            at = clock.parse(value)
        except ValueError:
            raise bad_query(name) from None
        return self.misread(at) if name == "before" and self.filter_before else at

    def misread(self, at):
        """A filter "before" that is not what the documents say."""
        how = self.filter_before
        if how == "refused":
            raise bad_query("before")
        return {"ignored": None, "timeless": at, "exclusive": at - 1, "empty": 0, "seconds": at - at % clock.SECOND,
                "earlier": at - clock.HOUR, "later": at + clock.HOUR}[how]

    def limit(self, low=10, high=100, default=10):
        """Out of range is clamped, not refused."""
        wanted = min(max(self.integer("limit", default), low), high)
        return min(wanted, self.max_page_size)

    def start(self):
        """The cursor asked for; the endless fault makes every page the first one."""
        return None if self.request.get("endless") else self.query.get("start") or None

    async def read(self):
        raw = (await self.request.read()).strip()
        if not raw:
            return {}
        try:
            return json.loads(raw)
        except ValueError:
            raise bad_body("not JSON") from None

    async def read_object(self):
        body = await self.read()
        if not isinstance(body, dict):
            raise bad_body("not an object")
        return body


def take(body, name, kind, required=False):
    """A member of a body, of the given kind; None when missing or null."""
    value = body.get(name)
    if value is None:
        if required:
            raise bad_body(f"{name} is required")
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise bad_body(name)
    return value


def respond(request, body, status=200):
    response = web.Response(body=body, status=status, content_type="application/json",
                            charset="utf-8", zlib_executor_size=1 << 20)
    if len(body) > GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response


def endpoint(handler):
    """Wrap an endpoint: token, content type, call, answer.

    It returns a value (200), a pair of status and value, JSON as bytes, plain text as a string,
    or None (204)."""
    token_type = getattr(handler, "token_type", "management")

    async def handle(request):
        state = request.app["state"]
        try:
            call = Call(request, state)
            try:
                call.claims = tokens.check(request.headers.get("Authorization"), state.access_key,
                                           state.secret, token_type)
            except tokens.Refused as refused:
                raise ApiError(401, "Token validation error", str(refused)) from None
            if request.method == "POST" and request.content_type != "application/json":
                raise ApiError(400, "Invalid header", "Content-Type must be application/json")
            result = handler(call)
            if inspect.isawaitable(result):
                result = await result
        except ApiError as error:
            return respond(request, encode(error.body), error.status)
        except Exception:  # a fault of the stand-in itself: show it, and answer as a server does
            traceback.print_exc(file=sys.stderr)
            return respond(request, encode(ApiError(500, "Internal Server Error").body), 500)
        status = 200
        if isinstance(result, tuple):
            status, result = result
        if result is None:
            return web.Response(status=204)
        if isinstance(result, str):
            return web.Response(text=result, status=status)
        return respond(request, result if isinstance(result, bytes) else encode(result), status)

    return handle


def with_app_token(handler):
    """Mark an endpoint that wants a client's token, not a management token."""
    handler.token_type = "app"
    return handler
