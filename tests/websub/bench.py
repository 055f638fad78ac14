"""Topics of others on their own: a real client, real sockets, and a registry that can be taken away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec

from channels.receiver import Request
from deliveries.rig import Time, settle
from deliveries.store import Registry
from hubbub.core.errors import Unavailable
from hubbub.core.event import Event, Record
from hubbub.core.selection import Selection
from hubbub.log import LogOptions
from hubbub.log.memory import MemoryLog
from hubbub.net import Egress, EgressOptions
from hubbub.websub.fetching import Topic
from hubbub.websub.foreign import KIND, Foreign
from hubbub.websub.foreign_options import ForeignOptions
from websub.rig import LOOPBACK, PATIENCE, Reader, reading

PATH = "/feed.xml"


class Shelf(Registry):
    """A registry that fails, or keeps a write waiting, as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.puts = 0

    async def put(self, *given: Any, **more: Any) -> int:
        self.puts += 1
        await self.is_open.wait()
        if self.is_down:
            raise Unavailable("the disk is full")
        return await super().put(*given, **more)

    async def delete(self, *given: Any, **more: Any) -> bool:
        if self.is_down:
            raise Unavailable("the disk is full")
        return await super().delete(*given, **more)

    @property
    def topics(self) -> dict[str, Topic]:
        """What is durable, by URL."""
        found = [
            msgspec.json.decode(one.body, type=Topic)
            for (kind, _), one in self.documents.items()
            if kind == KIND
        ]
        return {one.url: one for one in found}


class Way:
    """The guarded client; requests wait while it is not open."""

    def __init__(self, egress: Egress) -> None:
        self.egress = egress
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.active = self.peak = 0
        self.asked = Counter[str]()
        self.timeouts: list[float] = []
        self.before: Callable[[], None] = lambda: None
        self.hold = ""
        """What is kept waiting begins so."""

    async def request(self, method: str, url: str, *, timeout: float, **more: Any) -> Any:
        self.active += 1
        self.peak = max(self.peak, self.active)
        self.asked[url] += 1
        self.timeouts.append(timeout)
        self.before()
        try:
            if url.startswith(self.hold):
                await self.is_open.wait()
            return await self.egress.request(method, url, timeout=PATIENCE, **more)
        finally:
            self.active -= 1


class Bench:
    """What a test has in hand."""

    def __init__(self, way: Way, blog: Reader, options: dict[str, Any]) -> None:
        self.way = way
        self.blog = blog
        self.time = Time()
        self.shelf = Shelf()
        self.log = MemoryLog(
            LogOptions(store="memory:"), clock=self.time, entropy=lambda n: b"\x07" * n
        )
        self.options = msgspec.convert(options, ForeignOptions)
        self.is_full = False
        self.subscribers = 3
        self.more: dict[str, Any] = {}
        self.foreign = self.make()

    def make(self) -> Foreign:
        return Foreign(
            registry=self.shelf,
            log=self.log,
            caller=self.way,
            publish=self.publish,
            subscribers=lambda _: self.subscribers,
            options=self.options,
            clock=self.time,
            timers=self.time,
            rng=Random(1),
            **self.more,
        )

    async def publish(self, event: Event) -> object:
        if self.is_full:
            raise Unavailable("the disk is full")
        return await self.log.append([event])

    async def restart(self) -> None:
        """End this process, whatever it was at, and begin the next with what is durable."""
        await self.foreign.stop()
        self.shelf.is_down = self.is_full = False
        self.way.is_open.set()
        self.foreign = self.make()
        await self.foreign.start()

    @property
    def topic(self) -> str:
        return self.blog.url + PATH

    def state(self, url: str = "") -> Topic:
        found = self.foreign.status(url or self.topic)
        assert found is not None
        return found

    async def records(self) -> Sequence[Record]:
        return (await self.log.read(0, 1000, Selection.of(["hubbub/**"]))).records

    async def bodies(self) -> list[bytes | None]:
        return [one.data().content for one in await self.records()]

    @property
    def fetches(self) -> list[Request]:
        return self.blog.got

    async def until(self, is_so: Callable[[], object], step: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while not is_so():
            assert loop.time() < end, "it did not come about"
            await (self.time.advance(step) if step else settle())

    async def idle_but_for_requests(self) -> None:
        """Let everything happen that waits for nobody."""
        for _ in range(10):
            await settle()

    async def idle(self) -> None:
        """Let whatever needs no time come to its end."""
        for _ in range(10):
            await settle()
            await self.until(lambda: not self.way.active)


@asynccontextmanager
async def bench(**options: Any) -> AsyncIterator[Bench]:
    """Run the topics of others, with a publisher on a free port, until the block ends."""
    async with reading() as blog:
        clock = Time()
        egress = Egress(EgressOptions(), allow=LOOPBACK, clock=clock)
        await egress.start()
        made = Bench(Way(egress), blog, options)
        try:
            await made.foreign.start()
            yield made
        finally:
            await made.foreign.stop()
            await egress.close()
