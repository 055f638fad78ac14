"""The id of a request, and the record of an attempt made of what happened."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from hubbub.core.outcome import Delivered, Exchange, Failed, Gone
from hubbub.core.subscription import Attempt, Subscription, Trigger
from hubbub.deliveries.items import Item


def message_id(epoch: str, items: Sequence[Item], *, is_batch: bool) -> str:
    """Return the `webhook-id`: the same whenever the same events are sent in one request."""
    if not is_batch:
        return f"{epoch}-{items[0].offset}"
    offsets = ",".join(str(item.offset) for item in items)
    return f"{epoch}-b{hashlib.sha256(offsets.encode()).hexdigest()[:24]}"


def attempt_record(  # noqa: PLR0913, PLR0917  all that is known of it
    id: str,  # noqa: A002
    subscription: Subscription,
    message: str,
    items: Sequence[Item],
    exchange: Exchange,
    at: int,
    next_due: int,
    trigger: Trigger | None = None,
) -> Attempt:
    """Make the record; `next_due` is when the event is tried again, 0 if it is not."""
    outcome, timings = exchange.outcome, exchange.timings
    kind: Literal["delivered", "failed", "gone"] = "delivered"
    cause = detail = ""
    status = exchange.status
    match outcome:
        case Delivered():
            pass
        case Gone():
            kind = "gone"
        case Failed():
            kind, cause, detail = "failed", outcome.cause, outcome.detail
    return Attempt(
        id=id,
        subscription=subscription.id,
        message=message,
        offsets=tuple(item.offset for item in items),
        number=max((item.attempts for item in items), default=0) + 1,
        trigger=trigger or items[0].trigger,
        at=at,
        outcome=kind,
        cause=cause,
        status=status,
        detail=detail,
        next=next_due,
        url=subscription.sink,
        timings=(
            timings.dns,
            timings.connect,
            timings.tls,
            timings.first_byte,
            timings.total,
        ),
        request_headers=exchange.request_headers,
        response_headers=exchange.response_headers,
        response_body=exchange.response_body,
    )
