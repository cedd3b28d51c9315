#!/usr/bin/python3
"""A stand-in for the 100ms REST API, for tests: the command line and the server."""

import argparse
import asyncio
import signal
import ssl
import time
import weakref
from collections import deque

from aiohttp import web

import api_active_rooms
import api_assets
import api_events
import api_jobs
import api_legacy
import api_peer_stats
import api_polls
import api_room_codes
import api_rooms
import api_sessions
import api_sip
import api_stream_keys
import api_templates
import api_webhooks
import clock
import control
import faults
import school
import storage
import tokens
from answers import endpoint

V2 = (api_rooms, api_sessions, api_active_rooms, api_events, api_peer_stats, api_webhooks,
      api_room_codes, api_stream_keys, api_polls, api_jobs, api_assets, api_templates, api_sip)
LOG_SIZE = 200_000  # requests remembered


class State:
    """What the server holds: the world, the log, the faults, and how it was started."""

    def __init__(self, options):
        self.access_key = options.access_key
        self.secret = options.secret
        self.max_page_size = options.max_page_size
        self.seed = options.seed
        self.start = clock.now()
        self.storage = storage.Storage()
        self.log = deque(maxlen=LOG_SIZE)
        self.faults = faults.Faults()
        self.connections = weakref.WeakKeyDictionary()
        self.connected = 0
        self.reset()

    def reset(self):
        self.world = school.make_world(self.seed, self.start)
        self.log.clear()
        self.faults.clear()
        self.filter_before = None

    def connection(self, transport):
        """A number that tells TCP connections apart."""
        if transport is None:
            return 0
        if transport not in self.connections:
            self.connected += 1
            self.connections[transport] = self.connected
        return self.connections[transport]


def log_entry(request, body):
    state = request.app["state"]
    path, _, query = request.raw_path.partition("?")
    authorization = request.headers.get("Authorization")
    claims = tokens.peek(authorization)
    return {"method": request.method, "path": path, "query": query,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": body, "claims": claims, "token_id": claims.get("jti") if claims else None,
            "status": None, "connection": state.connection(request.transport), "at": time.time(),
            "storage": request.app["storage"]}


@web.middleware
async def record(request, handler):
    """Log the request, and let a fault have it if one wants it."""
    path = request.raw_path.partition("?")[0]
    if path.startswith("/_standin/"):
        return await handler(request)
    state = request.app["state"]
    body = (await request.read()).decode("utf-8", "replace")
    entry = log_entry(request, body)
    state.log.append(entry)
    rule = state.faults.take(request.method, path, entry["query"])
    try:
        response = await (faults.misbehave(request, handler, rule) if rule else handler(request))
    except web.HTTPException as error:  # no such route: plain text, not the API's shape
        entry["status"] = error.status
        raise
    if not request.get("unanswered"):
        entry["status"] = response.status
    return response


def make_storage(state):
    app = web.Application(middlewares=[record])
    app["state"], app["storage"] = state, True
    app.add_routes(storage.ROUTES)
    return app


def make_app(state):
    app = web.Application(middlewares=[record], client_max_size=1 << 29)
    app["state"], app["storage"] = state, False
    app.add_routes(control.routes())
    for module in V2:
        for method, path, handler in module.ROUTES:
            app.router.add_route(method, f"/v2{path}", endpoint(handler))
    for method, path, handler in api_legacy.ROUTES:
        app.router.add_route(method, path, endpoint(handler))
    return app


def tls(options):
    if not options.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def listen(app, options, port):
    """Serve an app; what stops it, and where it listens."""
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=600)
    await runner.setup()
    site = web.TCPSite(runner, options.host, port, ssl_context=tls(options),
                       backlog=1024, shutdown_timeout=0.1)
    await site.start()
    scheme = "https" if options.tls_cert else "http"
    return runner, f"{scheme}://{options.host}:{runner.addresses[0][1]}"


async def serve(options):
    state = State(options)
    files, state.storage.url = await listen(make_storage(state), options, 0)
    runner, url = await listen(make_app(state), options, options.port)
    print(f"listening on {url}/v2", flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await runner.cleanup()
    await files.cleanup()


def command_line():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--tls-cert", help="PEM file; with --tls-key it speaks TLS")
    parser.add_argument("--tls-key")
    parser.add_argument("--max-page-size", type=int, default=100,
                        help="clamp every page to that many rows")
    options = parser.parse_args()
    if bool(options.tls_cert) != bool(options.tls_key):
        parser.error("--tls-cert and --tls-key go together")
    return options


if __name__ == "__main__":
    asyncio.run(serve(command_line()))
