"""What to do after an attempt: pure functions of what happened, how often, and the policy.

Standard Webhooks 1.0 and the CloudEvents webhook specification: only 2xx succeeds, 410 disables,
429 and its kind slow the endpoint down, and `Retry-After` is obeyed exactly within a bound.
"""

from __future__ import annotations

from random import Random

import msgspec

from hubbub.core.outcome import UNREACHABLE, Delivered, Failed, Gone, Outcome
from hubbub.core.subscription import Policy

MIN_HOLD = 1.0
"""Seconds that an endpoint is left alone which asks for less without saying how long."""

MAX_HOLD = 60.0
"""Longest of those pauses: they double with every answer of that kind in a row."""

MIN_RETRY = 1.0
"""Fewest seconds before a retry that `Retry-After` asks for: `0` is no reason to hammer."""


class Settle(msgspec.Struct, frozen=True):
    """It is done."""


class Again(msgspec.Struct, frozen=True):
    """Try again."""

    delay: float
    """In so many seconds."""


class Bury(msgspec.Struct, frozen=True):
    """Give the event up: a dead letter, to be tried again by hand."""

    reason: str


class Disable(msgspec.Struct, frozen=True):
    """Send nothing more to this subscription."""

    reason: str


Step = Settle | Again | Bury | Disable


def decide(outcome: Outcome, attempts: int, policy: Policy, rng: Random) -> Step:
    """Tell what follows the attempt that was number `attempts` at an event."""
    match outcome:
        case Delivered():
            return Settle()
        case Gone():
            return Disable("the receiver answered 410 Gone: it wants no more deliveries")
        case Failed(cause="expired"):
            return Bury(describe(outcome))
        case Failed(retry_after=asked):
            if attempts >= len(policy.schedule):
                return Bury(describe(outcome))
            if asked is not None:
                return Again(max(min(asked, policy.max_retry_after), MIN_RETRY))
            return Again(spread(policy.schedule[attempts], policy.jitter, rng))


def spread(delay: float, jitter: float, rng: Random) -> float:
    """Return a delay with up to `jitter` of it added at random."""
    return delay * (1 + jitter * rng.random())


def hold(outcome: Outcome, in_a_row: int, policy: Policy) -> float:
    """Return the seconds for which the whole endpoint is left alone after an attempt.

    `in_a_row` counts answers of this kind before this one.
    """
    if not isinstance(outcome, Failed) or not (
        outcome.throttled or outcome.retry_after is not None
    ):
        return 0.0
    if outcome.retry_after is not None:
        return min(outcome.retry_after, policy.max_retry_after)
    return min(MIN_HOLD * 2 ** min(in_a_row, 16), MAX_HOLD)


def blames_endpoint(outcome: Failed) -> bool:
    """Tell whether a failure speaks of the endpoint, whatever was sent."""
    return outcome.cause in UNREACHABLE or outcome.throttled


def probe_delay(number: int, policy: Policy, rng: Random) -> float:
    """Return the seconds before probe `number`, from 1, of an endpoint in outage."""
    waits = policy.schedule[1:] or policy.schedule
    wait = max(waits[min(number, len(waits)) - 1], MIN_HOLD)
    return spread(wait, policy.jitter, rng)


def describe(outcome: Failed) -> str:
    """Say in a few words why an attempt failed."""
    return outcome.detail or (f"status {outcome.status}" if outcome.status else outcome.cause)
