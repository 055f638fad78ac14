"""Introduces the hub of WebSub and the feeds that are followed to the rest: a part of hub.py.

POST /hub ──> websub/ ──> deliveries/ ──> channels/websub.py ──> callbacks
log ──> deliveries/ ──> channels/websub_ping.py ──> other hubs
other hubs ──> POST /websub/{token} ──> sources/websub/ ──> log
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from hubbub.core.clock import Clock, Timers
from hubbub.core.errors import Malformed
from hubbub.core.event import Event, Published, Record
from hubbub.core.grants import Grants, Principal
from hubbub.core.position import Position
from hubbub.core.start import EARLIEST
from hubbub.core.subscription import Attempt, Subscription
from hubbub.deliveries.documents import selection
from hubbub.deliveries.engine import Engine
from hubbub.deliveries.secrets import Vault
from hubbub.log import Tail
from hubbub.net import Egress, check_target
from hubbub.observe.metrics import Reader
from hubbub.sources.websub.followers import Followers
from hubbub.streams.history import History
from hubbub.websub import own, pings
from hubbub.websub.admission import Admission, settings_of
from hubbub.websub.foreign import Foreign, log_topic
from hubbub.websub.hub import WebSubHub
from hubbub.websub.options import WebSubOptions
from hubbub.websub.status import Informant
from hubbub.wire.feeds import NEWEST
from hubbub.wire.websub import MAX_URL

Newest = Callable[[Subscription, int], Awaitable[Sequence[Record]]]

FETCHER = Principal("websub", Grants(publish=("hubbub/websub/*",)))
"""Who publishes what was fetched."""


def newest(log: Tail, history: History) -> Newest:
    """Return what gives the newest events that a subscription selects, up to an offset."""

    async def find(subscription: Subscription, offset: int) -> Sequence[Record]:
        records, _ = await history.page(
            selection(subscription),
            EARLIEST,
            limit=NEWEST,
            newest_first=True,
            before=Position(log.epoch, offset + 1),
        )
        return records

    return find


class WebSub:
    """What a gateway has of WebSub."""

    hub: WebSubHub

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        *,
        options: WebSubOptions,
        log: Tail,
        engine: Engine,
        vault: Vault,
        egress: Egress,
        fetches: Egress,
        publish: Callable[[Sequence[Event], Principal], Awaitable[list[Published]]],
        clock: Clock,
        timers: Timers,
        rng: random.Random,
    ) -> None:
        self.options = options
        self._log = log
        self._engine = engine
        self._clock = clock
        self.foreign = Foreign(
            registry=log.registry,
            log=log,
            caller=fetches,
            publish=lambda event: publish([event], FETCHER),
            subscribers=lambda url: len(self.hub.of(url)),
            hub_url=lambda url: next((settings_of(one).hub for one in self.hub.of(url)), ""),
            hosts=options.topic_hosts,
            options=options.foreign,
            clock=clock,
            timers=timers,
            rng=rng,
        )
        admission = Admission(
            subscriptions=lambda: engine.subscriptions,
            log_topic=log_topic,
            check=check_target,
            vault=vault,
            options=options,
            clock=clock,
        )
        self.hub = WebSubHub(
            engine=engine,
            registry=log.registry,
            caller=egress,
            foreign=self.foreign,
            admission=admission,
            head=lambda: str(Position(log.epoch, log.head)),
            options=options,
            clock=clock,
            timers=timers,
            entropy=os.urandom,
        )
        self.informant = Informant(
            self.hub, engine.status, self._attempts, self.foreign.status, clock
        )

    async def start(self, stack: AsyncExitStack) -> None:
        """Begin; the stack ends it."""
        await self.foreign.start()
        stack.push_async_callback(self.foreign.stop)
        await self.hub.start()
        stack.push_async_callback(self.hub.stop)

    async def reached_at(self, base: str) -> None:
        """Tell other hubs of our topics from now on, which are below this URL."""
        await pings.sync(self._engine, self.options, base, int(self._clock.now() * 1000))

    def urls(self, base: str, url: str) -> list[str]:
        """Return the hubs that tell of what is at `url`, below our own URL `base` (websub 53).

        Ours tells of whatever it takes as a topic, hubs of others of what they are pinged about;
        none at all of what is no topic, such as several patterns at once.
        """
        try:
            topic = own.read(url, base) if len(url) <= MAX_URL else None
        except Malformed:
            topic = None
        if topic is None:
            return []
        ours = [f"{base}/hub"] if self.options.enabled else []
        return [*ours, *(self.options.hubs if pings.is_told(self.options, topic) else ())]

    def readers(self, followers: Followers) -> dict[str, Reader]:
        """Name what the metrics are read from."""
        verifier, foreign = self.hub.verifier, self.foreign
        return {
            "hubbub_followed": lambda: {**followers.standings()},
            "hubbub_websub_pending": lambda: len(verifier.pending),
            "hubbub_websub_verifications_total": lambda: {**verifier.outcomes},
            "hubbub_websub_fetches_total": lambda: {**foreign.outcomes},
            "hubbub_websub_pings_ignored_total": lambda: foreign.ignored,
        }

    def removed(self, subscription: Subscription) -> None:
        """Tell a callback that its subscription was deleted here."""
        if subscription.protocol == "WEBSUB":
            self.hub.deny(subscription, "the subscription was deleted at the hub")

    async def _attempts(self, id_: str, limit: int) -> Sequence[Attempt]:
        await self._engine.flush()
        return await self._log.ledger.attempts(id_, limit=limit)
