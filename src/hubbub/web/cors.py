"""Which other pages may use the gateway from a browser (Fetch standard, CORS protocol).

Exact origins from the settings, compared whole: nothing is ever reflected that is not on the list.
Those pages may send cookies; `*` lets every page in, without cookies.
"""

from __future__ import annotations

from typing import Final

from hubbub.web.answers import SAFETY
from hubbub.web.face import App, Headers, Message, Receive, Scope, Send
from hubbub.web.options import EVERYBODY
from hubbub.web.query import header

METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
EXPOSED: Final = "Hubbub-Position, Link, Retry-After, WWW-Authenticate, ETag"
ALLOWED: Final = (
    "authorization",
    "cache-control",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "traceparent",
    "tracestate",
)
"""Request headers that pages may send, beside every `ce-*`."""

MAX_AGE: Final = b"7200"
"""Seconds for which a browser remembers a preflight: the most that Chromium keeps."""

_VARY: Final = (b"vary", b"origin")


class Cors:
    """Wraps an application."""

    def __init__(self, app: App, origins: tuple[str, ...]) -> None:
        self._app = app
        self._any = origins == EVERYBODY
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight; add what lets the page read any other answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = header(scope, b"origin")
        extra = [] if self._any else [_VARY]
        if origin is not None and (self._any or origin in self._origins):
            extra += self._granted(origin)
            if scope["method"] == "OPTIONS" and (wanted := _preflight(scope)) is not None:
                lines = [*SAFETY, *extra, *wanted]
                await send({"type": "http.response.start", "status": 204, "headers": lines})
                await send({"type": "http.response.body", "body": b""})
                return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        await self._app(scope, receive, adding if extra else send)

    def _granted(self, origin: bytes) -> list[tuple[bytes, bytes]]:
        exposed = (b"access-control-expose-headers", EXPOSED.encode())
        if self._any:
            return [(b"access-control-allow-origin", b"*"), exposed]
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            exposed,
        ]


def _preflight(scope: Scope) -> Headers | None:
    """Return what a preflight is answered with, None if it is none."""
    if header(scope, b"access-control-request-method") is None:
        return None
    asked = (header(scope, b"access-control-request-headers") or b"").decode("latin-1").lower()
    names = [name.strip() for name in asked.split(",")]
    attributes = [n for n in names if n.startswith("ce-") and n[3:].isalnum() and n.isascii()]
    return [
        (b"access-control-allow-methods", METHODS.encode()),
        (b"access-control-allow-headers", ", ".join((*ALLOWED, *attributes)).encode()),
        (b"access-control-max-age", MAX_AGE),
    ]
