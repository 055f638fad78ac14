"""How fast one endpoint is called, and whose turn it is when all endpoints together are many."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from hubbub.core.outcome import Failed
from hubbub.core.subscription import Policy
from hubbub.deliveries.decide import MAX_HOLD, hold

ROUNDING = 1e-6
"""What may be missing of an attempt: sums of floats never come out even."""


class Pace:
    """The pace of one endpoint: a number in flight that it bears, a rate, and pauses it asked for.

    The number in flight halves with every timeout or plea for less and grows by one with every
    success, so an endpoint that hangs soon holds one socket, and one that comes back is not run
    over.
    """

    def __init__(self, policy: Policy, rate: float = 0.0) -> None:
        self._limit = self._allowed = 0
        self._tokens = 0.0
        self._filled = float("-inf")
        """When the tokens were counted last; before that there is a whole burst of them."""
        self._asked = self._until = float("-inf")
        """When the endpoint asked for a pause last, and until when nothing is sent."""
        self.revise(policy, rate)
        self.pleas = 0
        """Answers in a row that asked for less."""

    def revise(self, policy: Policy, rate: float = 0.0) -> None:
        """Go by another policy from now on; what was learned of the endpoint stays."""
        limit = 1 if policy.order == "strict" else policy.concurrency
        has_borne_all = self._allowed == self._limit
        self._allowed = limit if has_borne_all else min(self._allowed, limit)
        self._limit = limit
        self._rate = min((one for one in (policy.rate, rate) if one), default=0.0)
        self._burst = max(1.0, self._rate)
        # A pause ends no later than one that would be asked for by this policy.
        self._until = min(self._until, self._asked + max(policy.max_retry_after, MAX_HOLD))

    @property
    def allowed(self) -> int:
        """Attempts that may be in flight."""
        return self._allowed

    def start_small(self) -> None:
        """Begin again with one in flight: the endpoint was away."""
        self._allowed = 1

    def succeeded(self) -> bool:
        """Let one more be in flight; tell whether that is more than before."""
        self.pleas = 0
        if self._allowed == self._limit:
            return False
        self._allowed += 1
        return True

    def slow_down(self) -> None:
        """Let half as many be in flight."""
        self._allowed = max(1, self._allowed // 2)

    def heed(self, outcome: Failed, policy: Policy, now: float) -> None:
        """Leave the endpoint alone for as long as it asks, if it does; `now` is monotonic."""
        if pause := hold(outcome, self.pleas, policy):
            self._asked = now
            self.hold(now + pause)

    def hold(self, until: float) -> None:
        """Send nothing before a time, by the monotonic clock."""
        self.pleas += 1
        self.pause(until)

    def pause(self, until: float) -> None:
        """Send nothing before a time for reasons of our own."""
        self._until = max(self._until, until)

    def wait(self, now: float) -> float:
        """Return the seconds until an attempt may begin; 0: now."""
        if now < self._until:
            return self._until - now
        if not self._rate:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        missing = 1 - self._tokens
        return missing / self._rate if missing > ROUNDING else 0.0

    def take(self) -> None:
        """Note that an attempt begins."""
        if self._rate:
            self._tokens -= 1


def host_of(sink: str) -> str:
    """Return the host of a URL: whoever asks for a pause speaks for all of it."""
    return urlsplit(sink).hostname or ""


class Turns:
    """Slots for attempts of all subscriptions, given round robin where there are too few."""

    def __init__(self, slots: int) -> None:
        self.free = slots
        """Slots that nobody has."""
        self._waiting: dict[object, Callable[[], None]] = {}

    @property
    def is_contested(self) -> bool:
        """Whether somebody waits for a slot."""
        return bool(self._waiting)

    def take(self) -> None:
        """Take one of the free slots."""
        self.free -= 1

    def wait(self, who: object, call: Callable[[], None]) -> None:
        """Be called, once, when there is a free slot and it is one's turn."""
        self._waiting.setdefault(who, call)

    def give_back(self) -> None:
        """Give a slot back; those that wait longest may take it."""
        self.free += 1
        waiting = self._waiting
        while self.free and waiting:
            waiting.pop(next(iter(waiting)))()


class Gates:
    """Turns at each host: what one host may hold of the connections is shared round robin as well.

    Those of a host go with its last subscription.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._gates: WeakValueDictionary[str, Turns] = WeakValueDictionary()

    def of(self, sink: str) -> Turns:
        """Return the turns at the host and port of a URL."""
        parts = urlsplit(sink)
        return self._gates.setdefault(f"{parts.scheme}://{parts.netloc}", Turns(self._slots))
