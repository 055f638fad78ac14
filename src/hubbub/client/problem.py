"""From an answer that is no success to the error that tells why (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from hubbub.client.backoff import retry_after
from hubbub.client.errors import ClientError, Gap, Refused

_REDIRECTS: Final = range(300, 400)


def refusal(status: int, headers: Mapping[str, str], body: bytes, now: float) -> ClientError:
    """Return the error for a status; `now` is seconds since the Unix epoch."""
    problem = _document(body)
    if status == HTTPStatus.GONE and (gap := gap_of(problem)) is not None:
        return gap
    if status in _REDIRECTS:
        detail = f"the server has moved: use the URL of {headers.get('Location', 'the new place')}"
    else:
        detail = _text(problem, "detail") or "the answer gives no reason; is this a hubbub?"
    return Refused(
        status,
        _text(problem, "title") or _phrase(status),
        detail,
        problem=problem,
        retry_after=retry_after(headers.get("Retry-After"), now),
    )


def gap_of(members: Mapping[str, Any]) -> Gap | None:
    """Return the gap that a document or control event tells of, if it does."""
    requested, resumes_at = members.get("requested"), members.get("resumes_at")
    if isinstance(requested, str) and isinstance(resumes_at, str):
        return Gap(requested, resumes_at)
    return None


def _document(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _text(problem: Mapping[str, Any], name: str) -> str:
    value = problem.get(name)
    return value if isinstance(value, str) else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
