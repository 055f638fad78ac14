"""Servers in threads of the test: callbacks, hubs and publishers that answer as they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Seen(NamedTuple):
    """A request that came."""

    method: str
    path: str
    """With its query, as it was sent."""
    headers: Mapping[str, str]
    """By name in lower case; repeated ones are joined by newlines."""
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Answer(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Outside(ThreadingHTTPServer):
    """Keeps what comes, and answers with what `answer` returns."""

    daemon_threads = True

    def __init__(self, handler: Any) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.got: list[Seen] = []
        self.answer: Callable[[Seen], Answer] = lambda _: Answer()

    def posts(self, path: str = "") -> list[Seen]:
        return [one for one in list(self.got) if one.method == "POST" and one.path.startswith(path)]

    def gets(self, path: str = "") -> list[Seen]:
        return [one for one in list(self.got) if one.method == "GET" and one.path.startswith(path)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Outside

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}\n{value}"
        seen = Seen(self.command, self.path, headers, body)
        self.server.got.append(seen)
        status, content, more = self.server.answer(seen)
        try:
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            self.close_connection = True

    do_GET = do_POST = do_HEAD = handle_one  # noqa: N815  as the library calls them

    def log_message(self, *_: Any) -> None:
        pass


class Files(SimpleHTTPRequestHandler):
    """The standard library's file server: `Last-Modified`, no ETag, no Link."""

    server: Outside

    def guess_type(self, path: Any) -> str:
        return "application/rss+xml"

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.got.append(Seen("GET", self.path, headers, b""))
        super().do_GET()

    def send_response(self, code: int, message: str | None = None) -> None:
        self.server.statuses.append(code)  # type: ignore[attr-defined]
        super().send_response(code, message)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def _running(server: Outside) -> Iterator[Outside]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def outside() -> Iterator[Outside]:
    """Run a server until the block ends."""
    with _running(Outside(Handler)) as server:
        yield server


@contextmanager
def files(folder: Path) -> Iterator[Outside]:
    """Serve the files of a folder until the block ends; `statuses` has how they were answered."""
    server = Outside(partial(Files, directory=str(folder)))
    server.statuses = []  # type: ignore[attr-defined]
    with _running(server):
        yield server
