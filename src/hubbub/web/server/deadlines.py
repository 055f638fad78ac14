"""Deadlines for many connections without a timer for each: sans-I/O, the clock is an argument.

Every kind of deadline has one duration for the whole server. Connections that wait for the same
kind therefore expire in the order in which they began to wait, and one dict per kind holds them in
that order. To begin and to stop waiting is one dict operation; one sweep for the whole server, from
its heartbeat, looks at the front of each dict only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hubbub.web.server.options import ServerOptions

LINGER_TIMEOUT = 1.0
"""Seconds for which a refused peer's bytes are still taken, so that it gets to read the refusal:
a close with unread bytes is a reset, which can overtake what was written (RFC 9112 9.6)."""

MIN_RESOLUTION = 0.01
"""Seconds between two sweeps at least, however short a deadline is."""

CLOSE_TIMEOUT = 5.0
"""Seconds for which a WebSocket peer may leave our close frame unanswered."""


class Timed(Protocol):
    """What can wait in a lane."""

    def on_deadline(self, lane: Lane, /) -> None:
        """Act on having waited too long; the lane has let go already and may be armed again."""
        ...


class Lane:
    """One kind of deadline and everybody who waits for it, the earliest first."""

    __slots__ = ("_clock", "_waiting", "timeout")

    def __init__(self, timeout: float, clock: Callable[[], float]) -> None:
        self.timeout = timeout
        self._clock = clock
        self._waiting: dict[Timed, float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, who: Timed) -> bool:
        return who in self._waiting

    def arm(self, who: Timed) -> None:
        """Expire `timeout` seconds from now; whoever waits already begins anew."""
        waiting = self._waiting
        if who in waiting:
            del waiting[who]  # a dict keeps the old place otherwise
        waiting[who] = self._clock() + self.timeout

    def disarm(self, who: Timed) -> None:
        """Stop waiting, if it was."""
        self._waiting.pop(who, None)

    def sweep(self) -> None:
        """Let everybody act whose time has come."""
        now = self._clock()
        expired: list[Timed] = []
        for who, at in self._waiting.items():
            if at > now:
                break
            expired.append(who)
        for who in expired:
            if self._waiting.pop(who, None) is not None:  # an earlier one may have ended this one
                who.on_deadline(self)


class Deadlines:
    """All lanes of one server."""

    __slots__ = ("_lanes", "body", "close", "head", "idle", "linger", "ping", "pong", "write")

    def __init__(self, options: ServerOptions, clock: Callable[[], float]) -> None:
        self.head = Lane(options.head_timeout, clock)
        self.body = Lane(options.body_timeout, clock)
        self.idle = Lane(options.idle_timeout, clock)
        self.write = Lane(options.write_timeout, clock)
        self.ping = Lane(options.ws_ping_interval, clock)
        self.pong = Lane(options.ws_ping_timeout, clock)
        self.close = Lane(CLOSE_TIMEOUT, clock)
        self.linger = Lane(LINGER_TIMEOUT, clock)
        self._lanes = (
            self.head,
            self.body,
            self.idle,
            self.write,
            self.ping,
            self.pong,
            self.close,
            self.linger,
        )

    @property
    def resolution(self) -> float:
        """Seconds between sweeps that keep every deadline within half its duration, or a second."""
        shortest = min(lane.timeout for lane in self._lanes)
        return max(MIN_RESOLUTION, min(1.0, shortest / 2))

    def sweep(self) -> None:
        """Let everybody act whose time has come, in every lane."""
        for lane in self._lanes:
            lane.sweep()

    def forget(self, who: Timed) -> None:
        """Stop waiting in every lane: the connection is gone."""
        for lane in self._lanes:
            lane.disarm(who)
