"""The lanes that run, and what can be done to them: what service.py and hub.py stand on.

Every change of state is in memory at once, then durable, then an event on
`hubbub/subscriptions/{id}`: a subscription's troubles can be subscribed to like anything else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

import msgspec

from hubbub.core.clock import Clock, Timers
from hubbub.core.contracts import Channel, Ledger, Log, Registry, Target
from hubbub.core.errors import Conflict, HubbubError, Malformed, NotFound
from hubbub.core.position import Position
from hubbub.core.reading import begin
from hubbub.core.selection import Selection
from hubbub.core.start import LATEST, Start
from hubbub.core.subscription import Attempt, Cursor, Policy, State, Subscription
from hubbub.core.tasks import Tasks
from hubbub.deliveries.again import Again
from hubbub.deliveries.chores import AT_ONCE, Chores
from hubbub.deliveries.dispatcher import Dispatcher
from hubbub.deliveries.keeper import Keeper, Publish
from hubbub.deliveries.lane import Lane
from hubbub.deliveries.options import DeliveryOptions
from hubbub.deliveries.pace import Gates, Turns
from hubbub.deliveries.recorder import Recorder
from hubbub.deliveries.shared import Shared

_log = logging.getLogger("hubbub.deliveries")


class Status(NamedTuple):
    """How far a subscription is."""

    position: str
    """Everything up to here is settled."""
    lag: int
    """Events of the log beyond it, wanted or not."""
    lag_seconds: float
    """Age of the oldest event that is outstanding."""
    pending: int
    """Events that wait for another attempt."""
    in_flight: int
    dead: int


class Secrets(Protocol):
    """What is sealed in a subscription."""

    def signing(self, subscription: Subscription) -> Sequence[str]:
        """Return the signing secrets that hold now, the active one first."""
        ...

    def credential(self, subscription: Subscription) -> str:
        """Return the `Authorization` for the sink; empty: none."""
        ...


class Engine:
    """All subscriptions of a gateway, running."""

    def __init__(  # noqa: PLR0913  what deliveries stand on
        self,
        *,
        log: Log,
        registry: Registry,
        ledger: Ledger,
        channels: Mapping[str, Channel],
        secrets: Secrets,
        select: Callable[[Subscription], Selection],
        policy: Callable[[Subscription], Policy],
        publish: Publish,
        options: DeliveryOptions,
        per_host: int = 64,
        clock: Clock,
        timers: Timers,
        rng: Random,
        new_id: Callable[[], str],
    ) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        """As they are now, by id."""
        self._lanes: dict[str, Lane] = {}
        self._channels = channels
        self._secrets = secrets
        self._select = select
        self._policy = policy
        self._log = log
        self._ledger = ledger
        self._options = options
        self._tasks = Tasks("deliveries")
        self._unlisten: Callable[[], None] | None = None
        self._is_stopping = False
        self._keeper = Keeper(registry, publish, self._tasks.spawn)
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._rotating: set[str] = set()
        """Subscriptions with a secret that holds only for a while."""
        self.dispatcher = Dispatcher(log.head)
        self._recorder = Recorder(ledger, timers, options.flush_interval, options.flush_attempts)
        self.shared = Shared(
            log=log,
            dispatcher=self.dispatcher,
            recorder=self._recorder,
            turns=Turns(options.concurrency),
            gates=Gates(per_host),
            clock=clock,
            timers=timers,
            rng=rng,
            new_id=new_id,
            spawn=self._tasks.spawn,
            change=self._changed,
            announce=self._announce,
        )
        self._again = Again(self.shared, ledger)

    # Starting and stopping.

    async def start(self) -> None:
        """Take up every subscription where it was."""
        cursors, dead = await self._ledger.cursors(), await self._ledger.dead_letters()
        waiting = await self._ledger.waiting()
        self._unlisten = self._log.listen(self.dispatcher.committed)
        self.dispatcher.offset = self._log.head
        for number, subscription in enumerate(await self._keeper.all()):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)  # for what they have begun
            try:
                lane = self._lane(
                    subscription, cursors.get(subscription.id) or self._first(subscription)
                )
                for ids, is_dead in ((dead, True), (waiting, False)):
                    if lane.id in ids:
                        await self._load(lane, dead=is_dead)
                lane.start()
            except HubbubError as error:  # one that cannot run must not keep the others from it
                _log.error("subscription %s cannot run: %s", subscription.id, error.detail)
                self.subscriptions[subscription.id] = subscription
        for id_ in cursors.keys() - self.subscriptions.keys():  # a deletion that was cut short
            await self._ledger.forget(id_)
        chores = Chores(self.shared, self._ledger, self._options, self._lanes, self._refresh)
        self._tasks.spawn(chores.run(), "chores")

    async def _load(self, lane: Lane, *, dead: bool) -> None:
        after = 0
        while parcels := await self._ledger.parcels(lane.id, dead=dead, after=after):
            await lane.load(parcels)
            after = parcels[-1].offset

    def _lane(
        self,
        subscription: Subscription,
        cursor: Cursor,
        ready: tuple[Selection, Target] | None = None,
    ) -> Lane:
        """Make a lane; `ready` is what was made of the subscription before."""
        selection, target = ready or (self._select(subscription), self._target(subscription))
        if cursor.epoch != self._log.epoch:  # the log lost its end; what is left of it still counts
            cursor = Cursor(self._log.epoch, min(cursor.offset, self._log.head), cursor.sequence)
        lane = Lane(self.shared, subscription, cursor)
        lane.equip(subscription, selection, self._policy(subscription), target)
        self.subscriptions[lane.id], self._lanes[lane.id] = subscription, lane
        self.dispatcher.add(lane.intake, selection)
        return lane

    def _target(self, subscription: Subscription) -> Target:
        secrets = self._secrets.signing(subscription)
        credential = self._secrets.credential(subscription)
        if len(secrets) > 1:
            self._rotating.add(subscription.id)
        return self._channel(subscription).target(subscription, secrets, credential)

    def _channel(self, subscription: Subscription) -> Channel:
        channel = self._channels.get(subscription.protocol)
        if channel is None:
            known = ", ".join(self._channels)
            raise Malformed(f"protocol is one of {known}", pointer="/protocol")
        return channel

    def _first(self, subscription: Subscription) -> Cursor:
        """Return the cursor of a subscription that the ledger knows nothing of yet."""
        return Cursor(*(subscription.began or (self._log.epoch, self._log.head)), 0)

    async def stop(self) -> None:
        """Begin nothing more, let what is in flight end, and write down how far all is.

        What is not answered within the longest timeout is tried again by the next process.
        """
        self._is_stopping = True
        if self._unlisten is not None:
            self._unlisten()
        self.dispatcher.flush()
        flying = [lane for lane in self._lanes.values() if lane.in_flight]
        for lane in self._lanes.values():
            lane.close()
        if flying and (workers := self._tasks.named("worker")):
            longest = max(lane.policy.timeout for lane in flying)
            await asyncio.wait(workers, timeout=min(longest, GRACE))
        await self._tasks.stop()
        for lane in self._lanes.values():
            self._recorder.moved(lane)
        await self._recorder.flush()

    # What service.py does to subscriptions.

    def check(self, subscription: Subscription) -> None:
        """Raise `Malformed` with a pointer for what the channel cannot do."""
        self._channel(subscription).check(subscription)

    @property
    def has_room(self) -> bool:
        """Whether there may be one more subscription."""
        return len(self.subscriptions) < self._options.max_subscriptions

    async def put(
        self, subscription: Subscription, start: Start | None, *, within: float = 0
    ) -> None:
        """Add a subscription, or take over a new version of one; durable when it returns.

        `start` says where the log is read from; None: where it is now. It can wait for `within`
        seconds to be written. Raises `Malformed`.
        """
        self.check(subscription)
        async with self._change_of(subscription.id):
            means = self._select(subscription), self._target(subscription)
            if (lane := self._lanes.get(subscription.id)) is None:
                await self._add(subscription, start, means, within)
            else:
                await self._update(lane, subscription, start, means, within)

    async def _add(
        self,
        subscription: Subscription,
        start: Start | None,
        means: tuple[Selection, Target],
        within: float,
    ) -> None:
        if not self.has_room:
            raise Conflict(
                f"there are {self._options.max_subscriptions} subscriptions, the most that"
                " deliveries.max_subscriptions allows"
            )
        after, _ = await begin(self._log, start or LATEST, means[0])
        subscription = msgspec.structs.replace(subscription, began=(self._log.epoch, after))
        await self._keeper.save(subscription, within=within)
        self._lane(subscription, self._first(subscription), means).start()

    async def _update(
        self,
        lane: Lane,
        subscription: Subscription,
        start: Start | None,
        means: tuple[Selection, Target],
        within: float,
    ) -> None:
        selection, target = means
        after = None if start is None else (await begin(self._log, start, selection)).after
        await self._keeper.save(subscription, within=within)
        if after is not None:
            self._move(lane, after)
        now = lane.subscription  # its state may have changed meanwhile
        subscription = msgspec.structs.replace(
            subscription, state=now.state, reason=now.reason, changed=now.changed
        )
        self.dispatcher.remove(lane.intake, lane.intake.selection)
        self.dispatcher.add(lane.intake, selection)
        lane.equip(subscription, selection, self._policy(subscription), target)
        self.subscriptions[lane.id] = subscription
        lane.start()

    def _change_of(self, id: str) -> asyncio.Lock:  # noqa: A002
        """Return what is held while a subscription is added, changed from outside, or removed."""
        return self._changing.setdefault(id, asyncio.Lock())

    def _move(self, lane: Lane, after: int) -> None:
        """Start elsewhere: the number goes on, so that a receiver sees no end of it."""
        lane.let_go()
        lane.intake.move(after)
        self._recorder.moved(lane)

    async def remove(self, id: str) -> None:  # noqa: A002
        """Delete a subscription and what is known of its deliveries."""
        async with self._change_of(id):
            lane = self._lanes.pop(id, None)
            self.subscriptions.pop(id, None)
            if lane is not None:
                lane.close()
                self.dispatcher.remove(lane.intake, lane.intake.selection)
                self._recorder.forget(id, lane, lane.intake)
            await self._recorder.flush()
            await self._keeper.delete(id)
            await self._ledger.forget(id)

    async def change(self, id: str, state: State, reason: str) -> Subscription:  # noqa: A002
        """Pause, resume, disable; durable when it returns."""
        async with self._change_of(id):
            subscription = self._in_state(self._running(id).subscription, state, reason)
            await self._keeper.save(subscription)
            return subscription

    def hurry(self, id: str) -> None:  # noqa: A002
        """Try now what waits for another attempt: the endpoint was just heard of."""
        if (lane := self._lanes.get(id)) is not None:
            lane.start(hurry=True)

    async def replay(
        self,
        id: str,  # noqa: A002
        start: Start,
        until: Start | None,
        only_failed: bool,
    ) -> int:
        """Deliver a part of the log again, or of it only what failed; return how many offsets that is.

        Raises `Conflict` while another replay runs.
        """
        return await self._again.replay(self._running(id), start, until, only_failed=only_failed)

    async def retry(self, id: str, offsets: Sequence[int]) -> int:  # noqa: A002
        """Try events again now: dead letters, waiting ones, or delivered ones once more."""
        return await self._again.retry(self._running(id), offsets)

    async def test(self, id: str) -> Attempt:  # noqa: A002
        """Send a test event now, whatever the state, and return how it went."""
        return await self._again.test(self._running(id))

    def status(self, id: str) -> Status:  # noqa: A002
        """Tell how far a subscription is."""
        lane = self._running(id)
        cursor, head = lane.cursor(), self._log.head
        oldest = lane.intake.main.oldest
        behind = max(0.0, self.shared.clock.now() - oldest / 1000) if oldest else 0.0
        return Status(
            str(Position(self._log.epoch, cursor.offset)),
            head - cursor.offset,
            round(behind, 3),
            len(lane.waiting),
            len(lane.in_flight),
            lane.dead,
        )

    @property
    def lanes(self) -> Mapping[str, Lane]:
        """All that run."""
        return self._lanes

    @property
    def recorded(self) -> int:
        """Attempts recorded since the start, for the metrics."""
        return self._recorder.attempts

    async def flush(self) -> None:
        """Write what is known now, so that the ledger can be read."""
        await self._recorder.flush()

    def _running(self, id: str) -> Lane:  # noqa: A002
        lane = self._lanes.get(id)
        if lane is None:
            raise NotFound("there is no such subscription")
        return lane

    def _changed(self, subscription: Subscription, state: State, reason: str) -> None:
        """Change a state from inside; saved in the background."""
        if self._lanes.get(subscription.id) is None:
            return
        self._in_state(subscription, state, reason)
        if not self._is_stopping:
            self._keeper.save_soon(subscription.id, lambda: self.subscriptions.get(subscription.id))

    def _in_state(self, subscription: Subscription, state: State, reason: str) -> Subscription:
        lane = self._lanes[subscription.id]
        changed = msgspec.structs.replace(
            lane.subscription, state=state, reason=reason, changed=self.shared.now()
        )
        self.subscriptions[lane.id] = changed
        lane.set(changed)
        self._announce(changed, state, reason)
        return changed

    def _announce(
        self, subscription: Subscription, what: str, reason: str, position: str = ""
    ) -> None:
        if not self._is_stopping:
            self._keeper.announce(subscription, what, reason, position)

    def _refresh(self, lane: Lane) -> None:
        """Let go of a secret whose grace is over."""
        if lane.id in self._rotating:
            self._rotating.discard(lane.id)
            lane.target = self._target(lane.subscription)


GRACE = 10.0
"""Seconds that a stop waits for attempts that are on their way."""
