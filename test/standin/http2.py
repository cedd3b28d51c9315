#!/usr/bin/python3
"""A TLS server that ends connections and streams as a test wants it: HTTP/2 by hand, HTTP/1.1 beside it.

usage: http2.py --cert FILE --key FILE [--mode MODE] [--after N]

It prints `listening on https://127.0.0.1:PORT/v2`, then a line for each request: `CONNECTION PROTOCOL METHOD ANSWERED`.
Every answer is 200 with the body `{}`. The modes:

    plain           HTTP/2, nothing odd
    goaway          each connection answers N streams, then says GOAWAY with the last of them and closes when they are done
    refuse          the first N streams are refused (RST_STREAM, REFUSED_STREAM), each connection lives on
    downgrade       every stream is reset with HTTP_1_1_REQUIRED; HTTP/1.1 is answered
    polite          HTTP/1.1; a connection that is idle for 0.2 s is closed, with TLS's farewell before
    silent          HTTP/1.1; the N-th request and what follows it is not answered: the connection is closed on its receipt
"""

import argparse
import itertools
import socket
import ssl
import struct
import threading

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
REFUSED_STREAM, HTTP_1_1_REQUIRED = 0x7, 0xd
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
METHODS = {0x82: "GET", 0x83: "POST"}  # indexed header fields of HPACK's static table
STATUS_200 = b"\x88"
IDLE = 0.2

streams = itertools.count(1)  # of the whole server
printing = threading.Lock()


def say(*words):
    with printing:
        print(*words, flush=True)


class Closed(Exception):
    pass


def read(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise Closed
        data += piece
    return data


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def method_of(flags, payload):
    skip = (1 if flags & PADDED else 0) + (5 if flags & PRIORITY else 0)
    return METHODS.get(payload[skip], "?")


def answer_2(sock, options, number, stream, method, answered):
    """Answer a stream, or not; how many of this connection were answered, and whether it goes on."""
    if options.mode == "downgrade":
        sock.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", HTTP_1_1_REQUIRED)))
        say(number, "h2", method, "downgraded")
        return answered, True
    if options.mode == "refuse" and next(streams) <= options.after:
        sock.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM)))
        say(number, "h2", method, "refused")
        return answered, True
    if options.mode == "goaway" and answered >= options.after:
        say(number, "h2", method, "ignored")
        return answered, True
    say(number, "h2", method, "answered")
    reply = frame(HEADERS, END_HEADERS, stream, STATUS_200) + frame(DATA, END_STREAM, stream, b"{}")
    answered += 1
    if options.mode == "goaway" and answered == options.after:
        sock.sendall(reply + frame(GOAWAY, 0, 0, struct.pack(">II", stream, 0)))
        sock.settimeout(IDLE)
        return answered, True
    sock.sendall(reply)
    return answered, True


def serve_2(sock, options, number):
    if read(sock, len(PREFACE)) != PREFACE:
        raise Closed
    sock.sendall(frame(SETTINGS, 0, 0))
    answered, methods = 0, {}
    while True:
        head = read(sock, 9)
        size = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = read(sock, size)
        if kind == SETTINGS and not flags & ACK:
            sock.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            sock.sendall(frame(PING, ACK, 0, payload))
        elif kind == HEADERS:
            methods[stream] = method_of(flags, payload)
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            answered, _ = answer_2(sock, options, number, stream, methods[stream], answered)


def serve_1(sock, options, number):
    while True:
        head = b""
        if options.mode == "polite":
            sock.settimeout(IDLE)
        while not head.endswith(b"\r\n\r\n"):
            head += read(sock, 1)
        sock.settimeout(None)
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                read(sock, int(line.split(b":")[1]))
        method = head.split()[0].decode()
        if options.mode == "silent" and next(streams) >= options.after:
            say(number, "h1", method, "ignored")
            raise Closed
        say(number, "h1", method, "answered")
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def serve(raw, context, options, number):
    try:
        sock = context.wrap_socket(raw, server_side=True)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            (serve_2 if sock.selected_alpn_protocol() == "h2" else serve_1)(sock, options, number)
        except (Closed, TimeoutError):
            if options.mode == "polite":
                sock.settimeout(1)
                try:
                    sock.unwrap()
                except (OSError, ValueError):
                    pass
        sock.close()
    except OSError:
        raw.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--mode", default="plain",
                        choices=["plain", "goaway", "refuse", "downgrade", "polite", "silent"])
    parser.add_argument("--after", type=int, default=1)
    options = parser.parse_args()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.cert, options.key)
    context.set_alpn_protocols(["http/1.1"] if options.mode in ("polite", "silent")
                               else ["h2", "http/1.1"])
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    say(f"listening on https://127.0.0.1:{listener.getsockname()[1]}/v2")
    for number in itertools.count(1):
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(raw, context, options, number), daemon=True).start()


if __name__ == "__main__":
    main()
