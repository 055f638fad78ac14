"""Whether a topic is pushed to a callback, and why or why not, in sentences for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec

from hubbub.core.clock import Clock, rfc3339
from hubbub.core.grants import Principal
from hubbub.core.subscription import Attempt, Subscription
from hubbub.websub import own
from hubbub.websub.admission import id_of, settings_of
from hubbub.websub.fetching import Topic
from hubbub.websub.hub import Failure, WebSubHub
from hubbub.websub.intent import Intent

ATTEMPTS: Final = 5
"""Attempts that are shown: enough to see a pattern."""

LISTED: Final = 1000
"""Subscriptions that are listed of one topic, for those who may see them."""


class Standing(Protocol):
    """How far a subscription is."""

    @property
    def lag(self) -> int:
        """Events of the log beyond its position, wanted or not."""
        ...

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest event that is outstanding; 0 if none is."""
        ...

    @property
    def pending(self) -> int:
        """Events that wait for another attempt."""
        ...


class AttemptTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt."""

    at: str
    outcome: str
    status: int = 0
    detail: str = ""
    next: str = ""


class SubscriptionTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A topic and a callback."""

    topic: str
    callback: str
    state: str
    """`pending`, `none`, or that of the subscription."""
    why: str
    """In a sentence or two."""
    expires: str = ""
    """When the lease ends."""
    method: str = ""
    """How notifications are signed; empty: they are not."""
    waiting: float = 0.0
    """Age in seconds of the oldest event that was not delivered yet."""
    attempts: Sequence[AttemptTold] = ()
    """The last ones, newest first."""


class FetchTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a topic of others is fetched."""

    pinged: str = ""
    """When its publisher pinged last."""
    fetched: str = ""
    """When it was fetched last, with success."""
    changed: str = ""
    """When it was another one the last time."""
    content_type: str = ""
    bytes: int = 0
    problem: str = ""
    """Why the last fetch failed."""
    next: str = ""
    """When it is fetched again after a failure."""


class TopicTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A topic."""

    topic: str
    why: str
    is_ours: bool = False
    subscriptions: dict[str, int] = {}
    """How many there are by state."""
    fetched: FetchTold | None = None
    """Of a topic of others."""
    callbacks: Sequence[SubscriptionTold] = ()
    """For those who may manage subscriptions."""


class Informant:
    """Looks things up for `GET /hub`."""

    def __init__(
        self,
        hub: WebSubHub,
        standing: Callable[[str], Standing],
        attempts: Callable[[str, int], Awaitable[Sequence[Attempt]]],
        fetched: Callable[[str], Topic | None],
        clock: Clock,
    ) -> None:
        """Know these.

        `standing` and `attempts` (newest first) are by the id of a subscription, `fetched` tells of a
        topic of others by its URL.
        """
        self._hub = hub
        self._standing = standing
        self._attempts = attempts
        self._fetched = fetched
        self._clock = clock

    async def subscription(self, topic: str, callback: str) -> SubscriptionTold:
        """Tell of a topic and a callback."""
        subscription, intent = self._hub.find(topic, callback)
        failure = self._hub.failures.get(id_of(topic, callback))
        if subscription is not None:
            return await self._of(subscription, intent, failure)
        if intent is not None:
            return _pending(intent)
        why = NOBODY if failure is None else f"No: {_came_to(failure)}"
        return SubscriptionTold(topic=topic, callback=callback, state="none", why=why)

    async def topic(self, topic: str, *, base: str, principal: Principal) -> TopicTold:
        """Tell of a topic; `base` is our own URL. Raises `Malformed` or `Forbidden`."""
        of, ours = [self._as_is(one) for one in self._hub.of(topic)], own.read(topic, base)
        is_ours = ours is not None
        if ours is not None:
            principal.require_subscribe([ours.pattern])
        fetched = None if is_ours else self._fetched(topic)
        callbacks: list[SubscriptionTold] = []
        if principal.may_manage():
            ids = {one.id for one in of}
            pending = self._hub.verifier.pending.values()
            new = [one for one in pending if one.topic == topic and one.id not in ids]
            callbacks = [*(self._told(one, ()) for one in of), *map(_pending, new)][:LISTED]
        return TopicTold(
            topic=topic,
            why=_of_topic(of, fetched, is_ours=is_ours),
            is_ours=is_ours,
            subscriptions=dict(Counter(one.state for one in of)),
            fetched=None if fetched is None else _fetch(fetched),
            callbacks=callbacks,
        )

    async def _of(
        self, subscription: Subscription, intent: Intent | None, failure: Failure | None
    ) -> SubscriptionTold:
        told = self._told(subscription, await self._attempts(subscription.id, ATTEMPTS))
        more = [] if intent is None else [_waits(intent)]
        if failure is not None and not failure.is_end:
            said = _came_to(failure)
            more.append(f"{said[0].upper()}{said[1:]}")
        return msgspec.structs.replace(told, why=" ".join((told.why, *more)))

    def _told(self, subscription: Subscription, attempts: Sequence[Attempt]) -> SubscriptionTold:
        settings, standing = settings_of(subscription), self._standing(subscription.id)
        subscription = self._as_is(subscription)
        why = _of_state(subscription, standing, attempts)
        return SubscriptionTold(
            topic=settings.topic,
            callback=subscription.sink,
            state=subscription.state,
            why=why,
            expires=rfc3339(subscription.expires),
            method=settings.method if subscription.sealed.get("secrets") else "",
            waiting=standing.lag_seconds,
            attempts=tuple(map(_attempt, attempts)),
        )

    def _as_is(self, subscription: Subscription) -> Subscription:
        if subscription.is_over(int(self._clock.now() * 1000)):  # nothing has come of it so far
            return msgspec.structs.replace(subscription, state="expired")
        return subscription


NOBODY: Final = (
    "No: nobody has subscribed this callback to this topic here, or its lease ended long ago. Both URLs"
    " must be written exactly as they were in the request."
)


def _pending(intent: Intent) -> SubscriptionTold:
    return SubscriptionTold(
        topic=intent.topic,
        callback=intent.subscription.sink,
        state="pending",
        why=_waits(intent),
    )


def _came_to(failure: Failure) -> str:
    """Say how a request or a subscription ended."""
    at = rfc3339(failure.at)
    if failure.is_end:
        return f"{failure.reason}, at {at}."
    return f"what was asked for last came to nothing at {at}: {failure.reason}."


def _waits(intent: Intent) -> str:
    what = {"subscribe": "A subscription", "unsubscribe": "An end", "denied": "A denial"}
    told = f"{what[intent.mode]} waits for the callback to verify it, since {rfc3339(intent.asked)}"
    if not intent.attempts:
        return f"{told}."
    return (
        f"{told}; it was asked {_times(intent.attempts)} ({intent.problem}), and will be again at"
        f" {rfc3339(intent.due)}."
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _of_state(subscription: Subscription, standing: Standing, attempts: Sequence[Attempt]) -> str:
    changed = rfc3339(subscription.changed)
    match subscription.state:
        case "active" if not standing.lag_seconds:
            last = f"; the last notification was at {rfc3339(attempts[0].at)}" if attempts else ""
            return f"Yes: everything that happened was delivered{last}."
        case "active":
            return (
                f"Yes, but not everything is delivered yet: the oldest event that is outstanding is"
                f" {standing.lag_seconds:.0f} s old{_last(attempts)}."
            )
        case "outage":
            return (
                f"Not now: the callback has taken nothing since {changed} ({subscription.reason})."
                " It is tried again and again until the lease ends, and gets what it missed, in order."
            )
        case "paused":
            return f"No: somebody has paused it here at {changed}."
        case "disabled":
            return f"No: it ended at {changed}: {subscription.reason}."
        case "expired":
            return f"No: the lease ended at {rfc3339(subscription.expires)}. Subscribe again."


def _of_topic(of: Sequence[Subscription], fetched: Topic | None, *, is_ours: bool) -> str:
    if not of:
        return "Nobody is subscribed to this topic here."
    count = f"{len(of)} subscriptions" if len(of) > 1 else "1 subscription"
    active = sum(one.state == "active" for one in of)
    if active < len(of):
        count += f", {active or 'none'} of them active" if len(of) > 1 else ", which is not active"
    if not active:
        return f"{count}."
    if is_ours:
        return f"{count}; each event of the topic is delivered as it happens."
    if fetched is None or not fetched.pinged:
        return (
            f"{count}, and no publisher has pinged the topic yet: a hub learns of news by pings,"
            " POST /hub with hub.mode=publish and hub.topic."
        )
    if fetched.problem:
        return f"{count}; {fetched.problem}."
    return f"{count}; the topic is fetched when its publisher pings, and delivered if it changed."


def _last(attempts: Sequence[Attempt]) -> str:
    failures = [one for one in attempts if one.outcome != "delivered"]
    return f"; the last failure: {failures[0].detail or failures[0].cause}" if failures else ""


def _fetch(topic: Topic) -> FetchTold:
    def time(milliseconds: int) -> str:
        return rfc3339(milliseconds) if milliseconds else ""

    return FetchTold(
        pinged=time(topic.pinged),
        fetched=time(topic.fetched),
        changed=time(topic.changed),
        content_type=topic.content_type,
        bytes=topic.size,
        problem=topic.problem,
        next=time(max(topic.due, topic.not_before)),
    )


def _attempt(attempt: Attempt) -> AttemptTold:
    return AttemptTold(
        at=rfc3339(attempt.at),
        outcome=attempt.outcome,
        status=attempt.status,
        detail=attempt.detail,
        next=rfc3339(attempt.next) if attempt.next else "",
    )
