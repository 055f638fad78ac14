"""The hub on real deliveries, a real log and real sockets, with a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec

from channels.receiver import Receiver, Request, receiving, status
from deliveries.rig import Time, settle
from hubbub.channels.websub import WebSubChannel
from hubbub.channels.websub_ping import PingChannel
from hubbub.core.event import compose
from hubbub.core.grants import EVERYONE, Principal
from hubbub.core.subscription import Attempt, Subscription
from hubbub.deliveries.documents import selection
from hubbub.deliveries.engine import Engine
from hubbub.deliveries.options import DeliveryOptions, policy_of
from hubbub.deliveries.secrets import Vault
from hubbub.hub_websub import WebSub, newest
from hubbub.log import LogOptions, Tail
from hubbub.log.memory import MemoryLog
from hubbub.net import Egress, EgressOptions
from hubbub.sources import Publisher, PublishOptions
from hubbub.streams.history import History
from hubbub.websub import pings
from hubbub.websub.admission import PROTOCOL
from hubbub.websub.options import WebSubOptions
from hubbub.wire.websub import Subscribing, parse

BASE = "http://hub.example"
TODAY = "Sat, 28 Nov 2026 10:00:00 GMT"
YESTERDAY = "Fri, 27 Nov 2026 10:00:00 GMT"
DATED = (f"Date: {TODAY}", f"Last-Modified: {YESTERDAY}")
"""Headers of something that has not changed lately."""
LOOPBACK = ("127.0.0.0/8",)
PATIENCE = 20.0


class Reader(Receiver):
    """A subscriber, or a publisher with `pages`: verifies what it `wants` and keeps the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.wants: Callable[[Request], bool] = lambda _: True
        self.status = 204
        self.pages: dict[str, bytes] = {}
        """Whole answers to GET by path, for those who fetch."""
        self.answer = self.respond

    def respond(self, request: Request) -> bytes:
        asked = query(request)
        if request.method == "GET" and request.path.partition("?")[0] in self.pages:
            return self.pages[request.path.partition("?")[0]]
        if "hub.challenge" in asked:
            if not self.wants(request):
                return status(404)
            return status(200, body=asked["hub.challenge"].encode())
        return status(self.status if request.method == "POST" else 200)

    @property
    def asked(self) -> list[Request]:
        """Verifications and denials."""
        return [one for one in self.got if one.method == "GET" and "hub.mode" in query(one)]

    @property
    def pushed(self) -> list[Request]:
        return [one for one in self.got if one.method == "POST"]


def query(request: Request) -> dict[str, str]:
    fields = parse_qs(urlsplit(request.path).query, keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def page(body: bytes, kind: str = "text/xml", *headers: str, code: int = 200) -> bytes:
    return status(code, f"Content-Type: {kind}", *headers, body=body)


class World:
    """What a test has in hand."""

    def __init__(self, log: MemoryLog, time: Time, options: Mapping[str, Any]) -> None:
        self.store = log
        self.time = time
        self.options = msgspec.convert(options, WebSubOptions)
        self.stack = AsyncExitStack()

    async def start(self) -> None:
        stack, time, store = self.stack, self.time, self.store
        self.log = await Tail.open(store, 1 << 20)
        egress = Egress(EgressOptions(), allow=LOOPBACK, clock=time)
        fetches = Egress(EgressOptions(), allow=LOOPBACK, clock=time)
        for way in (egress, fetches):
            await way.start()
            stack.push_async_callback(way.close)
        numbers = itertools.count(1)

        def new_id() -> str:
            return f"{int(time.now() * 1000):013d}-{next(numbers):06d}"

        self.publisher = Publisher(self.log, lambda _: None, PublishOptions(), time, new_id)
        self.vault = Vault([bytes(32)], time, os.urandom)
        options = DeliveryOptions(flush_interval=0.01)
        policies = {PROTOCOL: self.options.policy, pings.PROTOCOL: pings.POLICY}
        self.engine = Engine(
            log=self.log,
            registry=store.registry,
            ledger=store.ledger,
            channels={
                PROTOCOL: WebSubChannel(egress, newest(self.log, History(self.log)), time),
                pings.PROTOCOL: PingChannel(egress, time),
            },
            secrets=self.vault,
            select=selection,
            policy=lambda one: policy_of(one, policies.get(one.protocol, options.policy)),
            publish=self._news,
            options=options,
            clock=time,
            timers=time,
            rng=Random(1),
            new_id=new_id,
        )
        await self.engine.start()
        stack.push_async_callback(self.engine.stop)
        self.websub = WebSub(
            options=self.options,
            log=self.log,
            engine=self.engine,
            vault=self.vault,
            egress=egress,
            fetches=fetches,
            publish=self.publisher.publish,
            clock=time,
            timers=time,
            rng=Random(1),
        )
        await self.websub.start(stack)
        self.hub = self.websub.hub

    async def _news(self, topic: str, kind: str, data: object) -> None:
        """Publish nothing."""

    async def stop(self) -> None:
        await self.stack.aclose()
        self.stack = AsyncExitStack()

    async def restart(self, *, kill: bool = False) -> None:
        """End this process and begin the next, with what was written."""
        if kill:
            self.engine._recorder._ledger = Nowhere(
                self.store.ledger
            )  # what is not yet written, is lost
        await self.stop()
        await self.start()

    async def ask(
        self,
        form: Mapping[str, str] | list[tuple[str, str]],
        *,
        principal: Principal | None = EVERYONE,
        address: str = "192.0.2.1",
    ) -> None:
        """POST a form to the hub, without its HTTP."""
        asked = parse(form.items() if isinstance(form, Mapping) else form)
        if isinstance(asked, Subscribing):
            task = asyncio.ensure_future(
                self.hub.subscribe(asked, base=BASE, address=address, principal=principal)
            )
        else:
            task = asyncio.ensure_future(self.hub.publish(asked, base=BASE))
        while not task.done():
            await self.time.advance(0.01)
        await task

    async def subscribe(self, reader: Reader, topic: str, path: str = "/cb", **more: str) -> None:
        """Subscribe, and wait until that is verified."""
        before = len(reader.asked)
        extra = {f"hub.{name}": value for name, value in more.items()}
        callback = reader.url + path
        form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback, **extra}
        await self.ask(form)
        await self.until(lambda: len(reader.asked) > before and not self.hub.verifier.pending)

    async def publish(
        self, topic: str, data: bytes = b'"x"', kind: str = "application/json"
    ) -> None:
        number = self.log.head + 1
        values = {"specversion": "1.0", "id": f"e{number}", "source": "/test", "type": "t"}
        event = compose({**values, "datacontenttype": kind}, topic, data, named=False)
        await self.log.append([event])

    async def until(self, is_so: Callable[[], object], step: float = 0.02) -> None:
        """Let a little time pass, again and again, until something is so."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while not is_so():
            assert loop.time() < end, "it did not come about"
            await self.time.advance(step)

    async def quiet(self) -> None:
        """Let whatever is under way come to its end."""
        for _ in range(30):
            await self.time.advance(0.02)
            await settle()

    def subscription(self, reader: Reader, topic: str, path: str = "/cb") -> Subscription | None:
        return self.hub.find(topic, reader.url + path)[0]

    async def attempts(self, reader: Reader, topic: str, path: str = "/cb") -> list[Attempt]:
        found = self.subscription(reader, topic, path)
        assert found is not None
        await self.engine.flush()
        return await self.store.ledger.attempts(found.id)


class Nowhere:
    """A ledger that is not written to any more."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    async def write(self, flush: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


@asynccontextmanager
async def world(**options: Any) -> AsyncIterator[World]:
    """Run a hub over a log in memory until the block ends."""
    time = Time()
    log = MemoryLog(LogOptions(store="memory:"), clock=time, entropy=lambda n: b"\x07" * n)
    made = World(log, time, options)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@asynccontextmanager
async def reading() -> AsyncIterator[Reader]:
    """Run a subscriber on a free port."""
    reader = Reader()
    server = await asyncio.start_server(reader.serve, "127.0.0.1", 0)
    reader.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield reader
    finally:
        server.close()


__all__ = ["BASE", "Reader", "World", "page", "parse_qsl", "query", "reading", "receiving", "world"]
