"""What became of one attempt to deliver, as a value: a channel returns it, `deliveries` decides on it."""

from __future__ import annotations

from typing import Literal

import msgspec

Cause = Literal[
    "status",
    "redirect",
    "timeout",
    "dns",
    "connect",
    "tls",
    "reset",
    "protocol",
    "refused",
    "expired",
    "internal",
]
"""Why an attempt failed.

- `status`, `redirect`: the receiver answered, but not with 2xx; a 3xx is not followed;
- `timeout`, `dns`, `connect`, `tls`, `reset`, `protocol`: no whole answer came;
- `refused`: we may not call this address (the egress guard) or the receiver has not consented;
- `expired`: the event is no longer in the log;
- `internal`: our own mistake.
"""

UNREACHABLE: frozenset[Cause] = frozenset(
    ("timeout", "dns", "connect", "tls", "reset", "protocol", "refused")
)
"""Causes that speak of the endpoint and not of the event that happened to be sent."""


class Delivered(msgspec.Struct, frozen=True, tag="delivered"):
    """The receiver took it: 2xx."""


class Gone(msgspec.Struct, frozen=True, tag="gone"):
    """The receiver wants no more of this subscription: 410."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The receiver did not take it."""

    cause: Cause
    status: int = 0
    """Status of the answer; 0 if there was none."""
    detail: str = ""
    """One short sentence for people; never a secret."""
    throttled: bool = False
    """The whole endpoint asks for less: 429, 502, 503 or 504."""
    retry_after: float | None = None
    """Seconds for which the endpoint wants to be left alone, exactly as it said."""


Outcome = Delivered | Gone | Failed


class Timings(msgspec.Struct, frozen=True):
    """Where the time of an attempt went, in milliseconds; 0 where nothing had to be done."""

    dns: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    first_byte: float = 0.0
    total: float = 0.0


class Exchange(msgspec.Struct, frozen=True):
    """One attempt as it was on the wire."""

    outcome: Outcome
    status: int = 0
    """Status of the answer; 0 if there was none."""
    timings: Timings = Timings()
    request_headers: list[tuple[str, str]] = msgspec.field(default_factory=list[tuple[str, str]])
    """Headers that were sent, credentials and signatures of secrets left out."""
    response_headers: list[tuple[str, str]] = msgspec.field(default_factory=list[tuple[str, str]])
    response_body: bytes = b""
    """At most `MAX_BODY` bytes of the answer, as they came."""


MAX_BODY = 16 * 1024
"""Bytes kept of an answer: enough for any error page that helps, too few to fill a disk with."""
