"""A durable subscription: what it wants, where it goes, by which policy, and how it is doing.

The public form is that of the CloudEvents Subscriptions API (0.1-wip) with hubbub's own members; it
is made in `deliveries/documents.py`. Times are milliseconds since the Unix epoch, durations seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

State = Literal["active", "paused", "outage", "disabled", "expired"]
"""How a subscription is doing.

    active ──(many failures in a row)──> outage ──(a probe is answered)──> active
       │                                   └──(for `disable_after`)──┐
       ├──(410, or by hand)──────────────────────────────────────────┴──> disabled
       └──(by hand)──> paused         any ──(its lease ran out)──> expired

`resume` leads from all of them back to active.
"""

SCHEDULE = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds before each attempt, counted from the one before: 75 h 35 min (Standard Webhooks 1.0)."""

NonNegative = Annotated[float, Meta(ge=0, le=31_536_000)]
"""A duration up to a year."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How deliveries of one subscription are tried: its `config`."""

    schedule: Annotated[tuple[NonNegative, ...], Meta(min_length=1, max_length=100)] = SCHEDULE
    """Seconds to wait before each attempt; as many attempts as members, then a dead letter. The first is
    made at once, whatever its member says."""
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Largest part of a wait that is added at random, so that retries do not come in waves."""
    timeout: Annotated[float, Meta(gt=0, le=60)] = 15.0
    """Seconds for a whole attempt, from the name's resolution to the end of the answer."""
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Attempts that may be on their way at once; 1 where `order` is `strict`."""
    rate: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0
    """Attempts a second in the long run, with a burst of a second's worth; 0: no bound."""
    order: Literal["unordered", "key", "strict"] = "unordered"
    """`strict`: one after the other, a failing event holds up those behind it until it is delivered
    or a dead letter. `key`: the same for events of the same `order_key`. Else as fast as they go."""
    order_key: Annotated[str, Meta(pattern="^[a-z0-9]{1,64}$")] = "subject"
    """The attribute by which `key` orders; events without it are ordered by their topic."""
    batch_size: Annotated[int, Meta(ge=1, le=1000)] = 1
    """Events in one request, as a CloudEvents batch; 1: each by itself."""
    batch_wait: Annotated[float, Meta(ge=0, le=60)] = 0.0
    """Seconds that the first event of a batch waits for others."""
    outage_after: Annotated[int, Meta(ge=1, le=10_000)] = 5
    """Failures in a row, of different events or for want of any answer, that make an outage."""
    disable_after: NonNegative = 5 * 86_400.0
    """Seconds of outage after which the subscription is disabled; 0: never."""
    max_retry_after: NonNegative = 86_400.0
    """Longest that a `Retry-After` is obeyed."""
    max_waiting: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    """Failed events that may wait for their next attempt; at the bound no new ones are begun."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it is kept."""

    id: str
    sink: str
    """URL where deliveries go."""
    topics: tuple[str, ...] = ("**",)
    types: tuple[str, ...] = ()
    """Exact types; none: any."""
    source: str | None = None
    """Only events of this exact source."""
    filters: tuple[Any, ...] = ()
    """Filters of the Subscriptions API as JSON; all must hold."""
    protocol: str = "HTTP"
    protocolsettings: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    """What the channel of `protocol` wants to know; the signing secrets are in `sealed`."""
    config: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    """Members of `Policy` that were given; the others follow the settings."""
    sealed: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Secrets under wire/sealed.py: `secrets` (JSON array of {secret, expires}), `credential`."""
    description: str = ""
    owner: str = ""
    """Name of the principal that made it."""
    created: int = 0
    expires: int = 0
    """When it ends by itself; 0: never."""
    state: State = "active"
    reason: str = ""
    """Why it is not active, for people."""
    changed: int = 0
    """When `state` changed last."""
    began: tuple[str, int] | None = None
    """Epoch and offset after which it began: its cursor until the ledger has one."""

    def is_over(self, now: int) -> bool:
        """Tell whether its term has ended; `now` is milliseconds since the Unix epoch."""
        return 0 < self.expires <= now


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """How far a subscription is: everything it selects up to `offset` is settled, or has a parcel."""

    epoch: str
    offset: int
    sequence: int
    """Number of the last selected record up to `offset`: the next one is `sequence + 1`."""
    acked: tuple[int, ...] = ()
    """Offsets above `offset` that are settled as well, in order."""
    replay: tuple[int, int] | None = None
    """A replay that is under way: go on after the first offset, up to and with the second."""


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """One event that was not delivered at once: waiting for its next attempt, or a dead letter."""

    subscription: str
    offset: int
    sequence: int
    attempts: int
    """Attempts made so far."""
    due: int
    """When the next attempt is due; 0 for a dead letter."""
    failed: int
    """When it failed last."""
    reason: str = ""
    """Why, in a few words."""

    @property
    def is_dead(self) -> bool:
        """Whether nothing more is tried by itself."""
        return self.due == 0


Trigger = Literal["new", "retry", "probe", "replay", "manual", "test"]
"""Why an attempt was made."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of one attempt; the request's body is in the log, at `offsets`."""

    id: str
    """UUIDv7, so that attempts sort by their time."""
    subscription: str
    message: str
    """The `webhook-id` that was sent."""
    offsets: tuple[int, ...] = ()
    """The events that were sent; none for a test."""
    number: int = 1
    """Which attempt at this event it was, from 1."""
    trigger: Trigger = "new"
    at: int
    """When it began."""
    outcome: Literal["delivered", "failed", "gone"] = "delivered"
    cause: str = ""
    status: int = 0
    detail: str = ""
    next: int = 0
    """When the next attempt is due; 0 if there is none."""
    url: str = ""
    timings: tuple[float, ...] = ()
    """dns, connect, tls, first byte, total; milliseconds."""
    request_headers: list[tuple[str, str]] = msgspec.field(default_factory=list[tuple[str, str]])
    response_headers: list[tuple[str, str]] = msgspec.field(default_factory=list[tuple[str, str]])
    response_body: bytes = b""
