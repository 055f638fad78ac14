"""When to do what about a source that is followed: pure functions of its state, the time and chance.

subscribe ── asked ── verified ── renewed at about half the lease, beginning with discovery
    │          │          └─ denied ─┐
    └──────────┴── failed ───────────┴── the next hub, then later again; polled meanwhile
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from random import Random
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from hubbub.sources.websub.feeds import Followed
from hubbub.sources.websub.measure import PATIENCE, is_silent
from hubbub.sources.websub.options import MAX_LEASE, MIN_LEASE, FollowOptions
from hubbub.sources.websub.state import Callback, Refusal, State

RENEWED: Final = (0.45, 0.6)
"""Part of a lease after which it is renewed, at random, so that not all come at once: there is time
for many tries, and a hub that was told the wrong lease has not forgotten us yet."""

VERIFIED_WITHIN: Final = 600.0
"""Seconds that a hub gets to verify what it took; then the next one is asked."""
AT_LEAST: Final = 30.0
"""Fewest seconds that it gets."""
PENDING: Final = 6 * 3600.0
"""Seconds for which a late verification is still answered: old hubs try for 6 hours."""
GRACE: Final = 3600.0
"""Seconds for which a replaced callback still takes deliveries: those that are on their way."""
GONE: Final = 86_400.0
"""Seconds for which a callback that ended is answered 410 at least; afterwards 404."""
REFUSED: Final = 86_400.0
"""Seconds after which a hub that denied is asked again."""
DISCOVERED: Final = 86_400.0
"""Seconds after which a document without a hub is looked through again, even if unchanged."""

FIRST_RETRY: Final = 60.0
LAST_RETRY: Final = 6 * 3600.0
"""Seconds before subscribing again: they double from the first to the last."""
LONGEST_WAIT: Final = 86_400.0
"""Seconds of a `Retry-After` that is obeyed."""

APART: Final = 10.0
"""Fewest seconds between two polls that others may cause."""

HELD: Final = 3900.0
"""Seconds for which a poll after a start lets a hub go first that pushes: what we missed it tries again,
ours at least once an hour, and in the order in which it came."""

UNSURE: Final = 300.0
"""Seconds after which it is looked what the publisher has, where a push seemed to be an older version."""

MAX_URL: Final = 2048
"""Characters of a topic or hub: what is called anywhere here has at most that."""
MAX_HUBS: Final = 5
"""Hubs of one document that are tried, in its order."""
MAX_CALLBACKS: Final = 32
"""Callbacks of one source that are remembered; the oldest that are no use go first."""
MAX_TALLIES: Final = 16
"""Hubs of one source that are measured and remembered."""
LEAVE_TRIES: Final = 3
"""Requests to end a subscription at a hub; then its lease ends it."""
LEAVE_AGAIN: Final = 600.0
"""Seconds between two of them."""

Step = Literal["tidy", "unverified", "subscribe", "leave", "judge", "poll"]


class Due(NamedTuple):
    """The next thing to do."""

    at: float
    step: Step


def due(state: State, *, is_followed: bool) -> Due | None:
    """Tell what is next, the earliest first; None: nothing, ever."""
    found: list[Due] = []

    def add(at: float | None, step: Step) -> None:
        if at is not None:
            found.append(Due(at, step))

    for one in state.callbacks:
        add(one.until, "tidy")
        add(one.leave_at, "leave")
    if is_followed:
        add(state.verify_by, "unverified")
        add(state.subscribe_at, "subscribe")
        for tally in state.tallies.values():
            add(tally.since and tally.since + PATIENCE, "judge")
        add(state.poll_at, "poll")
    return min(found, key=lambda one: one.at, default=None)


def candidates(
    state: State, override: str | None, advertised: Sequence[str], now: float
) -> list[str]:
    """Return the hubs to ask, in order (websub 39): the silent last, without those that denied.

    Of the http and the https form of one hub only the latter is left (websub 41).
    """
    hubs = [override] if override else usable(advertised)
    hubs = [
        hub
        for hub in hubs
        if not (hub.startswith("http://") and "https://" + hub.removeprefix("http://") in hubs)
    ]
    hubs = [hub for hub in hubs if hub not in state.refusals or state.refusals[hub].until <= now]
    return sorted(hubs, key=lambda hub: is_silent(state.tallies.get(hub)))


def usable(advertised: Sequence[str]) -> list[str]:
    """Return the hubs of a document that come into question, in its order."""
    fitting = [hub for hub in advertised if len(hub) <= MAX_URL and host_of(hub)]
    return list(dict.fromkeys(fitting))[:MAX_HUBS]


def host_of(url: str) -> str:
    """Return the host of a URL of somebody else, empty if there is none to be read."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def may_have_secret(hub: str) -> bool:
    """Tell whether a secret can be told to a hub without others reading it (websub 41)."""
    host = host_of(hub)
    if hub.lower().startswith("https:"):
        return True
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def granted(asked: str, wanted: float) -> float:
    """Return the lease that a hub grants in `hub.lease_seconds`, as far as it is believed (websub 24)."""
    seconds = float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 16 else wanted  # noqa: PLR2004
    return min(max(seconds, MIN_LEASE), MAX_LEASE)


def verified_within(state: State, now: float) -> float:
    """Return the seconds that a hub gets to verify: less where a short lease is running out."""
    active = state.active
    if active is None:
        return VERIFIED_WITHIN
    return min(VERIFIED_WITHIN, max(AT_LEAST, (active.until - now) / 2))


def look_soon(state: State, now: float) -> None:
    """Plan a poll because a hub said that there is news, without saying which."""
    state.poll_at, state.is_told = max(now, state.last_poll + APART), True


def after_a_break(
    state: State,
    options: FollowOptions,
    now: float,
    rng: Random,
    followed: Followed | None = None,
) -> None:
    """Plan a poll soon after a start, for what was pushed while we were away; not all at once.

    A hub that pushes goes first: a poll finds what the document lists now, and what it does not list
    any more would come after that. However often we start, the poll is late by `HELD` at the most. What
    it has told us of, without saying what it is, it does not tell again: that waits for nobody, and
    neither does a source that is polled more often than that.
    """
    if state.poll_at is None:
        return
    soon = now + rng.uniform(0, options.poll_silent)
    planned = min(state.poll_at, soon)
    interval = (followed and followed.options.poll) or options.poll
    if is_pushed(state, now) and not state.is_told and interval > HELD:
        state.poll_at = max(planned, min(soon + HELD, state.last_poll + interval + HELD))
        _renew_after(state, state.poll_at)
    else:
        state.poll_at = planned


def _renew_after(state: State, at: float) -> None:
    """Have a renewal wait as well, if there is time: it begins with a look at the document, too."""
    active = state.active
    if active is not None and state.subscribe_at is not None and active.until > at + HELD:
        state.subscribe_at = max(state.subscribe_at, at)


def is_pushed(state: State, now: float) -> bool:
    """Tell whether news can be expected of a hub: it has pushed, and missed nothing since.

    Of another gateway they need not be: polls begin there where we are, and miss nothing.
    """
    active = state.active
    if active is None or active.until <= now or state.position:
        return False
    tally = state.tallies.get(active.hub)
    return tally is not None and tally.pushes > 0 and tally.in_row == 0


def adopt(state: State, one: Callback, lease: float, now: float, rng: Random) -> None:
    """Put a verified subscription in force, or extend it if it is.

    The one before it is ended at its hub and keeps receiving for a grace; other requests that wait
    for their verification are forgotten: they would only take over later. The next poll stays where
    it is, soon after the first subscription, and finds what came before the hub knew us.
    """
    if one.state != "active":
        for other in state.callbacks:
            if other.state == "active":
                retire(other, now)
        state.callbacks = [x for x in state.callbacks if x is one or x.state != "pending"]
        one.state, one.verified = "active", now
    one.lease_end = one.until = now + lease
    state.subscribe_at = now + lease * rng.uniform(*RENEWED)
    state.verify_by, state.failures, state.is_waiting = None, 0, False
    state.refusals.pop(one.hub, None)
    state.error = ""
    tally = state.tally(one.hub)
    tally.suspects, tally.since = 0, None
    while len(state.tallies) > MAX_TALLIES:
        del state.tallies[next(hub for hub in state.tallies if hub != one.hub)]


def retire(one: Callback, now: float) -> None:
    """End a subscription in favour of another: the hub is asked to, and deliveries have a grace."""
    one.state, one.until = "replaced", now + GRACE
    one.leaving, one.leave_at, one.tries = True, now, 0


def end(one: Callback, now: float) -> None:
    """End a callback: it is answered 410 as long as the hub may think that it is there."""
    one.until = max(now, one.lease_end) + GONE
    one.state, one.leave_at = "gone", None


def abandon(one: Callback, now: float) -> None:
    """End a subscription that nobody wants any more: 410 from now on, and its hub is asked to."""
    has_been = one.state in ("active", "replaced")
    end(one, now)
    if has_been and one.tries == 0:
        one.leaving, one.leave_at = True, now


def refused(state: State, one: Callback, reason: str, now: float) -> None:
    """Take note of `denied` (websub 44): the hub is left alone, another is tried at once."""
    end(one, now)
    state.refusals[one.hub] = Refusal(now + REFUSED, reason)
    while len(state.refusals) > MAX_TALLIES:
        del state.refusals[next(iter(state.refusals))]
    state.verify_by, state.subscribe_at = None, now
    state.error = f"{host_of(one.hub)} denied the subscription: {reason or 'no reason given'}"


def failed(state: State, now: float, rng: Random, retry_after: float | None = None) -> None:
    """Plan the next round after one in which no hub took us."""
    state.failures += 1
    wait = FIRST_RETRY * 2 ** min(state.failures - 1, 16)
    wait = min(wait, LAST_RETRY) * rng.uniform(1, 1.25)
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_WAIT))
    state.verify_by, state.subscribe_at = None, now + wait


def look_again(state: State, now: float) -> None:
    """Plan to look for a hub again where there is none, or none that has not denied."""
    ends = [one.until for one in state.refusals.values() if one.until > now]
    state.subscribe_at = None if state.is_waiting else min([now + DISCOVERED, *ends])
    state.verify_by = None


def stop(state: State, now: float) -> None:
    """Plan nothing more: the publisher said 410."""
    state.ended = True
    drop_subscription(state, now)
    state.subscribe_at = state.verify_by = state.poll_at = None


def drop_subscription(state: State, now: float) -> None:
    """Leave the hub: the topic has no hub any more, or is gone."""
    for one in state.callbacks:
        if one.state == "active":
            retire(one, now)
    state.callbacks = [one for one in state.callbacks if one.state != "pending"]


def tidy(state: State, now: float) -> bool:
    """End what has lasted; tell whether a subscription ran out."""
    ran_out = False
    for one in state.callbacks:
        if one.until <= now and one.state in ("active", "replaced"):
            ran_out = ran_out or one.state == "active"
            end(one, now)
    state.callbacks = [one for one in state.callbacks if one.until > now]
    while len(state.callbacks) > MAX_CALLBACKS:
        useless = [one for one in state.callbacks if one.state in ("pending", "gone")]
        state.callbacks.remove((useless or state.callbacks)[0])
    return ran_out


def interval(state: State, followed: Followed, options: FollowOptions) -> float:
    """Return the seconds between two polls: seldom where the hub pushes, often where nobody does."""
    poll = followed.options.poll or options.poll
    active = state.active
    if active is not None and not is_silent(state.tallies.get(active.hub)):
        return poll
    return min(poll, options.poll_silent)


def poll_later(
    state: State, followed: Followed, options: FollowOptions, now: float, rng: Random
) -> None:
    """Plan the poll after one that succeeded."""
    state.poll_failures, state.last_poll, state.trouble = 0, now, ""
    state.is_told = False
    state.poll_at = now + interval(state, followed, options) * rng.uniform(0.9, 1.1)


def poll_failed(  # noqa: PLR0913, PLR0917  what it depends on
    state: State,
    followed: Followed,
    options: FollowOptions,
    now: float,
    rng: Random,
    retry_after: float | None = None,
) -> None:
    """Plan the poll after one that failed: ever later, up to the interval of those that need none."""
    state.poll_failures += 1
    wait = interval(state, followed, options) * 2.0 ** min(state.poll_failures, 16)
    wait = min(wait, max(followed.options.poll or options.poll, options.poll_silent))
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_WAIT))
    state.poll_at = now + wait * rng.uniform(1, 1.1)
