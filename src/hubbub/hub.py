"""READ FIRST: the gateway as one object. Opens the log, starts what stands on it, stops it in order.

    sources ──> log ──> streams | deliveries          everything else is a view of these

An event comes in through `sources/publish.py` (over HTTP, a WebSocket or `Hub.publish`), is appended
to the log (`log/`), and once that is durable the log tells its listeners: `streams/fanout.py` hands
it to whoever is live, and `deliveries/dispatcher.py` to the subscriptions that want it, which push it
out through `channels/`. Whoever is not live reads the log. `web/` is the face of all this for HTTP.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import msgspec
import uuid_utils

from hubbub.channels.webhook import WebhookChannel
from hubbub.channels.websub import WebSubChannel
from hubbub.channels.websub_ping import PingChannel
from hubbub.client.event import Event
from hubbub.core.attributes import Value
from hubbub.core.clock import Clock, LoopTimers, SystemClock
from hubbub.core.errors import Misconfigured, Unavailable
from hubbub.core.event import Published
from hubbub.core.filters import compile_sql
from hubbub.core.grants import EVERYONE
from hubbub.core.selection import Filter, Selection
from hubbub.core.start import Last, Start, parse_since
from hubbub.core.subscription import Subscription
from hubbub.core.topic import check_pattern, check_topic
from hubbub.deliveries.documents import selection
from hubbub.deliveries.engine import Engine
from hubbub.deliveries.options import policy_of
from hubbub.deliveries.secrets import Vault
from hubbub.deliveries.service import Subscriptions
from hubbub.hub_websub import WebSub, newest
from hubbub.log import Tail, open_log, secrets_key
from hubbub.net import Egress, RequestFailed, check_target
from hubbub.observe.metrics import Histogram, Metrics, Reader
from hubbub.settings import Settings
from hubbub.sources.book import KINDS, Sources
from hubbub.sources.publish import Publisher
from hubbub.sources.webhook.receiver import Receiver
from hubbub.sources.websub.feeds import Feeds
from hubbub.sources.websub.followers import Followers
from hubbub.streams import Streams
from hubbub.streams.history import History
from hubbub.web.auth import Authenticator
from hubbub.web.options import EVERYBODY
from hubbub.websub import pings
from hubbub.websub.admission import PROTOCOL as WEBSUB
from hubbub.websub.hub import WebSubHub
from hubbub.websub.status import Informant
from hubbub.wire.cloudevents import DEFAULT_TYPE, Defaults, from_attributes
from hubbub.wire.sealed import NONCE_LENGTH, seal, unseal

if TYPE_CHECKING:
    from starlette.types import ASGIApp


FETCH_TIMEOUT = 10.0
"""Seconds for a certificate: providers wait 10 to 30 for our answer."""

FETCH_BYTES = 64 * 1024
"""Bytes of a certificate chain; real ones have 10,000."""


def new_id() -> str:
    """Make an event id: UUIDv7 (RFC 9562), which sorts by time."""
    return str(uuid_utils.uuid7())


class Hub:
    """One gateway, in this process.

    `settings` are those of the server; `store` alone names where events are kept: `memory:` (the
    default in process) or `sqlite:///path/to/hubbub.db`. Use it as `async with hub:`, or hand
    `hub.lifespan` to the application that it is mounted in.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        store: str | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        settings = settings or Settings(
            log=msgspec.structs.replace(Settings().log, store="memory:")
        )
        if store is not None:
            settings = msgspec.structs.replace(
                settings, log=msgspec.structs.replace(settings.log, store=store)
            )
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        auth = settings.auth
        if settings.web.cors_origins != EVERYBODY:  # whoever is named may write as well as read
            origins = auth.origins + settings.web.cors_origins
            auth = msgspec.structs.replace(auth, origins=origins)
        self.authenticator = Authenticator(auth, self.clock)
        self.base = settings.web.public_url.rstrip("/")
        """URL under which others reach us, empty while it is not known."""
        self._rng = rng or random.SystemRandom()
        self._open: AsyncExitStack | None = None
        self._asgi: ASGIApp | None = None

    log: Tail
    publisher: Publisher
    streams: Streams
    history: History
    egress: Egress
    fetches: Egress
    deliveries: Engine
    subscriptions: Subscriptions
    sources: Sources
    receiver: Receiver
    followers: Followers
    websub: WebSubHub
    informant: Informant

    @property
    def asgi(self) -> ASGIApp:
        """The gateway as an ASGI application: serve it, or mount it in another one."""
        if self._asgi is None:
            from hubbub.web.app import create_app  # noqa: PLC0415  the face is not needed in process

            self._asgi = create_app(self, self.lifespan)
        return self._asgi

    async def start(self) -> None:
        """Open the log and begin to serve. Raises `Misconfigured` or `Corrupt`."""
        if self._open is not None:
            raise Misconfigured("this hub is running already; make another Hub for another log")
        async with AsyncExitStack() as stack:
            self.log = await open_log(self.settings.log, clock=self.clock, entropy=os.urandom)
            stack.push_async_callback(self.log.close)
            self.history = History(self.log)
            self.streams = Streams(self.log, self.settings.streams, self.clock, self._rng)
            stack.push_async_callback(self.streams.stop)
            await self.streams.start()
            seconds = Histogram()
            self.publisher = Publisher(
                self.log,
                self.streams.ephemeral,
                self.settings.publish,
                self.clock,
                new_id,
                observe=seconds.observe,
            )
            await self.authenticator.start()
            stack.push_async_callback(self.authenticator.stop)
            await self._open_egress(stack)
            self._key = await asyncio.to_thread(secrets_key, self.settings.log, os.urandom)
            await self._open_sources()
            vault = await self._open_deliveries(stack)
            await self._open_websub(stack, vault)
            self._metrics = Metrics(self._readers(), {"hubbub_publish_seconds": seconds})
            self._open = stack.pop_all()

    async def _open_egress(self, stack: AsyncExitStack) -> None:
        """Open the two ways out: what is delivered and what is fetched may go to different places."""
        options, clock = self.settings.egress, self.clock
        self.egress = Egress(options, allow=options.allow, clock=clock)
        self.fetches = Egress(options, allow=options.allow_fetch, clock=clock)
        for way in (self.egress, self.fetches):
            await way.start()
            stack.push_async_callback(way.close)

    async def _open_sources(self) -> None:
        key = self._key

        def sealed(text: str, context: str) -> str:
            return seal(key, text, context, os.urandom(NONCE_LENGTH))

        def opened(text: str, context: str) -> str:
            return unseal([key], text, context)

        kinds = {**KINDS, "websub": Feeds(check_target)}
        self.sources = Sources(self.log.registry, sealed, opened, kinds=kinds)
        await self.sources.load()
        self.followers = Followers(
            registry=self.log.registry,
            client=self.fetches,
            log=self.log,
            publisher=self.publisher,
            base=lambda: self.base,
            clock=self.clock,
            timers=LoopTimers(),
            rng=self._rng,
            entropy=os.urandom,
            options=self.settings.follow,
            seal=sealed,
            unseal=opened,
        )
        self.sources.attend("websub", self.followers)
        self.receiver = Receiver(self.publisher, self._fetch, self.clock)

    async def _fetch(self, url: str) -> bytes:
        """Fetch what a webhook's proof rests on. Raises `Unavailable`."""
        try:
            reply = await self.fetches.fetch(url, timeout=FETCH_TIMEOUT, max_body=FETCH_BYTES)
        except RequestFailed as error:
            raise Unavailable(f"it cannot be fetched: {error.detail}") from error
        if not 200 <= reply.status < 300 or reply.truncated:  # noqa: PLR2004
            raise Unavailable(f"it cannot be fetched: status {reply.status}")
        return reply.body

    async def _open_deliveries(self, stack: AsyncExitStack) -> Vault:
        options, clock, log = self.settings.deliveries, self.clock, self.log
        vault = Vault([self._key], clock, os.urandom)
        channels = {
            "HTTP": WebhookChannel(self.egress, check_target, clock, options.origin),
            WEBSUB: WebSubChannel(self.egress, newest(log, self.history), clock),
            pings.PROTOCOL: PingChannel(self.egress, clock),
        }
        policies = {WEBSUB: self.settings.websub.policy, pings.PROTOCOL: pings.POLICY}
        self.deliveries = Engine(
            log=log,
            registry=log.registry,
            ledger=log.ledger,
            channels=channels,
            secrets=vault,
            select=selection,
            policy=lambda one: policy_of(one, policies.get(one.protocol, options.policy)),
            publish=self._news,
            options=options,
            per_host=self.settings.egress.connections_per_host,
            clock=clock,
            timers=LoopTimers(),
            rng=self._rng,
            new_id=new_id,
        )
        await self.deliveries.start()
        stack.push_async_callback(self.deliveries.stop)
        self.subscriptions = Subscriptions(
            engine=self.deliveries,
            ledger=log.ledger,
            log=log,
            vault=vault,
            clock=clock,
            entropy=os.urandom,
            new_id=new_id,
            removed=self._removed,
        )
        return vault

    async def _open_websub(self, stack: AsyncExitStack, vault: Vault) -> None:
        """Open the hub of WebSub, and begin to follow what other hubs tell."""
        self._websub = WebSub(
            options=self.settings.websub,
            log=self.log,
            engine=self.deliveries,
            vault=vault,
            egress=self.egress,
            fetches=self.fetches,
            publish=self.publisher.publish,
            clock=self.clock,
            timers=LoopTimers(),
            rng=self._rng,
        )
        self.websub, self.informant = self._websub.hub, self._websub.informant
        await self._websub.start(stack)
        await self.followers.start(self.sources)
        stack.push_async_callback(self.followers.stop)
        if self.base:
            await self._websub.reached_at(self.base)

    def _removed(self, subscription: Subscription) -> None:
        self._websub.removed(subscription)

    async def reached_at(self, base: str) -> None:
        """Take note under which URL others reach us, where `web.public_url` does not say it.

        Callbacks for hubs are below it, and what hubs of others are told of our topics.
        """
        if not self.base:
            self.base = base
            self.followers.wake()
            await self._websub.reached_at(base)

    def hubs(self, base: str, url: str) -> list[str]:
        """Return the WebSub hubs that tell of what is at `url`, which is below our own URL `base`."""
        return self._websub.urls(base, url)

    async def _news(self, topic: str, kind: str, data: object) -> None:
        """Publish what deliveries have to tell."""
        await self.publish(topic, data, type=kind)

    async def stop(self) -> None:
        """Let go of streams, then finish what is being appended and close the log."""
        if self._open is not None:
            stack, self._open = self._open, None
            await stack.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncGenerator[None]:
        """Run with an application: `FastAPI(lifespan=hub.lifespan)`; no matter if it runs already.

        `hub.asgi` has it built in, for servers that tell it when they start and stop.
        """
        if self._open is not None:
            yield
        else:
            async with self:
                yield

    def metrics(self, accept: str = "") -> tuple[str, bytes]:
        """Return the metrics as (media type, body), in the text form that `accept` asks for."""
        return self._metrics.render(accept)

    async def publish(  # noqa: PLR0913  an event has that many attributes
        self,
        topic: str,
        data: Any = None,
        *,
        type: str = DEFAULT_TYPE,  # noqa: A002
        id: str | None = None,  # noqa: A002
        source: str | None = None,
        subject: str | None = None,
        time: str | None = None,
        content_type: str | None = None,
        extensions: Mapping[str, Value] | None = None,
        ephemeral: bool = False,
    ) -> Published:
        """Publish an event; durable when it returns, as far as the store is.

        `data` of bytes is sent as it is, with `content_type`; anything else as JSON; None is no
        data. Raises `InvalidTopic`, `InvalidEvent`, `TooLarge` or `Unavailable`.
        """
        given: dict[str, Value] = dict(extensions or {})
        optional = {"id": id, "source": source, "subject": subject, "time": time}
        given |= {name: value for name, value in optional.items() if value is not None}
        body = data if isinstance(data, bytes) or data is None else msgspec.json.encode(data)
        if body is not None:
            default = "application/octet-stream" if body is data else "application/json"
            given["datacontenttype"] = content_type or default
        event = from_attributes(given, check_topic(topic), body, Defaults(new_id, type))
        (published,) = await self.publisher.publish([event], EVERYONE, ephemeral=ephemeral)
        return published

    async def listen(
        self,
        *patterns: str,
        since: str = "latest",
        last: int | None = None,
        filter: str | None = None,  # noqa: A002
        types: Iterable[str] = (),
    ) -> AsyncIterator[Event]:
        """Follow topics; no pattern means all of them.

        Raises `InvalidTopic`, `InvalidPosition`, `InvalidFilter`, and `Gap` where events are gone.
        """
        wanted = None if filter is None else Filter(filter, compile_sql(filter))
        selection = Selection.of(map(check_pattern, patterns or ("**",)), types, wanted)
        start: Start = parse_since(since, self.clock.now()) if last is None else Last(last)
        async for record in self.streams.listen(selection, start):
            yield Event(record.json)

    def _readers(self) -> dict[str, Reader]:
        """Name what the metrics are read from; nothing is counted twice for them."""
        log, streams, publisher, clock = self.log, self.streams, self.publisher, self.clock
        deliveries, lanes = self.deliveries, self.deliveries.lanes
        return {
            "hubbub_events_appended_total": lambda: publisher.appended,
            "hubbub_published_bytes_total": lambda: publisher.appended_bytes,
            "hubbub_publishes_total": lambda: {**publisher.outcomes},
            "hubbub_streams_open": lambda: streams.open,
            "hubbub_streams_slow": lambda: streams.stalled,
            "hubbub_deliveries_total": lambda: streams.fanout.delivered,
            "hubbub_subscriptions": lambda: Counter(
                one.state for one in deliveries.subscriptions.values()
            ),
            "hubbub_attempts_total": lambda: {**deliveries.shared.outcomes},
            "hubbub_attempts_in_flight": lambda: sum(len(x.in_flight) for x in lanes.values()),
            "hubbub_retries_waiting": lambda: sum(len(lane.waiting) for lane in lanes.values()),
            "hubbub_dead_letters": lambda: sum(lane.dead for lane in lanes.values()),
            "hubbub_ledger_rows_total": lambda: log.ledger.ledger_writes,
            **self._websub.readers(self.followers),
            "hubbub_log_head_offset": lambda: log.head,
            "hubbub_log_tail_offset": lambda: log.tail,
            "hubbub_log_bytes": lambda: log.stored_bytes,
            "hubbub_log_oldest_age_seconds": lambda: log.oldest and clock.now() - log.oldest / 1000,
            "hubbub_log_writable": lambda: log.health().ok,
        }
