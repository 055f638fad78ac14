"""One subscription on its way: what goes next, when, and what follows from how it went.

Whatever fails becomes a parcel, or stays outstanding when the endpoint is down: in an outage the
cursor stays and only probes are sent (outage.py). There is no task per subscription: a worker lives
while there is something to send. What there is to send comes from intake.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from hubbub.core.clock import nothing
from hubbub.core.contracts import Order, Target
from hubbub.core.errors import Corrupt, Unavailable
from hubbub.core.outcome import Delivered, Exchange, Failed, Gone
from hubbub.core.selection import Selection
from hubbub.core.subscription import Cursor, Parcel, Policy, State, Subscription
from hubbub.deliveries.attempts import attempt_record, message_id
from hubbub.deliveries.consent import Consent
from hubbub.deliveries.dead import DeadLetters
from hubbub.deliveries.decide import Again, Bury, Step, blames_endpoint, decide, describe
from hubbub.deliveries.intake import RETRY_READ, Intake
from hubbub.deliveries.items import Item, Waiting, fitting
from hubbub.deliveries.outage import EXPIRED, GONE, Outage
from hubbub.deliveries.pace import Pace, host_of
from hubbub.deliveries.shared import Shared

MAX_AHEAD = 500
"""Settled events above one that hangs; beyond that it becomes a parcel, and the cursor moves on."""


class Lane:
    """One subscription, running."""

    def __init__(self, shared: Shared, subscription: Subscription, cursor: Cursor) -> None:
        self.id = subscription.id
        self.subscription = subscription
        self.in_flight: dict[Item, None] = {}
        self.waiting = Waiting()
        self.pace = Pace(Policy())
        self._letters = DeadLetters()
        self.intake = Intake(shared, subscription, cursor, self.kick)
        self.outage = Outage(self, shared)
        self._shared = shared
        self._streak: set[int] = set()
        """Events that failed since the last success, other than for want of an answer."""
        self._unanswered = 0
        """Attempts since the last success that got no answer, or a plea for less."""
        self._workers = 0
        self._cancel_wake = nothing
        self._wakes_at = 0.0

    policy: Policy
    target: Target

    def equip(
        self, subscription: Subscription, selection: Selection, policy: Policy, target: Target
    ) -> None:
        """Say what is wanted, by which policy, and where it goes; again when that changes."""
        sink, before = subscription.sink, self.subscription.sink
        if sink != before and host_of(sink) != host_of(before):
            self.pace = Pace(policy)  # what the other one asked for is not meant here
        self.subscription = self.intake.subscription = subscription
        self.policy, self.target = policy, target
        self.pace.revise(policy)
        self._gate = self._shared.gates.of(subscription.sink)
        self._consent = Consent(target, self._consented)
        self.intake.equip(selection, policy)
        self.let_go()

    @property
    def state(self) -> State:
        """How it is doing."""
        return self.subscription.state

    @property
    def dead(self) -> int:
        """Dead letters."""
        return len(self._letters)

    @property
    def is_strict(self) -> bool:
        """Whether nothing goes before what is older."""
        return self.policy.order == "strict"

    def cursor(self) -> Cursor:
        """Return the cursor of this moment."""
        return self.intake.cursor()

    async def load(self, parcels: Sequence[Parcel]) -> None:
        """Take up the parcels of an earlier process."""
        for parcel in parcels:
            self._letters.note(parcel.offset, parcel)
            if parcel.is_dead:
                continue
            record = await self._shared.find(parcel.offset) if self.policy.order == "key" else None
            key = "" if record is None else self.intake.queue.key_of(record)
            self.intake.queue.occupy(key)
            self.waiting.put(parcel, self._shared.when(parcel.due), key)

    def kick(self) -> None:
        """Begin what may begin now."""
        turns, gate = self._shared.turns, self._gate
        while self.intake.is_open and self._workers < self.pace.allowed:
            if not (turns.free and gate.free):
                if self.intake.queue.ready or self.waiting:
                    (gate if turns.free else turns).wait(self, self.kick)
                return
            items = self._take()
            if not items:
                return
            turns.take()
            gate.take()
            self._workers += 1
            self._shared.spawn(self._work(items), "worker")

    async def _work(self, items: list[Item]) -> None:
        turns, gate = self._shared.turns, self._gate
        try:
            while items:
                await self._send(items)
                if turns.is_contested or gate.is_contested:
                    break
                if self._workers > self.pace.allowed:
                    break
                items = self._take()
        finally:
            self._workers -= 1
            gate.give_back()
            turns.give_back()
        self.intake.read_on()
        self.kick()

    def _take(self) -> list[Item]:
        """Take what may be sent now, in one request; else see to it that it is looked at again."""
        if not self.intake.is_open or self.ended():
            return []
        now = self._shared.clock.monotonic()
        if wait := self.pace.wait(now):
            self._wake(now + wait)
            return []
        items = self._choose(now)
        if items:
            self.pace.take()
            self.in_flight.update(dict.fromkeys(items))
        if (due := self.waiting.due(in_order=self.is_strict)) is not None and due > now:
            self._wake(due)
        if not self.intake.is_live:
            self.intake.read_on()
        return items

    def ended(self) -> bool:
        """Tell whether its term is over, in which case nothing more is sent."""
        subscription = self.subscription
        if subscription.expires and subscription.is_over(self._shared.now()):
            self._shared.change(subscription, "expired", "its term is over")
            return True
        return False

    def _choose(self, now: float) -> list[Item]:
        policy, queue = self.policy, self.intake.queue
        if self.is_strict and self.in_flight:
            return []  # a probe, whose end is waited for
        if items := self.waiting.take(now, policy.batch_size, in_order=self.is_strict):
            return items
        is_blocked = self.is_strict and bool(self.waiting)
        if is_blocked or len(self.waiting) >= policy.max_waiting:
            return []
        first = queue.first()
        if first is not None and queue.ready < policy.batch_size:
            complete_at = first.since + policy.batch_wait
            if complete_at > now:
                self._wake(complete_at)
                return []
        return queue.take(policy.batch_size)

    def _wake(self, when: float) -> None:
        """Look again at a time, by the monotonic clock."""
        now = self._shared.clock.monotonic()
        if now < self._wakes_at <= when:
            return
        self._cancel_wake()
        self._wakes_at = when
        self._cancel_wake = self._shared.timers.call_later(max(0.0, when - now), self._woken)

    def _woken(self) -> None:
        self._wakes_at = 0.0  # it may be early, and is then to be set again
        self.kick()

    async def _send(self, items: list[Item]) -> None:
        at = self._shared.now()
        try:
            readable = await self._readable(items, at)
            if readable:
                pace = self.pace  # by the end it may be another endpoint's
                self._conclude(readable, await self.attempt(readable), at, pace)
        except (Unavailable, Corrupt):  # the log cannot be read: as if they had not been taken
            self.pace.pause(self._shared.clock.monotonic() + RETRY_READ)
            self._abandon(items)
            self.let_go()
        except BaseException:
            self._abandon(items)
            raise

    def _abandon(self, items: Sequence[Item]) -> None:
        """Leave what is still in flight of some events as it was."""
        self.give_back([item for item in items if self.in_flight.pop(item, ...) is None])

    async def _readable(self, items: list[Item], at: int) -> list[Item]:
        """Read parcels again; those that the log has forgotten are over."""
        found: list[Item] = []
        for item in items:
            if item.record is None:
                item.record = await self._shared.find(item.offset)
            if item.record is not None:
                found.append(item)
            else:
                self._conclude([item], Exchange(EXPIRED), at, self.pace)
        most = fitting(found)
        self._abandon(found[most:])  # they are due, and in the next request
        return found[:most]

    async def attempt(self, items: Sequence[Item]) -> Exchange:
        """Try once to deliver some events in one request."""
        if not self._consent.is_given and (refused := await self._consent.ask()) is not None:
            return refused
        order = Order(
            self.message(items),
            [item.record for item in items if item.record is not None],
            [item.sequence for item in items],
            max(item.attempts for item in items) + 1,
        )
        return await self.target.deliver(order, self.policy.timeout)

    def _consented(self, consent: Consent) -> None:
        if consent is self._consent and self.target.rate:
            self.pace.revise(self.policy, self.target.rate)

    def message(self, items: Sequence[Item]) -> str:
        """Return the id of a request."""
        return message_id(self._shared.log.epoch, items, is_batch=self.policy.batch_size > 1)

    # What follows.

    def _conclude(self, items: list[Item], exchange: Exchange, at: int, pace: Pace) -> None:
        outcome, next_due = exchange.outcome, 0
        for item in items:
            self.in_flight.pop(item, None)
        if isinstance(outcome, Delivered):
            self._succeeded(items, pace)
        elif isinstance(outcome, Gone):
            self.give_back(items)
            self._shared.change(self.subscription, "disabled", GONE)
        else:
            self._note_failure(items, outcome, pace)
            for item in items:
                next_due = self._failed(item, outcome)
        self.note(items, exchange, at, next_due)

    def _succeeded(self, items: Sequence[Item], pace: Pace) -> None:
        self._streak.clear()
        self._unanswered = 0
        has_grown = pace.succeeded()
        for item in items:
            self.settle(item)
        if len(self.intake.main.done) > MAX_AHEAD:
            self._park()
        if self.state == "outage":
            self._shared.change(self.subscription, "active", "")
        elif has_grown:
            self.kick()

    def settle(self, item: Item) -> None:
        """Note that an event was delivered."""
        if item.track is None:
            self.keep(item.offset, None)
        else:
            self.intake.settle(item)
        self.intake.queue.let_go(item.key)

    def _park(self) -> None:
        """Make a parcel of an event that hangs, so that the cursor can move on."""
        main, now = self.intake.main, self._shared.now()
        for item in self.in_flight:
            if item.track is main and item.offset == main.low + 1:
                parcel = Parcel(
                    self.id, item.offset, item.sequence, item.attempts, now, now, "hangs"
                )
                self.keep(item.offset, parcel)
                self.intake.settle(item)
                item.track = None
                return

    def _note_failure(self, items: Sequence[Item], outcome: Failed, pace: Pace) -> None:
        """Slow down, and tell an endpoint that is down from an event that it does not like."""
        pace.heed(outcome, self.policy, self._shared.clock.monotonic())
        if blames_endpoint(outcome):
            self._unanswered += 1
            pace.slow_down()
        elif outcome.cause != "expired":
            self._streak.update(item.offset for item in items)
        in_a_row = self._unanswered + len(self._streak)
        if self.state == "active" and in_a_row >= self.policy.outage_after:
            reason = f"{in_a_row} failures in a row, the last one: {describe(outcome)}"
            self._shared.change(self.subscription, "outage", reason)

    def _failed(self, item: Item, outcome: Failed) -> int:
        """Decide on one event; return when it is tried again, 0 if not by a time of its own."""
        if self.state != "active" and outcome.cause != "expired":
            self.give_back([item])
            return 0
        if item.track is not None and self.waiting.get(item.offset) is not None:
            self.settle(item)  # a replay of what waits anyway, with its number
            return 0
        step = decide(outcome, item.attempts + 1, self.policy, self._shared.rng)
        return self.follow(item, step, describe(outcome))

    def follow(self, item: Item, step: Step, reason: str) -> int:
        """Make a failed event a parcel: one that waits, or a dead letter; return when it is due."""
        shared, now, due = self._shared, self._shared.now(), 0
        if isinstance(step, Again):
            due = now + max(1, int(step.delay * 1000))
        number = item.sequence or self._letters.number(item.offset)  # a replay gives none
        parcel = Parcel(self.id, item.offset, number, item.attempts + 1, due, now, reason)
        if item.track is not None:
            self.intake.settle(item)
        self.keep(item.offset, parcel)
        if isinstance(step, Again):
            when = shared.clock.monotonic() + step.delay
            self.waiting.put(parcel, when, item.key)
            self._wake(when)
        elif isinstance(step, Bury):
            self.intake.queue.let_go(item.key)
            shared.announce(
                self.subscription, "deadletter", step.reason, shared.position(item.offset)
            )
        return due

    def give_back(self, items: Sequence[Item]) -> None:
        """Leave failed events as they were before: outstanding, or waiting."""
        shared, now = self._shared, self._shared.now()
        for item in items:
            self.intake.landed(item)
            if item.track is None:
                parcel = Parcel(self.id, item.offset, item.sequence, item.attempts, now, now)
                self.waiting.put(parcel, shared.clock.monotonic(), item.key)
                self.keep(item.offset, parcel)

    def keep(self, offset: int, parcel: Parcel | None) -> None:
        """Write, or with None forget, what is known of an event that was not delivered at once."""
        self._letters.note(offset, parcel)
        self._shared.recorder.parcel(self, offset, parcel)

    def note(self, items: Sequence[Item], exchange: Exchange, at: int, next_due: int) -> None:
        """Record an attempt."""
        shared, message = self._shared, self.message(items)
        shared.count(exchange.outcome)
        made = (shared.new_id(), self.subscription, message, items, exchange, at, next_due)
        shared.recorder.attempt(self, attempt_record(*made))

    # Changes from outside.

    def let_go(self) -> None:
        """Drop what is queued and go back to the cursor; what is in flight ends by itself."""
        keys = [*(item.key for item in self.in_flight), *self.waiting.keys()]
        self.intake.rewind(self.in_flight, keys)

    def set(self, subscription: Subscription) -> None:
        """Take note of a new state."""
        before = self.state
        self.subscription = self.intake.subscription = subscription
        if before == subscription.state:
            return
        self._streak.clear()
        self._unanswered = 0
        self.outage.stop()
        self.let_go()
        if before == "outage":
            self.pace.start_small()
        self.start(hurry=True)

    def start(self, *, hurry: bool = False) -> None:
        """Begin, in whatever state it is; in a hurry what waits is due now."""
        if hurry:
            self.waiting.hurry(self._shared.clock.monotonic())
        self.intake.is_open = self.state == "active"
        if self.state == "outage":
            self.outage.begin()
        self.intake.read_on()
        self.kick()

    def close(self) -> None:
        """Begin nothing more."""
        if self.intake.is_live:
            self.intake.main.looked(self._shared.dispatcher.offset)
        self.intake.is_open = self.intake.is_live = False
        self._cancel_wake()
        self.outage.stop()
