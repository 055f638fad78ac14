"""The servers under test: how each is started, subscribed to and published to.

All get the same 256 bytes of JSON as the payload of an event. What surrounds it on the wire is the
server's own: hubbub sends a whole CloudEvent, the others the bare payload.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import random
import re
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.machine import FILES, OUT, SERVER_CPU, find_program
from bench.process import Process, free_port, running, wait_listening

TOPIC = "bench"
PAYLOAD = 256
"""Bytes of an event's data."""
TRANSPORTS = ("sse", "ws", "ws-deflate")


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    process: Process
    port: int
    subscribe: Mapping[str, bytes]
    """The request that opens a subscription, by transport."""
    publish: Callable[[str, int], tuple[bytes, int]]
    """(transport, events) -> the bytes that publish them all, and how many answers come."""


Starter = Callable[[], contextlib.AbstractContextManager[Server]]


class Missing(Exception):
    """A peer is not installed here; the text says what to install."""


def payload() -> bytes:
    """Make 256 bytes of JSON with the marker that the audience counts, compressible like text."""
    text = base64.b64encode(random.Random(1).randbytes(60)).decode()
    start = b'{"m":"@HUB@","text":"' + text.encode() + b" order 4711 was paid by card "
    return start + b"." * (PAYLOAD - len(start) - 2) + b'"}'


def http(method: str, path: str, body: bytes = b"", /, **fields: str) -> bytes:
    """Make an HTTP/1.1 request; underscores in the names of fields become hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def upgrade(path: str, *, deflate: bool = False) -> bytes:
    """Make a WebSocket handshake with RFC 6455's sample key."""
    fields = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    if deflate:
        fields["Sec_WebSocket_Extensions"] = "permessage-deflate; client_max_window_bits"
    return http("GET", path, b"", **fields)


def subscriptions(sse: str, ws: str, *, deflate: bool = False) -> dict[str, bytes]:
    """Make the requests for a server that serves SSE and WebSocket at these paths."""
    plain = {"sse": http("GET", sse, Accept="text/event-stream"), "ws": upgrade(ws)}
    return {**plain, "ws-deflate": upgrade(ws, deflate=True)} if deflate else plain


@contextlib.contextmanager
def hubbub(data: Path | None = None, *, pinned: bool = True) -> Generator[Server]:
    """Run the server of this tree, durable, on a directory of its own or the one given."""
    with contextlib.ExitStack() as stack:
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=OUT)))
        program = find_program("hubbub")
        if program is None:
            raise Missing("hubbub: install the project in this environment")
        process = stack.enter_context(
            running(
                [sys.executable, program, "serve", "--port", "0", "--data", str(data)],
                cpu=SERVER_CPU if pinned else None,
            )
        )
        while not (found := re.search(r"http://[^:/ ]+:(\d+)", process.read_line())):
            pass

        def publish(_: str, events: int) -> tuple[bytes, int]:
            body = b"\n".join([payload()] * events)
            kind = "application/json" if events == 1 else "application/x-ndjson"
            return http("POST", f"/topics/{TOPIC}", body, Content_Type=kind), 1

        path = f"/topics/{TOPIC}"
        yield Server(
            "hubbub", process, int(found[1]), subscriptions(path, path, deflate=True), publish
        )


@contextlib.contextmanager
def floor() -> Generator[Server]:
    """Run the bare send() loop (floor.c); it is told the very bytes that hubbub would send."""
    with running([str(OUT / "floor")], cpu=SERVER_CPU) as process:
        port = int(process.read_line().split()[1])
        event = (
            b'{"id":"019e0000-0000-7000-8000-000000000000","source":"/topics/bench",'
            b'"type":"hubbub.published","specversion":"1.0","datacontenttype":"application/json",'
            b'"topic":"bench","data":' + payload() + b',"position":"k3f9x2ab-1000000",'
            b'"recordedtime":"2026-01-01T00:00:00.000Z"}'
        )

        def publish(transport: str, events: int) -> tuple[bytes, int]:
            if transport == "sse":
                block = (b"id: k3f9x2ab-1000000\ndata: " + event + b"\n\n") * events
                body = b"%x\r\n%b\r\n" % (len(block), block)
            else:
                body = _frame(event, deflate=transport == "ws-deflate") * events
            return http("POST", "/publish", body), 1

        yield Server("floor", process, port, subscriptions("/sse", "/ws", deflate=True), publish)


@contextlib.contextmanager
def nchan() -> Generator[Server]:
    """Run nginx with Nchan, one worker, messages kept in its shared memory (its default)."""
    program = find_program("nginx")
    module = next(Path("/usr/lib/nginx/modules").glob("ngx_nchan_module.so"), None)
    if program is None or module is None:
        raise Missing("nchan: install Debian's nginx-light and libnginx-mod-nchan")
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        port = free_port()
        settings = Path(place, "nginx.conf")
        settings.write_text(f"""
            load_module {module};
            user root;
            daemon off;
            worker_processes 1;
            worker_rlimit_nofile {FILES};
            pid {place}/pid;
            error_log stderr warn;
            events {{ worker_connections 60000; }}
            http {{
                access_log off;
                keepalive_requests 100000000;
                client_body_buffer_size 1m;
                client_body_temp_path {place}/body;
                proxy_temp_path {place}/proxy;
                fastcgi_temp_path {place}/fastcgi;
                uwsgi_temp_path {place}/uwsgi;
                scgi_temp_path {place}/scgi;
                server {{
                    listen 127.0.0.1:{port} backlog=4096;
                    location = /publish {{ nchan_publisher; nchan_channel_id {TOPIC}; }}
                    location = /publish-deflated {{ nchan_publisher; nchan_channel_id {TOPIC};
                        nchan_deflate_message_for_websocket on; }}
                    location = /subscribe {{ nchan_subscriber eventsource websocket;
                        nchan_channel_id {TOPIC}; nchan_subscriber_first_message newest; }}
                }}
            }}""")
        with running([program, "-c", str(settings), "-p", place], cpu=SERVER_CPU) as process:
            wait_listening(process, port)

            def publish(transport: str, events: int) -> tuple[bytes, int]:
                path = "/publish-deflated" if transport == "ws-deflate" else "/publish"
                one = http("POST", path, payload(), Content_Type="application/json")
                return one * events, events

            paths = subscriptions("/subscribe", "/subscribe", deflate=True)
            yield Server("nchan", process, port, paths, publish)


@contextlib.contextmanager
def centrifugo() -> Generator[Server]:
    """Run Centrifugo with its memory broker, unidirectional SSE and WebSocket."""
    program = find_program("centrifugo")
    if program is None:
        raise Missing("centrifugo: not fetched; scripts/bench-peers tries to")
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        port, secret = free_port(), "not-a-secret"
        settings = Path(place, "config.json")
        settings.write_text(
            json.dumps(
                {
                    "client": {"token": {"hmac_secret_key": secret}, "allowed_origins": ["*"]},
                    "http_api": {"insecure": True},
                    "http_server": {"address": "127.0.0.1", "port": port},
                    "uni_sse": {"enabled": True},
                    "uni_websocket": {"enabled": True, "compression": False},
                    "log": {"level": "error"},
                }
            )
        )
        command = [program, "-c", str(settings)]
        with running(command, cpu=SERVER_CPU) as process:
            wait_listening(process, port)

            def publish(_: str, events: int) -> tuple[bytes, int]:
                command = b'{"publish":{"channel":"%b","data":%b}}' % (TOPIC.encode(), payload())
                body = b'{"commands":[%b]}' % b",".join([command] * events)
                return http("POST", "/api/batch", body, Content_Type="application/json"), 1

            connect = json.dumps({"token": _token(secret)}, separators=(",", ":"))
            query = "?cf_connect=" + "".join(f"%{byte:02x}" for byte in connect.encode())
            paths = subscriptions(
                "/connection/uni_sse" + query, "/connection/uni_websocket" + query
            )
            yield Server("centrifugo", process, port, paths, publish)


STARTERS: Mapping[str, Starter] = {
    "hubbub": hubbub,
    "floor": floor,
    "nchan": nchan,
    "centrifugo": centrifugo,
}


def _frame(text: bytes, *, deflate: bool) -> bytes:
    """Make a WebSocket frame of up to 64 KiB (RFC 6455, RFC 7692)."""
    if deflate:
        packer = zlib.compressobj(wbits=-12)
        text = (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    return struct.pack("!BBH", 0xC1 if deflate else 0x81, 126, len(text)) + text


def _token(secret: str) -> str:
    """Make a JWT that subscribes its bearer to the topic."""

    def part(content: bytes) -> bytes:
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    claims = {"sub": "bench", "channels": [TOPIC]}
    head = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    mac = hmac.new(secret.encode(), head, hashlib.sha256).digest()
    return (head + b"." + part(mac)).decode()
