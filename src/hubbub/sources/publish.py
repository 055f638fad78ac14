"""The one way in: HTTP, WebSocket and the process itself publish through `Publisher`.

Guarantees, in this order, for every call:

1. *Rights and bounds first.* Whoever may not publish to every topic, sends too much or too fast is
   refused, and nothing of the call happens.
2. *All or nothing.* The events of a call become visible together, in their order, or none does.
3. *Durable when it returns.* No answer before the log's commit.
4. *Repeats are recognised.* An event with an id that was there already, for the same source and
   within the log's window, is answered with its first position and not written again. Requests
   without ids get the same from an Idempotency-Key (sources/idempotency.py).

Ephemeral events skip the log: they reach whoever is connected now and promise nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hubbub.core.clock import Clock
from hubbub.core.contracts import Log
from hubbub.core.errors import TooLarge
from hubbub.core.event import Event, Published
from hubbub.core.grants import Principal
from hubbub.core.position import Position
from hubbub.sources.idempotency import IdempotencyKeys
from hubbub.sources.options import PublishOptions
from hubbub.sources.rate import Rate

Ephemeral = Callable[[Event], object]

ROOM = 64 * 1024
"""Bytes of JSON beyond twice `max_bytes`: attributes come in headers, which are about that at most."""


class Publisher:
    """Takes checked events and makes them durable."""

    def __init__(
        self,
        log: Log,
        ephemeral: Ephemeral,
        options: PublishOptions,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self.options = options
        self.new_id = new_id
        """Makes an id for an event that has none."""
        self.keys = IdempotencyKeys(options, clock)
        """The Idempotency-Keys of all callers."""
        self._log = log
        self._ephemeral = ephemeral
        self._rate = Rate(options.rate, options.burst, clock) if options.rate else None
        # Base64 takes a third more than its bytes, escaped text up to twice as much (core/event.py).
        self._max_json = 2 * options.max_bytes + ROOM

    async def publish(
        self, events: Sequence[Event], principal: Principal, *, ephemeral: bool = False
    ) -> list[Published]:
        """Publish events for a caller, and say where each is, in order.

        Raises `Forbidden`, `TooLarge`, `TooMany` or `Unavailable`; then nothing was published.
        """
        self._check(events, principal)
        if ephemeral:
            for event in events:
                self._ephemeral(event)
            return [Published(event.id, topic=event.topic) for event in events]
        log = self._log
        appended = await log.append(events)
        epoch = log.epoch
        return [
            Published(event.id, str(Position(epoch, offset)), event.topic, duplicate)
            for event, (offset, duplicate) in zip(events, appended, strict=True)
        ]

    def _check(self, events: Sequence[Event], principal: Principal) -> None:
        checked = None
        for event in events:
            if event.topic != checked:
                checked = event.topic
                principal.require_publish(checked)
            if len(event.json) > self._max_json:
                raise TooLarge(
                    f"the event takes {len(event.json)} bytes as JSON, above {self._max_json};"
                    " put large data into a store and its address into the event"
                )
        if self._rate is not None:
            self._rate.take(principal.name, len(events))
