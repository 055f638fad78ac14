"""What channels over HTTP have in common: what the answers of others mean."""

from __future__ import annotations

import logging
from typing import Any, Final, cast

from hubbub.core.calling import Reply
from hubbub.core.contracts import Rewritten
from hubbub.core.outcome import Cause, Delivered, Exchange, Failed, Gone, Outcome, Timings
from hubbub.wire import retry_after

THROTTLING: Final = frozenset((429, 502, 503, 504))
"""Answers that ask for less (Standard Webhooks 1.0; 503 is what most servers say instead)."""

GONE: Final = 410
REDIRECTS: Final = (301, 302, 303, 307, 308)
USER_AGENT: Final = "hubbub"

CHANGED: Final = Rewritten(
    None,
    "the headers do not fit what the subscription sends now: it has changed since, or nothing was sent",
)
"""Of a body whose form the settings do not say."""

_log = logging.getLogger("hubbub.channels")


def judge(answer: Reply, now: float) -> Outcome:
    """Tell what an answer means; `now` is the Unix time that a date in it is measured from."""
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004
        return Delivered()
    if status == GONE:
        return Gone()
    if status in REDIRECTS:
        return Failed("redirect", status, f"status {status}: redirects are not followed")
    asked = None
    for name, value in answer.headers:
        if name.lower() == "retry-after":
            asked = retry_after.parse(value, now)
    return Failed("status", status, f"status {status}", status in THROTTLING, asked)


def answered(answer: Reply, outcome: Outcome, request_headers: list[tuple[str, str]]) -> Exchange:
    """Return what was on the wire, and what it means; the headers are those that may be shown."""
    return Exchange(
        outcome,
        answer.status,
        _timings(answer.timings),
        request_headers,
        list(answer.headers),
        answer.body,
    )


def _timings(given: Any) -> Timings:
    return Timings(given.dns, given.connect, given.tls, given.first_byte, given.total)


def failed(error: Exception, headers: list[tuple[str, str]]) -> Exchange:
    """Make an outcome of an error of the HTTP client; any other one is our own mistake."""
    cause = cast("Cause | None", getattr(error, "cause", None))
    if cause is None:
        _log.error("a delivery failed on our side", exc_info=error)
        detail = f"{type(error).__name__} on our side"
        return Exchange(Failed("internal", detail=detail), request_headers=headers)
    found = cast("Any", error)
    return Exchange(
        Failed(cause, detail=str(found.detail)),
        timings=_timings(found.timings),
        request_headers=headers,
    )
