"""A receiver of webhooks: a thread of the test with a real socket.

It keeps its requests whatever the server does that sends them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 60.0


Request = tuple[str, dict[str, str], bytes]
"""Path, headers in lower case, body."""


class Receiver(ThreadingHTTPServer):
    """Keeps what comes, and answers `status`; whatever comes to `/hang` it answers at the end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[Request] = []
        """In the order of their coming."""
        self.status = 200
        self.changed = threading.Condition()
        self.hang = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def wait(self, count: int, path: str = "/hook") -> list[Request]:
        """Wait until so many have come to a path."""

        def come() -> list[Request]:
            return [one for one in self.got if one[0] == path]

        with self.changed:
            assert self.changed.wait_for(lambda: len(come()) >= count, PATIENCE), len(come())
            return come()


class Handler(BaseHTTPRequestHandler):
    """Takes one connection of the sender."""

    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.changed:
            self.server.got.append((self.path, headers, body))
            self.server.changed.notify_all()
        if self.path == "/hang":
            self.server.hang.wait(PATIENCE)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive on a free port of this machine until the block ends."""
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.hang.set()
            receiver.shutdown()
            thread.join()
