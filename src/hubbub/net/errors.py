"""What goes wrong on the way out: an address that may not be called, a request that failed."""

from __future__ import annotations

from typing import Literal

import msgspec

from hubbub.core.errors import Malformed

Cause = Literal["refused", "dns", "connect", "tls", "timeout", "reset", "protocol"]
"""Why there is no answer: the guard said no, no address, no connection, no trust, no time, the
connection was closed before the answer was whole, or what came was not HTTP."""


class InvalidTarget(Malformed):
    """A URL that hubbub does not call, whatever it may resolve to."""

    kind = "invalid-target"
    title = "Not an address that may be called"


class Timings(msgspec.Struct, frozen=True, gc=False):
    """Milliseconds of one request. 0 is what a pooled connection made unnecessary, or not reached."""

    dns: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    first_byte: float = 0.0
    """From the start of the request to the end of the answer's headers."""
    total: float = 0.0


class RequestFailed(Exception):
    """There is no answer. `detail` is for the owner of the target: a host, never path or query."""

    def __init__(self, cause: Cause, detail: str, timings: Timings) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause: Cause = cause
        self.detail = detail
        self.timings = timings
