"""Problem documents: every refusal as JSON that says what to do next (RFC 9457)."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from hubbub.core.errors import Gap, HubbubError

MEDIA_TYPE: Final = "application/problem+json"

INTERNAL: Final = HubbubError("a fault of this server, noted in its log; trying again may help")
"""What is said of a fault that nobody foresaw: nothing about it."""


class Mistake(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the things that are wrong with a request."""

    detail: str
    pointer: str | None = None
    """JSON pointer (RFC 6901) into the body, if it was JSON."""
    position: int | None = None
    """0-based place in an expression."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The members of a problem document."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[Mistake, ...] = ()
    requested: str | None = None
    """Of a gap: the position that was asked for."""
    resumes_at: str | None = None
    """Of a gap: the position after which there are events."""


def problem(error: HubbubError) -> Problem:
    """Describe a refusal."""
    lost: dict[str, Any] = {}
    if isinstance(error, Gap):
        lost = {"requested": error.requested, "resumes_at": error.resumes_at}
    several = error.errors or (error,)
    return Problem(
        type=error.type,
        title=error.title,
        status=error.status,
        detail=error.detail,
        errors=tuple(_mistake(one) for one in several if _has_place(one)),
        **lost,
    )


def encode(error: HubbubError) -> bytes:
    """Write the problem document of a refusal."""
    return msgspec.json.encode(problem(error))


def retry_after(error: HubbubError) -> bytes | None:
    """Return the value of `Retry-After` in whole seconds, at least 1, if there is one."""
    if error.retry_after is None:
        return None
    return str(max(1, math.ceil(error.retry_after))).encode()


def _has_place(error: HubbubError) -> bool:
    return bool(error.pointer) or error.position is not None


def _mistake(error: HubbubError) -> Mistake:
    return Mistake(error.detail, error.pointer or None, error.position)
