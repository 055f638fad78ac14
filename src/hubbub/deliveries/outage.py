"""A subscription whose endpoint is down: nothing is sent but one probe at a time, on the schedule.

The cursor stays where it is, so an endless outage costs no rows. A probe is a real delivery, of the
event that is next or of one that waits, in turns: an event that the receiver will never take must
not keep the others waiting, unless they have to come after it. The first one that is answered ends
the outage; after `disable_after` the subscription is disabled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hubbub.core.clock import nothing
from hubbub.core.errors import Corrupt, Unavailable
from hubbub.core.outcome import Delivered, Exchange, Failed, Gone
from hubbub.deliveries.decide import blames_endpoint, decide, describe, probe_delay
from hubbub.deliveries.items import Item
from hubbub.deliveries.shared import Shared

if TYPE_CHECKING:
    from hubbub.deliveries.lane import Lane

GONE = "the receiver answered 410 Gone: it wants no more deliveries"
EXPIRED = Failed("expired", detail="the event is no longer in the log")


class Outage:
    """The probes of one lane."""

    def __init__(self, lane: Lane, shared: Shared) -> None:
        self._lane = lane
        self._shared = shared
        self._number = 0
        self._generation = 0
        self._cancel: Callable[[], None] = nothing

    def begin(self) -> None:
        """Send the first probe after its delay."""
        self.stop()  # a change of the subscription begins again
        self._number = 0
        self._later(self._lane.pace.wait(self._shared.clock.monotonic()))

    def stop(self) -> None:
        """Send no more probes."""
        self._generation += 1
        self._cancel()

    def _later(self, least: float) -> None:
        self._number += 1
        lane, generation = self._lane, self._generation
        delay = max(least, probe_delay(self._number, lane.policy, self._shared.rng))

        def due() -> None:
            if generation == self._generation and not lane.ended():
                self._shared.spawn(self._probe(generation), "probe")

        self._cancel = self._shared.timers.call_later(delay, due)

    async def _probe(self, generation: int) -> None:
        lane, shared = self._lane, self._shared
        try:
            item = await self._candidate()
        except (Unavailable, Corrupt):  # the log cannot be read: the same probe again
            self._number -= 1
            self._later(0.0)
            return
        if generation != self._generation:
            if item is not None:
                lane.give_back([item])
            return
        if item is None:  # whatever failed was settled by hand
            shared.change(lane.subscription, "active", "")
            return
        at = shared.now()
        lane.in_flight[item] = None
        try:
            item.record = item.record or await shared.find(item.offset)
            exchange = Exchange(EXPIRED) if item.record is None else await lane.attempt([item])
        except (Unavailable, Corrupt) as error:
            exchange = Exchange(Failed("internal", detail=error.detail))
        finally:
            lane.in_flight.pop(item, None)
        self._conclude(item, exchange, is_current=generation == self._generation)
        lane.note([item], exchange, at, 0)
        lane.kick()  # the outage may have been ended meanwhile, by hand

    def _conclude(self, item: Item, exchange: Exchange, *, is_current: bool) -> None:
        """Settle the event or leave it, and end the outage, go on, or disable."""
        lane, shared = self._lane, self._shared
        match exchange.outcome:
            case Delivered():
                lane.settle(item)
                lane.pace.succeeded()
                if is_current:
                    shared.change(lane.subscription, "active", "")
            case Gone():
                lane.give_back([item])
                shared.change(lane.subscription, "disabled", GONE)
            case Failed() as failed:
                lane.pace.heed(failed, lane.policy, shared.clock.monotonic())
                self._failed(item, failed)
                if is_current:
                    self._go_on(failed)

    def _failed(self, item: Item, outcome: Failed) -> None:
        """Bring a parcel nearer to its end if the endpoint answers and does not take it.

        Where the outage was ended meanwhile the event has been passed: it becomes a parcel.
        """
        lane = self._lane
        is_refused = item.track is None and not blames_endpoint(outcome)
        if is_refused or lane.state == "active":
            step = decide(outcome, item.attempts + 1, lane.policy, self._shared.rng)
            lane.follow(item, step, describe(outcome))
        else:
            lane.give_back([item])

    def _go_on(self, outcome: Failed) -> None:
        lane, shared = self._lane, self._shared
        policy, since = lane.policy, lane.subscription.changed
        for_seconds = (shared.now() - since) / 1000
        if policy.disable_after and for_seconds >= policy.disable_after:
            days = policy.disable_after / 86_400
            shared.change(
                lane.subscription,
                "disabled",
                f"no delivery for {days:.3g} days, the last failure: {describe(outcome)}",
            )
            return
        self._later(lane.pace.wait(shared.clock.monotonic()))

    async def _candidate(self) -> Item | None:
        """Return what to send: the next event, or, every other time, one that waits.

        Where order is promised, none goes before one that waits and that it has to come after.
        """
        lane = self._lane
        parcel = lane.waiting.first(in_order=lane.is_strict)
        if parcel is not None and (lane.is_strict or self._number % 2 == 0):
            return self._probing(lane.waiting.pop(parcel))
        fresh = await lane.intake.next(lane.in_flight)
        if fresh is not None and fresh.record is not None:
            key = lane.intake.queue.key_of(fresh.record)
            if lane.policy.order != "key" or key not in set(lane.waiting.keys()):
                return fresh
        parcel = lane.waiting.first(in_order=lane.is_strict)
        return None if parcel is None else self._probing(lane.waiting.pop(parcel))

    @staticmethod
    def _probing(item: Item | None) -> Item | None:
        if item is not None:
            item.trigger = "probe"
        return item
