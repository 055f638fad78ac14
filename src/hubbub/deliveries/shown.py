"""What is told of subscriptions, attempts and dead letters: the answers of the Subscriptions API.

Secrets are in none of these but `SecretShown` and, once, the answer to who made a subscription.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from hubbub.core.clock import rfc3339
from hubbub.core.contracts import Rewritten
from hubbub.core.event import Record
from hubbub.core.filters import warnings
from hubbub.core.outcome import MAX_BODY
from hubbub.core.subscription import Attempt, Parcel, Subscription
from hubbub.deliveries.documents import document_of
from hubbub.deliveries.secrets import Secret

CONSENT: Final = "webhook-request-origin"
"""Header of a request for consent, which comes before the first delivery and is no delivery."""


class Standing(Protocol):
    """How far a subscription is, as the engine knows it."""

    @property
    def position(self) -> str:
        """Everything up to here is settled."""
        ...

    @property
    def lag(self) -> int:
        """Events of the log beyond it."""
        ...

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest event that is outstanding."""
        ...

    @property
    def pending(self) -> int:
        """Events that wait for another attempt."""
        ...

    @property
    def in_flight(self) -> int:
        """Attempts on their way."""
        ...

    @property
    def dead(self) -> int:
        """Dead letters."""
        ...


class RequestShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was sent, signatures and credentials left out; of one attempt, the beginning of the body."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: str | None = None
    body_base64: str | None = None
    body_note: str | None = None
    """Why there is no body, or in what it may differ from the one that was sent."""


class ResponseShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came back; a body that is no UTF-8 is in base64."""

    status: int
    headers: list[tuple[str, str]]
    body: str | None = None
    body_base64: str | None = None


class TimingsShown(msgspec.Struct, frozen=True):
    """Where the time went, in milliseconds."""

    dns: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    first_byte: float = 0.0
    total: float = 0.0


class AttemptShown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt."""

    id: str
    subscription: str
    message: str
    at: str
    number: int
    trigger: str
    outcome: str
    positions: list[str]
    cause: str | None = None
    detail: str | None = None
    next: str | None = None
    request: RequestShown
    response: ResponseShown | None = None
    timings: TimingsShown


class DeadShown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A dead letter; what identifies the event is missing once the log no longer keeps it."""

    position: str
    sequence: int
    attempts: int
    failed: str
    reason: str
    id: str | None = None
    source: str | None = None
    type: str | None = None
    topic: str | None = None


class OldSecret(msgspec.Struct, frozen=True):
    """A secret in its grace."""

    secret: str
    expires: str


class SecretShown(msgspec.Struct, frozen=True):
    """What deliveries are signed with: the active secret, and those that sign along until they end."""

    secret: str
    old: list[OldSecret]


def show(
    subscription: Subscription, standing: Standing | None, secret: str | None = None
) -> dict[str, Any]:
    """Describe a subscription; `standing` is None for one that cannot run.

    `secret` is for the one who has just made it.
    """
    told = {"id": subscription.id, **document_of(subscription)}
    told = {name: value for name, value in told.items() if value is not None}
    if secret is not None:
        told["protocolsettings"] = {**subscription.protocolsettings, "secret": secret}
    told |= {"status": subscription.state, "reason": subscription.reason}
    if standing is not None:
        told |= {
            "position": standing.position,
            "lag": {"events": standing.lag, "seconds": standing.lag_seconds},
            "pending": standing.pending,
            "in_flight": standing.in_flight,
            "dead": standing.dead,
        }
    told |= {"owner": subscription.owner, "created": rfc3339(subscription.created)}
    if subscription.changed:
        told["changed"] = rfc3339(subscription.changed)
    if notices := warnings(subscription.filters):
        told["warnings"] = [
            {"detail": one.detail, "pointer": f"/filters{one.pointer}", "position": one.position}
            for one in notices
        ]
    return told


def show_attempt(attempt: Attempt, epoch: str, sent: Rewritten | None = None) -> AttemptShown:
    """Describe an attempt; `sent` is the body of its request, None where nobody has asked for it."""
    body, encoded = readable((sent and sent.body) or b"")
    note = (sent and sent.note) or None
    has_asked = any(name == CONSENT for name, _ in attempt.request_headers)
    method = "OPTIONS" if has_asked else "POST"
    request = RequestShown(method, attempt.url, attempt.request_headers, body, encoded, note)
    response = None
    if attempt.status:
        body, encoded = readable(attempt.response_body)
        response = ResponseShown(attempt.status, attempt.response_headers, body, encoded)
    return AttemptShown(
        id=attempt.id,
        subscription=attempt.subscription,
        message=attempt.message,
        at=rfc3339(attempt.at),
        number=attempt.number,
        trigger=attempt.trigger,
        outcome=attempt.outcome,
        positions=[f"{epoch}-{offset}" for offset in attempt.offsets],
        cause=attempt.cause or None,
        detail=attempt.detail or None,
        next=rfc3339(attempt.next) if attempt.next else None,
        request=request,
        response=response,
        timings=TimingsShown(*attempt.timings),
    )


def show_dead(parcel: Parcel, epoch: str, record: Record | None) -> DeadShown:
    """Describe a dead letter; `record` is its event, None if the log has it no more."""
    attributes = {} if record is None else record.attributes()
    named = {name: str(attributes[name]) for name in ("id", "source") if name in attributes}
    if record is not None:
        named |= {"type": record.type, "topic": record.topic}
    return DeadShown(
        position=f"{epoch}-{parcel.offset}",
        sequence=parcel.sequence,
        attempts=parcel.attempts,
        failed=rfc3339(parcel.failed),
        reason=parcel.reason,
        **named,
    )


def show_secrets(secrets: Sequence[Secret], now: float) -> SecretShown:
    """Tell the secrets that hold at `now`, in seconds since the Unix epoch; there is one at least."""
    active, *old = secrets
    return SecretShown(
        active.secret,
        [OldSecret(one.secret, rfc3339(one.expires)) for one in old if one.expires > now * 1000],
    )


def readable(body: bytes) -> tuple[str | None, str | None]:
    """Return the beginning of a body as text, else in base64; neither if it is empty."""
    kept = body[:MAX_BODY]
    if not kept:
        return None, None
    try:
        return kept.decode(), None
    except UnicodeDecodeError as error:
        cut_off = len(kept) == MAX_BODY and error.reason == "unexpected end of data"
        if cut_off:  # in the middle of a character
            return kept[: error.start].decode(), None
        return None, base64.b64encode(kept).decode()
