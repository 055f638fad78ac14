"""The bodies of requests, read whole, each and all together never past their bounds."""

from __future__ import annotations

from typing import Final

from hubbub.core.errors import Malformed, TooLarge, Unavailable, Unsupported
from hubbub.web.answers import ClientGone
from hubbub.web.face import Receive, Scope
from hubbub.web.query import header

MAX_HELD: Final = 256 * 1024 * 1024
"""Bytes of all bodies that are coming in at the moment: many slow uploads must not fill memory."""


def check_encoding(coding: bytes) -> None:
    """Raise `Unsupported` for a compressed body: nobody can tell how large it would become."""
    if coding.strip().lower() not in (b"", b"identity"):
        raise Unsupported("send the body as it is, without Content-Encoding")


class Bodies:
    """Reads bodies, and knows how much of them is held while they come in."""

    def __init__(self, most: int = MAX_HELD) -> None:
        self.held = 0
        """Bytes of bodies that have not come whole yet."""
        self._most = most

    async def read(self, scope: Scope, receive: Receive, bound: int) -> bytes:
        """Return a body of at most `bound` bytes.

        Raises `TooLarge` as soon as that is clear, `Unavailable` if too much is coming in at once,
        and `ClientGone` for half a body.
        """
        declared = header(scope, b"content-length")
        if declared is not None:
            if not declared.isdigit():
                raise Malformed("Content-Length is a whole number")
            if len(declared) > len(str(bound)) or int(declared) > bound:
                raise _too_large(bound)
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
            if len(body) > bound:
                raise _too_large(bound)
            return body
        parts: list[bytes] = []
        size = 0
        try:
            while message["type"] == "http.request":
                part: bytes = message.get("body", b"")
                parts.append(part)
                size += len(part)
                self.held += len(part)
                self._check(size, bound)
                if not message.get("more_body"):
                    return b"".join(parts)
                message = await receive()
        finally:
            self.held -= size
        raise ClientGone

    def _check(self, size: int, bound: int) -> None:
        if size > bound:
            raise _too_large(bound)
        if self.held > self._most:
            raise Unavailable("too much is coming in at once; try again", retry_after=1)


def _too_large(bound: int) -> TooLarge:
    return TooLarge(f"the body has more than the {bound} bytes that are taken here")
