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
from typing import Literal

from hubbub.core.clock import Clock
from hubbub.core.contracts import Log
from hubbub.core.errors import HubbubError, TooLarge, Unavailable
from hubbub.core.event import Event, Published
from hubbub.core.grants import Principal
from hubbub.core.position import Position
from hubbub.sources.idempotency import IdempotencyKeys
from hubbub.sources.options import PublishOptions
from hubbub.sources.rate import Rate
from hubbub.wire.cloudevents import MAX_BATCH

Ephemeral = Callable[[Event], object]
Outcome = Literal["created", "duplicate", "ephemeral", "refused", "unavailable"]

ROOM = 64 * 1024
"""Bytes of JSON beyond twice `max_bytes`: attributes come in headers, which are about that at most."""


class Publisher:
    """Takes checked events and makes them durable."""

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        log: Log,
        ephemeral: Ephemeral,
        options: PublishOptions,
        clock: Clock,
        new_id: Callable[[], str],
        *,
        observe: Callable[[float], object] | None = None,
    ) -> None:
        """Publish into a log; `observe` is told the seconds that each call took to its answer."""
        self.options = options
        self.new_id = new_id
        """Makes an id for an event that has none."""
        self.keys = IdempotencyKeys(options, clock)
        """The Idempotency-Keys of all callers."""
        self.appended = 0
        """Events made durable, for the metrics; repeats not counted."""
        self.appended_bytes = 0
        """Bytes of those events in JSON."""
        self.outcomes: dict[Outcome, int] = {
            "created": 0,
            "duplicate": 0,
            "ephemeral": 0,
            "refused": 0,
            "unavailable": 0,
        }
        """Calls by how they ended."""
        self._log = log
        self._ephemeral = ephemeral
        self._now = clock.monotonic
        self._observe = observe
        self._rate = Rate(options.rate, options.burst, clock) if options.rate else None
        # Base64 takes a third more than its bytes, escaped text up to twice as much (core/event.py).
        self._max_json = 2 * options.max_bytes + ROOM

    async def publish(
        self, events: Sequence[Event], principal: Principal, *, ephemeral: bool = False
    ) -> list[Published]:
        """Publish events for a caller, and say where each is, in order.

        Raises `Forbidden`, `TooLarge`, `TooMany` or `Unavailable`; then nothing was published.
        """
        begun = self._now()
        try:
            self._check(events, principal)
            told = self._hand_on(events) if ephemeral else await self._append(events)
        except HubbubError as error:
            self.refused(error)
            raise
        repeated = bool(told) and all(published.duplicate for published in told)
        self.outcomes["ephemeral" if ephemeral else "duplicate" if repeated else "created"] += 1
        if self._observe is not None:
            self._observe(self._now() - begun)
        return told

    def refused(self, error: HubbubError) -> None:
        """Count a call that came to nothing; doors say so of what they refuse themselves."""
        self.outcomes["unavailable" if isinstance(error, Unavailable) else "refused"] += 1

    def _hand_on(self, events: Sequence[Event]) -> list[Published]:
        for event in events:
            self._ephemeral(event)
        return [Published(event.id, topic=event.topic) for event in events]

    async def _append(self, events: Sequence[Event]) -> list[Published]:
        log = self._log
        appended = await log.append(events)
        epoch = log.epoch
        told: list[Published] = []
        for event, (offset, duplicate) in zip(events, appended, strict=True):
            place = str(Position(epoch, offset))
            told.append(Published(event.id, place, event.topic, duplicate))
            if not duplicate:
                self.appended += 1
                self.appended_bytes += len(event.json)
        return told

    def _check(self, events: Sequence[Event], principal: Principal) -> None:
        if len(events) > MAX_BATCH:
            raise TooLarge(f"one call publishes at most {MAX_BATCH} events; make several")
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
