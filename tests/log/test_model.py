"""The SQLite engine does what the memory engine does, whatever is done to both."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hubbub.core.contracts import Log, Retention
from hubbub.core.errors import Gap
from hubbub.core.event import Event, Record
from hubbub.core.selection import EVERYTHING, Filter, Selection
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions
from hubbub.log.tail import Tail
from hubbub.testing.log import ManualClock
from hubbub.testing.log.subject import event

T = TypeVar("T")

TOPICS = ["a", "a/b", "a/c", "a/b/c", "z/b"]
SIZED = Filter("sized", lambda attributes: str(attributes["id"]) < "2")

names = st.sampled_from(["", "", "1", "2", "3"])
made = st.builds(
    lambda name, topic, kind, size: event(name, topic, type=kind, data=b"1" * size),
    names,
    st.sampled_from(TOPICS),
    st.sampled_from(["made", "paid"]),
    st.sampled_from([1, 200]),
)
selections = st.one_of(
    st.just(EVERYTHING),
    st.builds(
        lambda patterns, types, filtered: Selection.of(
            patterns, types, SIZED if filtered else None
        ),
        st.lists(st.sampled_from([*TOPICS, "a/*", "a/**", "*/b", "none"]), min_size=1, max_size=3),
        st.lists(st.sampled_from(["made", "paid"]), max_size=1),
        st.booleans(),
    ),
)
policies = st.builds(
    Retention,
    max_age=st.sampled_from([0, 0, 30, 100]),
    max_count=st.sampled_from([0, 1, 5, 20]),
    max_bytes=st.sampled_from([0, 0, 1, 1000, 5000]),
)


async def forward(log: Log, after: int, limit: int, selection: Selection) -> list[Record] | str:
    found: list[Record] = []
    while len(found) < limit and after < log.head:
        try:
            page = await log.read(after, limit - len(found), selection)
        except Gap as gap:
            return str(gap)
        found += page.records
        after = page.next
    return found


async def backward(log: Log, before: int, limit: int, selection: Selection) -> list[Record]:
    found: list[Record] = []
    before = min(before, log.head + 1)
    while len(found) < limit and before > log.tail:
        page = await log.read_back(before, limit - len(found), selection)
        found += page.records
        before = page.next
    return found


class SameAsMemory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.mkdtemp()
        self.clock = ManualClock()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    async def open(self, store: str) -> Log:
        options = LogOptions(store=store, dedupe_window=60, dedupe_max=12)
        return await open_engine(options, clock=self.clock, entropy=bytes)

    @initialize(ring_bytes=st.sampled_from([None, 0, 4000, 1 << 20]))
    def begin(self, ring_bytes: int | None) -> None:
        self.ring_bytes = ring_bytes
        self.model = self.run(self.open("memory:"))
        self.log = self.run(self.open_sqlite())
        self.heard: list[Record] = []
        self.model_heard: list[Record] = []
        self.model.listen(self.model_heard.extend)
        self.log.listen(self.heard.extend)

    async def open_sqlite(self) -> Log:
        engine = await self.open(f"sqlite://{self.folder}/hubbub.db")
        return engine if self.ring_bytes is None else await Tail.open(engine, self.ring_bytes)

    @rule(events=st.lists(made, max_size=8))
    def append(self, events: list[Event]) -> None:
        assert self.run(self.log.append(events)) == self.run(self.model.append(events))

    @rule(batches=st.lists(st.lists(made, max_size=3), max_size=5))
    def append_at_once(self, batches: list[list[Event]]) -> None:
        async def together(log: Log) -> Any:
            return await asyncio.gather(*map(log.append, batches))

        # Whoever has to look a suspect up first is overtaken: same events, another order.
        answers = self.run(together(self.log))
        places = [answer.offset for some in answers for answer in some if not answer.duplicate]
        assert len(places) == len(set(places))
        known = set(range(self.model.head + 1, self.log.head + 1))
        assert set(places) == known
        self.resynchronise()

    def resynchronise(self) -> None:
        """Have the model append what the log did, in its order."""
        after = self.model.head
        records = self.run(forward(self.log, after, 10_000, EVERYTHING))
        assert not isinstance(records, str)
        for record in records:
            attributes = record.attributes()
            name = str(attributes["id"])
            same = event(
                "" if name == "made-here" else name,
                record.topic,
                type=record.type,
                data=record.data().content,
            )
            (answer,) = self.run(self.model.append([same]))
            assert (answer.offset, answer.duplicate) == (record.offset, False)

    @rule(back=st.integers(0, 60), limit=st.integers(1, 20), selection=selections)
    def read(self, back: int, limit: int, selection: Selection) -> None:
        after = max(self.model.head - back, 0)
        wanted = self.run(forward(self.model, after, limit, selection))
        assert self.run(forward(self.log, after, limit, selection)) == wanted

    @rule(back=st.integers(-3, 60), limit=st.integers(1, 20), selection=selections)
    def read_back(self, back: int, limit: int, selection: Selection) -> None:
        before = max(self.model.head - back, 0)
        wanted = self.run(backward(self.model, before, limit, selection))
        assert self.run(backward(self.log, before, limit, selection)) == wanted

    @rule(seconds=st.integers(-5, 400))
    def find(self, seconds: int) -> None:
        at = int((self.clock.now() - seconds) * 1000)
        assert self.run(self.log.find(at)) == self.run(self.model.find(at))

    @rule(policy=policies)
    def trim(self, policy: Retention) -> None:
        assert self.run(self.log.trim(policy)) == self.run(self.model.trim(policy))

    @rule(seconds=st.sampled_from([0.001, 1, 20, 50]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def reopen(self) -> None:
        # The newest stamp is what the time of a log begins with.
        self.append([event()])
        self.run(self.log.close())
        self.log = self.run(self.open_sqlite())
        self.log.listen(self.heard.extend)

    @invariant()
    def they_are_the_same(self) -> None:
        if hasattr(self, "log"):
            assert (self.log.epoch, self.log.head, self.log.tail) == (
                self.model.epoch,
                self.model.head,
                self.model.tail,
            )
            assert self.heard == self.model_heard

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.run(self.log.close())
        self.runner.close()
        shutil.rmtree(self.folder)


TestSameAsMemory = SameAsMemory.TestCase
TestSameAsMemory.settings = settings(max_examples=25, stateful_step_count=40)
