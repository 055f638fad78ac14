"""Serves a WSGI application on loopback, and prints its port."""

from __future__ import annotations

import logging
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    """Logs no requests, and keeps connections open as real servers do."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_: Any) -> None:
        pass


def serve_app(app: Any, port: int) -> None:
    """Serve until the process is ended."""
    logging.basicConfig(level=logging.WARNING)
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)  # noqa: T201  whoever started it waits for this
    server.serve_forever()
