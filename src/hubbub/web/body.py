"""The body of a request, read whole and never past its bound."""

from __future__ import annotations

from hubbub.core.errors import Malformed, TooLarge, Unsupported
from hubbub.web.answers import ClientGone
from hubbub.web.face import Receive, Scope
from hubbub.web.query import header


def check_encoding(coding: bytes) -> None:
    """Raise `Unsupported` for a compressed body: nobody can tell how large it would become."""
    if coding.strip().lower() not in (b"", b"identity"):
        raise Unsupported("send the body as it is, without Content-Encoding")


async def read_body(scope: Scope, receive: Receive, bound: int) -> bytes:
    """Return the body. Raises `TooLarge` as soon as that is clear, `ClientGone` for half of one."""
    declared = header(scope, b"content-length")
    if declared is not None:
        if not declared.isdigit():
            raise Malformed("Content-Length is a whole number")
        if int(declared[:20]) > bound:
            raise _too_large(bound)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > bound:
            raise _too_large(bound)
        return body
    parts: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > bound:
            raise _too_large(bound)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
    raise ClientGone


def _too_large(bound: int) -> TooLarge:
    return TooLarge(f"the body has more than the {bound} bytes that are taken here")
