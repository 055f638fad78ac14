"""A publisher of feeds with hubs that only say yes or no: a thread of the test with a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

ATOM = "application/atom+xml"


class Publisher(ThreadingHTTPServer):
    """Serves `pages`; a hub at `/hub/STATUS` answers so, `/moved` leads to the hub at `/hub/204`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.pages: dict[str, tuple[list[tuple[str, str]], bytes]] = {}
        """Headers and body by path."""
        self.pings: list[tuple[str, dict[str, str]]] = []
        """Path and fields of what was posted."""

    def page(self, path: str, body: bytes = b"", *headers: tuple[str, str]) -> str:
        """Serve something; return its URL."""
        self.pages[path] = ([*headers], body)
        return self.url + path

    def feed(self, path: str, *numbers: int, hub: str | None = None) -> str:
        """Serve an Atom feed with these entries, the newest first; return its URL."""
        links = f'<link rel="self" href="{self.url}{path}"/>'
        if hub is not None:
            links += f'<link rel="hub" href="{hub}"/>'
        entries = "".join(
            f"<entry><id>urn:e:{n}</id><title>Number {n}</title>"
            f"<updated>2026-01-{n:02}T00:00:00Z</updated></entry>"
            for n in numbers
        )
        text = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title>{links}{entries}</feed>'
        return self.page(path, text.encode(), ("Content-Type", ATOM))


class Handler(BaseHTTPRequestHandler):
    """Takes one connection."""

    protocol_version = "HTTP/1.1"
    server: Publisher

    def do_GET(self) -> None:
        found = self.server.pages.get(self.path.partition("?")[0])
        headers, body = found or ([], b"")
        location = any(name == "Location" for name, _ in headers)
        self._answer(404 if found is None else 301 if location else 200, headers, body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.pings.append((self.path, dict(parse_qsl(body.decode()))))
        if self.path == "/moved":
            self._answer(307, [("Location", "/hub/204")], b"")
        elif self.path == "/circle":
            self._answer(308, [("Location", "/circle")], b"")
        else:
            status = int(self.path.rpartition("/")[2])
            said = b"" if status == 204 else b"\x1b[31mnot known here\nmore"
            self._answer(status, [], said)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def publishing() -> Iterator[Publisher]:
    """Publish on a free port of this machine until the block ends."""
    with Publisher() as publisher:
        thread = threading.Thread(target=publisher.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield publisher
        finally:
            publisher.shutdown()
            thread.join()
