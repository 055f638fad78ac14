"""What the server itself says no with, before or instead of the application.

Each refusal is a small problem document (RFC 9457) that was made when this module was imported, and
ends its connection: after a request that was not understood nothing that follows can be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import msgspec

from hubbub.core.errors import PROBLEMS


class Refusal:
    """A complete answer, but for its date."""

    __slots__ = ("body", "fields", "status", "title")

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *fields: tuple[bytes, bytes],
        connection: bytes = b"close",
    ) -> None:
        self.status = status
        self.title = HTTPStatus(status).phrase
        self.body = msgspec.json.encode(
            {"type": PROBLEMS + kind, "title": self.title, "status": status, "detail": detail}
        )
        self.fields = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(self.body)),
            *fields,
            (b"connection", connection),
        ]

    def response(self, defaults: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the answer's bytes, with the server's default header fields in it."""
        lines = [f"HTTP/1.1 {self.status} {self.title}".encode()]
        lines.extend(b"%b: %b" % field for field in (*defaults, *self.fields))
        return b"\r\n".join([*lines, b"", self.body])


MALFORMED: Final = Refusal(
    400,
    "malformed",
    "This is not valid HTTP/1.1; check the request line, the header fields and the framing of the "
    "body.",
)
FRAMING: Final = Refusal(
    400,
    "malformed",
    "Send a body with one Content-Length, or on HTTP/1.1 with Transfer-Encoding: chunked alone.",
)
HOST: Final = Refusal(400, "malformed", "Send exactly one Host header field, such as example.org.")
TARGET: Final = Refusal(
    400, "malformed", "Send a request target that begins with / and has no fragment."
)
FORBIDDEN: Final = Refusal(403, "forbidden", "This WebSocket may not be opened.")
TUNNEL: Final = Refusal(
    405,
    "method-not-allowed",
    "This is not a proxy; send the request to the server that it is meant for.",
    (b"allow", b"GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"),
)
HEAD_TIMEOUT: Final = Refusal(408, "timeout", "The request head took too long; send it again.")
BODY_TIMEOUT: Final = Refusal(408, "timeout", "The request body took too long; send it again.")
TARGET_TOO_LONG: Final = Refusal(414, "too-large", "Send a shorter request target.")
EXPECTATION: Final = Refusal(417, "unsupported", "Expect nothing but 100-continue.")
MISDIRECTED: Final = Refusal(
    421,
    "misdirected",
    "This server does not answer for that host; use a name that its setting trusted_hosts holds.",
)
HEAD_TOO_LARGE: Final = Refusal(431, "too-large", "Send fewer or shorter header fields.")
ERROR: Final = Refusal(500, "error", "Something went wrong here; the server's log has more.")
OVERLOADED: Final = Refusal(
    503,
    "overloaded",
    "There are too many connections now; come back later.",
    (b"retry-after", b"5"),
)
CLOSING: Final = Refusal(
    503, "closing", "This server is stopping; connect again.", (b"retry-after", b"1")
)
VERSION: Final = Refusal(505, "unsupported", "Speak HTTP/1.1 or HTTP/1.0.")

WEBSOCKET: Final = Refusal(
    400,
    "malformed",
    "Open a WebSocket with GET on HTTP/1.1, one Sec-WebSocket-Key of 16 bytes in base64, and no "
    "body; send nothing more until the answer.",
)
WEBSOCKET_VERSION: Final = Refusal(
    426,
    "unsupported",
    "Speak version 13 of the WebSocket protocol.",
    (b"sec-websocket-version", b"13"),
    (b"upgrade", b"websocket"),
    connection=b"upgrade, close",  # RFC 9110 7.8: who sends Upgrade names it here
)
