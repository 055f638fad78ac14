"""Who may go now: a bounded number at a time, and of them a few for one host. No I/O."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

Go = Callable[[], bool]
"""Begins; False: there is nothing to do any more, and the turn goes to the next."""


class Turns:
    """Gives turns in the order in which they were asked for, past hosts that have all of theirs.

    One look costs as much as there are hosts that wait, however many wait for one of them.
    """

    def __init__(self, total: int, per_host: int) -> None:
        self._total = total
        self._per_host = per_host
        self._waiting: dict[str, deque[Go]] = {}
        """By host; the one that has waited longest comes first."""
        self._active: Counter[str] = Counter()
        self._count = 0
        self._is_giving = False

    def ask(self, host: str, go: Go) -> None:
        """Have `go` called when it is its turn, perhaps at once; then `done` has to follow."""
        self._waiting.setdefault(host, deque()).append(go)
        self._give()

    def done(self, host: str) -> None:
        """Give a turn back."""
        self._count -= 1
        self._active[host] -= 1
        if not self._active[host]:
            del self._active[host]
        self._give()

    def _give(self) -> None:
        if self._is_giving:
            return  # who was called has asked: the loop below goes on
        self._is_giving = True
        try:
            while self._count < self._total and (host := self._next()) is not None:
                queue = self._waiting.pop(host)
                go = queue.popleft()
                if queue:
                    self._waiting[host] = queue  # behind the others
                if go():
                    self._count += 1
                    self._active[host] += 1
        finally:
            self._is_giving = False

    def _next(self) -> str | None:
        return next((host for host in self._waiting if self._active[host] < self._per_host), None)
