"""A gateway in this process, as small as the HTTP face allows: a log in memory and what stands on it."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from hubbub.channels.webhook import WebhookChannel
from hubbub.channels.websub import WebSubChannel
from hubbub.core.clock import Clock, LoopTimers
from hubbub.core.errors import Unavailable
from hubbub.core.selection import EVERYTHING
from hubbub.core.start import EARLIEST
from hubbub.core.subscription import Subscription
from hubbub.deliveries.documents import selection
from hubbub.deliveries.engine import Engine
from hubbub.deliveries.options import DeliveryOptions, policy_of
from hubbub.deliveries.secrets import Vault
from hubbub.deliveries.service import Subscriptions
from hubbub.hub_websub import WebSub, newest
from hubbub.log import LogOptions, Tail
from hubbub.log.memory import MemoryLog
from hubbub.log.ring import Ring
from hubbub.net import Egress, EgressOptions, check_target
from hubbub.sources import Publisher, PublishOptions
from hubbub.sources.book import Sources
from hubbub.sources.webhook.receiver import Receiver
from hubbub.sources.websub.followers import Followers
from hubbub.sources.websub.options import FollowOptions
from hubbub.streams import StreamOptions, Streams
from hubbub.streams.history import History
from hubbub.web.app import create_app
from hubbub.web.auth import Authenticator, AuthOptions
from hubbub.web.face import App
from hubbub.web.options import WebOptions
from hubbub.websub.options import WebSubOptions


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_770_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Settings:
    """The sections that the HTTP face reads."""

    def __init__(self, web: WebOptions) -> None:
        self.web = web


class Gateway:
    """Has all that `web.face.Hub` asks for."""

    def __init__(
        self,
        *,
        web: WebOptions | None = None,
        publish: PublishOptions | None = None,
        auth: AuthOptions | None = None,
        websub: WebSubOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.settings = Settings(web or WebOptions())
        self.authenticator = Authenticator(auth or AuthOptions(), self.clock)
        engine = MemoryLog(LogOptions(), clock=self.clock, entropy=lambda n: bytes(range(n)))
        self.log: Any = Tail(engine, Ring(1 << 20, 0))
        self.history = History(self.log)
        self.streams = Streams(self.log, StreamOptions(), self.clock, random.Random(1))
        ids = map("id-{}".format, itertools.count(1))
        self.publisher = Publisher(
            self.log,
            self.streams.ephemeral,
            publish or PublishOptions(),
            self.clock,
            lambda: next(ids),
        )

        self.egress = Egress(EgressOptions(), allow=(), clock=self.clock)
        vault = Vault([bytes(32)], self.clock, os.urandom)
        self.deliveries = Engine(
            log=self.log,
            registry=engine.registry,
            ledger=engine.ledger,
            channels={
                "HTTP": WebhookChannel(self.egress, check_target, self.clock, "hubbub"),
                "WEBSUB": WebSubChannel(self.egress, newest(self.log, self.history), self.clock),
            },
            secrets=vault,
            select=selection,
            policy=lambda one: policy_of(one, DeliveryOptions().policy),
            publish=self._news,
            options=DeliveryOptions(),
            clock=self.clock,
            timers=LoopTimers(),
            rng=random.Random(1),
            new_id=lambda: next(ids),
        )
        self.subscriptions = Subscriptions(
            engine=self.deliveries,
            ledger=engine.ledger,
            log=self.log,
            vault=vault,
            clock=self.clock,
            entropy=os.urandom,
            new_id=lambda: next(ids),
            removed=self._removed,
        )
        self.sources = Sources(engine.registry, lambda text, _: text, lambda text, _: text)
        self.followers = Followers(
            registry=engine.registry,
            client=self.egress,
            log=self.log,
            publisher=self.publisher,
            base=lambda: "",
            clock=self.clock,
            timers=LoopTimers(),
            rng=random.Random(1),
            entropy=os.urandom,
            options=FollowOptions(),
            seal=lambda text, _: text,
            unseal=lambda text, _: text,
        )
        self._websub = WebSub(
            options=websub or WebSubOptions(),
            log=self.log,
            engine=self.deliveries,
            vault=vault,
            egress=self.egress,
            fetches=self.egress,
            publish=self.publisher.publish,
            clock=self.clock,
            timers=LoopTimers(),
            rng=random.Random(1),
        )
        self.websub, self.informant = self._websub.hub, self._websub.informant
        self._stack = AsyncExitStack()
        self.receiver = Receiver(self.publisher, self._fetch, self.clock)

    def _removed(self, subscription: Subscription) -> None:
        self._websub.removed(subscription)

    async def _news(self, topic: str, kind: str, data: object) -> None:
        """Publish nothing of what deliveries have to tell."""

    async def _fetch(self, url: str) -> bytes:
        raise Unavailable("nothing is fetched here")

    async def start(self) -> None:
        """Begin what runs by itself."""
        await self.streams.start()
        await self.egress.start()
        await self.deliveries.start()
        await self._websub.start(self._stack)
        await self.followers.start(self.sources)

    async def stop(self) -> None:
        """End what runs by itself."""
        await self.followers.stop()
        await self._stack.aclose()
        await self.deliveries.stop()
        await self.egress.close()
        await self.streams.stop()

    def hubs(self, base: str, url: str) -> list[str]:
        return self._websub.urls(base, url)

    def metrics(self, accept: str) -> tuple[str, bytes]:
        return "text/plain; version=0.0.4", b"# nothing\n"

    def app(self) -> App:
        return create_app(self)

    async def events(self) -> list[dict[str, Any]]:
        """Return the attributes of every event in the log."""
        records, _ = await self.history.page(EVERYTHING, EARLIEST, limit=10_000)
        return [record.attributes() for record in records]


@asynccontextmanager
async def running_gateway(**options: Any) -> AsyncIterator[Gateway]:
    """Run a gateway, streams included."""
    gateway = Gateway(**options)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
        await gateway.log.close()
