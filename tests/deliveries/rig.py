"""A gateway's deliveries on a real log, with a clock of our own and receivers that do as they are told."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec

from deliveries.store import Ledger, Registry
from hubbub.core.contracts import Log, Order, Rewritten
from hubbub.core.event import Event, Record, compose
from hubbub.core.filters import compile_filters
from hubbub.core.outcome import Delivered, Exchange, Failed, Outcome
from hubbub.core.selection import Filter, Selection
from hubbub.core.start import EARLIEST, Start
from hubbub.core.subscription import Attempt, Policy, Subscription
from hubbub.deliveries.engine import Engine
from hubbub.deliveries.options import DeliveryOptions
from hubbub.log.memory import MemoryLog
from hubbub.log.options import LogOptions

OK = Delivered()
DOWN = Failed("connect", detail="connection refused")
SICK = Failed("status", 500, "status 500")


class Time:
    """A `Clock` and its `Timers`: it stands still until it is moved."""

    def __init__(self) -> None:
        self.wall = 1_795_000_000.0
        self.passed = 1000.0
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._off: set[int] = set()

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.passed

    def call_later(self, delay: float, call: Callable[[], None]) -> Callable[[], None]:
        number = next(self._numbers)
        heapq.heappush(self._calls, (self.passed + delay, number, call))
        return lambda: self._off.add(number)

    async def advance(self, seconds: float) -> None:
        """Let time pass, with all that happens in it in its order."""
        end = self.passed + seconds
        await settle()
        while self._calls and self._calls[0][0] <= end:
            when, number, call = heapq.heappop(self._calls)
            self._move(max(when, self.passed))
            if number not in self._off:
                call()
                await settle()
        self._move(end)
        await settle()

    def _move(self, passed: float) -> None:
        self.wall += passed - self.passed
        self.passed = passed


async def settle() -> None:
    """Let everything that can run now run, threads of the log included."""
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    for _ in range(20):
        await asyncio.sleep(0)


class Receiver:
    """A channel to receivers that answer as a script says."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.got: list[tuple[float, Order, Outcome]] = []
        """Every attempt: when, what, and how it ended."""
        self.answer: Callable[[Order], Outcome] = lambda _: OK
        self.gate: asyncio.Event | None = None
        """Attempts wait for it, if there is one."""
        self.flying = 0
        self.most_flying = 0
        self.consents: list[Outcome] = []
        self.rate = 0.0
        self.note = ""
        self.secrets: Sequence[str] = ()

    def check(self, subscription: Subscription) -> None:
        pass

    def target(
        self, subscription: Subscription, secrets: Sequence[str], credential: str
    ) -> Receiver:
        self.secrets = secrets
        return self

    async def prepare(self) -> Exchange | None:
        if self.consents and not isinstance(outcome := self.consents.pop(0), Delivered):
            return Exchange(outcome)
        return None

    async def rewrite(self, attempt: Attempt, records: Sequence[Record]) -> Rewritten:
        return Rewritten(b"\n".join(record.json for record in records), self.note)

    async def deliver(self, order: Order, timeout: float) -> Exchange:
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
            outcome = self.answer(order)
        finally:
            self.flying -= 1
        self.got.append((self.time.passed, order, outcome))
        return Exchange(outcome, 200)

    @property
    def offsets(self) -> list[int]:
        """Offsets that were delivered, in order."""
        return [r.offset for _, order, outcome in self.got if outcome == OK for r in order.records]

    @property
    def attempted(self) -> list[int]:
        return [record.offset for _, order, _ in self.got for record in order.records]

    def fails(self, *offsets: int, outcome: Outcome = SICK) -> None:
        """Let these events fail from now on, and no other."""
        self.answer = lambda o: outcome if any(r.offset in offsets for r in o.records) else OK


class Secrets:
    def signing(self, subscription: Subscription) -> Sequence[str]:
        return ("s",)

    def credential(self, subscription: Subscription) -> str:
        return ""


def select(subscription: Subscription) -> Selection:
    wanted = None
    if subscription.filters:
        text = msgspec.json.encode(subscription.filters).decode()
        wanted = Filter(text, compile_filters(subscription.filters))
    return Selection.of(subscription.topics, subscription.types, wanted)


def event(topic: str, number: int = 0, kind: str = "t", **attributes: str) -> Event:
    values = {"specversion": "1.0", "id": f"e{number}", "source": "/test", "type": kind}
    return compose({**values, **attributes}, topic, b'{"n":%d}' % number, named=False)


class Rig:
    """What a test has in hand."""

    def __init__(self, log: Log, registry: Any, ledger: Any, time: Time, **options: Any) -> None:
        self.log = log
        self.registry = registry
        self.ledger = ledger
        self.time = time
        self.receiver = Receiver(time)
        self.news: list[tuple[str, Any]] = []
        self.options = DeliveryOptions(**options)
        self.engine = self.make()

    def make(self) -> Engine:
        """Make the engine of the next process."""
        numbers = itertools.count(1)
        return Engine(
            log=self.log,
            registry=self.registry,
            ledger=self.ledger,
            channels={"HTTP": self.receiver},
            secrets=Secrets(),
            select=select,
            policy=lambda one: msgspec.convert(one.config, Policy),
            publish=self.publish,
            options=self.options,
            clock=self.time,
            timers=self.time,
            rng=Random(1),
            new_id=lambda: f"{int(self.time.now() * 1000):013d}-{next(numbers):06d}",
        )

    async def publish(self, topic: str, kind: str, data: Any) -> None:
        self.news.append((kind.removeprefix("hubbub.subscription."), data))
        await self.log.append([event(topic, kind=kind)])

    async def subscribe(
        self, *topics: str, start: Start = EARLIEST, id: str = "s1", **config: Any
    ) -> None:
        config = {"jitter": 0, **config}
        subscription = Subscription(
            id=id, sink="http://receiver.example/", topics=topics or ("t",), config=config
        )
        await self.engine.put(subscription, start)
        await settle()

    async def append(self, *numbers: int, topic: str = "t", **attributes: str) -> None:
        await self.log.append([event(topic, number, **attributes) for number in numbers])
        await settle()

    def state(self, id: str = "s1") -> str:
        return self.engine.subscriptions[id].state

    async def restart(self, *, kill: bool = False) -> None:
        """End this process and begin the next, with what was written."""
        if kill:
            for task in [*self.engine._tasks]:
                task.cancel()
            await settle()
            for lane in self.engine.lanes.values():
                lane.close()
            self.engine._recorder._cancel_timer()
        else:
            await self.engine.stop()
        self.engine = self.make()
        await self.engine.start()
        await settle()


@asynccontextmanager
async def rig(**options: Any) -> AsyncIterator[Rig]:
    """Run deliveries over a memory log until the block ends."""
    time = Time()
    log = MemoryLog(LogOptions(store="memory:"), clock=time, entropy=lambda n: b"\x07" * n)
    made = Rig(log, Registry(), Ledger(), time, **options)
    await made.engine.start()
    try:
        yield made
    finally:
        await made.engine.stop()
