"""What a hub may say to a callback: verifications answered, deliveries proven.

A verification is answered for what was asked for only (websub 42):

- `subscribe` while the request is pending, and again while the subscription holds: hubs repeat a
  verification whose answer they lost, and re-confirm (websub 25); the lease counts from the last one;
- `unsubscribe` only where we asked the hub to end it;
- `denied` while pending or in force (websub 44).

Everything else is 404, and says nothing about what there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from hubbub.core.errors import NotFound
from hubbub.sources.websub.state import Callback
from hubbub.wire import websub

MAX_CHALLENGE: Final = 4096
"""Characters of a challenge: it came in a URL, and goes back as a body."""
INLINE: Final = 256 * 1024
"""Bytes of a body up to which its signature is verified at once; larger ones in a thread."""
MAX_REASON: Final = 200
"""Characters of a reason that are kept."""

PLAIN: Final = "text/plain; charset=utf-8"
"""The challenge is somebody else's text: never HTML (websub 50); `nosniff` is on every answer."""

UNKNOWN: Final = "there is nothing at this address"


class Reply(msgspec.Struct, frozen=True):
    """What a hub is answered."""

    status: int
    body: bytes = b""
    content_type: str = ""


RECEIVED: Final = Reply(200)
GONE: Final = Reply(410)
"""For a subscription that ended: hubs may forget it (websub 32, 46)."""


class Verdict(NamedTuple):
    """What a verification comes to."""

    what: Literal["subscribed", "unsubscribed", "denied"]
    challenge: str
    """To be repeated; for a denial empty."""
    lease: str = ""
    """`hub.lease_seconds` as the hub said it."""
    reason: str = ""


def examine(one: Callback, fields: Sequence[tuple[str, str]], now: float) -> Verdict:
    """Tell what a hub wants of a callback. Raises `NotFound` for what was not asked for."""
    said = _said(fields)
    mode, challenge = said.get("hub.mode", ""), said.get("hub.challenge", "")
    if said.get("hub.topic") != one.topic:
        raise NotFound(UNKNOWN)
    holds = one.state in ("pending", "active") and one.until > now
    if mode == "denied" and holds:
        return Verdict("denied", "", reason=printable(said.get("hub.reason", "")))
    if challenge and len(challenge) <= MAX_CHALLENGE:
        if mode == "subscribe" and holds and not one.leaving:
            return Verdict("subscribed", challenge, said.get("hub.lease_seconds", ""))
        if mode == "unsubscribe" and one.leaving:
            return Verdict("unsubscribed", challenge)  # its lease means nothing (websub 43)
    raise NotFound(UNKNOWN)


def echo(challenge: str) -> Reply:
    """Answer a verification with exactly the challenge (websub 42, 50)."""
    return Reply(200, challenge.encode(), PLAIN)


def takes(one: Callback, now: float) -> bool:
    """Tell whether deliveries are taken at a callback; a pending one is not there for anybody yet.

    Raises `NotFound` for one of those.
    """
    if one.state == "pending":
        raise NotFound(UNKNOWN)
    return one.state != "gone" and one.until > now


def is_proven(headers: Iterable[tuple[str, str]], secret: str, body: bytes) -> bool:
    """Tell whether a delivery bears the one signature that its secret gives (websub 48, 49)."""
    told = [value for name, value in headers if name == "x-hub-signature"]
    return len(told) == 1 and websub.verify(told[0], secret, body)


async def proves(headers: Iterable[tuple[str, str]], secret: str, body: bytes) -> bool:
    """Tell the same without keeping everybody else waiting for a large body."""
    if len(body) <= INLINE:
        return is_proven(headers, secret, body)
    return await asyncio.to_thread(is_proven, headers, secret, body)


def printable(text: str) -> str:
    """Return what others have to say, short and harmless: it is shown to people."""
    return "".join(c if c.isprintable() else " " for c in text[:MAX_REASON]).strip()


def _said(fields: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Read a query. Raises `NotFound` where one of its fields says two things."""
    said: dict[str, str] = {}
    for name, value in fields:
        if name.startswith("hub.") and said.setdefault(name, value) != value:
            raise NotFound(UNKNOWN)
    return said
