"""`WEBSUB`: deliveries to the callbacks of WebSub subscribers (W3C Recommendation, section 7).

Guarantees: the body is the topic in the representation that its URL asks for, with the Content-Type
that a GET of it has; `Link` names the hub and the topic; it is signed if, and only if, the subscriber
gave a secret; only 2xx is success, a redirect is not followed, 410 ends the subscription.

What is sent is the same for all subscribers of a topic that are equally far, so it is made once; the
signature is each one's own. A feed holds what this subscriber has not confirmed yet, up to 50 entries
(section 7 lets a hub leave out entries that were delivered); a JSON Feed is whole, its newest 50.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from hubbub.channels.calling import CHANGED, USER_AGENT, answered, failed, judge
from hubbub.core.calling import Caller
from hubbub.core.clock import Clock
from hubbub.core.contracts import Order, Rewritten
from hubbub.core.event import Record
from hubbub.core.outcome import Exchange
from hubbub.core.subscription import Attempt, Subscription
from hubbub.wire import feeds
from hubbub.wire.cloudevents import CE_BATCH_JSON, batch
from hubbub.wire.links import header as link_header
from hubbub.wire.websub import Delivering, Form, sign

KEPT_BYTES: Final = 16 * 1024 * 1024
"""Bytes of made notifications that are remembered for the next subscriber."""

ENTRY: Final = 512
"""Bytes that one takes beside its body."""

MAX_ANSWER: Final = 4096
"""Bytes kept of an answer, for whoever looks for a mistake: it means nothing (section 7)."""

SHORT: Final = (
    "a JSON Feed holds the newest 50 events: those that the log has forgotten are missing"
)
"""Of one with fewer, written once more: whether it had them then is not known."""

Key = tuple[str, Form, tuple[int, ...]]
"""Topic, representation, and the offsets of the events."""

Newest = Callable[[Subscription, int], Awaitable[Sequence[Record]]]
"""Returns the newest 50 events that a subscription selects, up to an offset, newest first."""


class Content(msgspec.Struct, frozen=True):
    """A notification, but for its signature."""

    media_type: str
    body: bytes


class WebSubChannel:
    """Makes targets of subscriptions."""

    def __init__(self, caller: Caller, newest: Newest, clock: Clock) -> None:
        self.caller = caller
        self.clock = clock
        self._newest = newest
        self._made: OrderedDict[Key, Content] = OrderedDict()
        self._kept = 0
        self._making = asyncio.Lock()

    def check(self, subscription: Subscription) -> None:
        """Check nothing: the hub made it."""

    def target(
        self, subscription: Subscription, secrets: Sequence[str], credential: str
    ) -> WebSubTarget:
        """Make a subscription ready."""
        del credential  # the callback is the credential
        settings = msgspec.convert(subscription.protocolsettings, Delivering)
        return WebSubTarget(self, subscription, settings, secrets[0] if secrets else "")

    async def content(
        self, subscription: Subscription, settings: Delivering, records: Sequence[Record]
    ) -> Content:
        """Return what is sent for some events; made once for all who are equally far."""
        key = _key(settings, records)
        if (made := self._made.get(key)) is not None:
            return made
        if settings.form != "json-feed":
            made = written(settings, subscription.topics, records)
        else:
            async with self._making:
                if (made := self._made.get(key)) is None:
                    whole = await self._whole(subscription, records)
                    made = written(settings, subscription.topics, whole)
        self._keep(key, made)
        return made

    async def again(
        self, subscription: Subscription, settings: Delivering, records: Sequence[Record]
    ) -> tuple[Content, str]:
        """Return what was sent for some events, and in what it may differ; nothing is kept of it."""
        if (made := self._made.get(_key(settings, records))) is not None:
            return made, ""
        note = ""
        if settings.form == "json-feed":
            records = await self._whole(subscription, records)
            note = "" if len(records) >= feeds.NEWEST else SHORT
        return written(settings, subscription.topics, records), note

    async def _whole(
        self, subscription: Subscription, records: Sequence[Record]
    ) -> Sequence[Record]:
        """Return what a feed that is whole holds with some events as its last ones, oldest first."""
        return (await self._newest(subscription, records[-1].offset))[::-1]

    def _keep(self, key: Key, made: Content) -> None:
        size = _size(key, made)
        if key in self._made or size > KEPT_BYTES:
            return
        self._made[key] = made
        self._kept += size
        while self._kept > KEPT_BYTES:
            self._kept -= _size(*self._made.popitem(last=False))


def _key(settings: Delivering, records: Sequence[Record]) -> Key:
    return settings.topic, settings.form, tuple(record.offset for record in records)


def _size(key: Key, made: Content) -> int:
    """Return the bytes that a notification which is remembered takes, about."""
    return ENTRY + 8 * len(key[2]) + len(made.body)


class WebSubTarget:
    """One callback, ready."""

    rate = 0.0

    def __init__(
        self,
        channel: WebSubChannel,
        subscription: Subscription,
        settings: Delivering,
        secret: str,
    ) -> None:
        self._channel = channel
        self._subscription = subscription
        self._settings = settings
        self._secret = secret
        links = link_header([(settings.hub, "hub"), (settings.topic, "self")]).decode()
        self._fixed = [("user-agent", f"{USER_AGENT} (+{settings.hub})"), ("link", links)]

    async def prepare(self) -> Exchange | None:
        """Do nothing: the intent was verified before."""
        return None

    async def rewrite(self, attempt: Attempt, records: Sequence[Record]) -> Rewritten:
        """Write the body of an attempt once more: all forms are made of its events alone but one."""
        content, note = await self._channel.again(self._subscription, self._settings, records)
        if self._headers(content) != attempt.request_headers:
            return CHANGED
        return Rewritten(content.body, note)

    def _headers(self, content: Content) -> list[tuple[str, str]]:
        """Return all headers but that of the signature."""
        kind = [("content-type", content.media_type)] if content.media_type else []
        return [*self._fixed, *kind]

    async def deliver(self, order: Order, timeout: float) -> Exchange:  # noqa: ASYNC109
        """Send one notification."""
        channel, settings = self._channel, self._settings
        shown = self._fixed
        try:
            content = await channel.content(self._subscription, settings, order.records)
            headers = shown = self._headers(content)
            if self._secret:
                signature = sign(settings.method, self._secret, content.body)
                headers = [*shown, ("x-hub-signature", signature)]
            answer = await channel.caller.request(
                "POST",
                self._subscription.sink,
                headers=headers,
                body=content.body,
                timeout=timeout,
                max_body=MAX_ANSWER,
            )
        except Exception as error:  # noqa: BLE001  whatever goes wrong is an outcome
            return failed(error, shown)
        return answered(answer, judge(answer, channel.clock.now()), shown)


def written(settings: Delivering, topics: Sequence[str], records: Sequence[Record]) -> Content:
    """Write what is sent of some events, oldest first."""
    match settings.form:
        case "latest":
            record = records[-1]
            data = record.data()
            kind = data.content_type or ""
            if settings.is_foreign:  # what was fetched may have said what is no media type
                kind = str(record.attributes().get("hubbubcontenttype", kind))
            return Content(kind, data.content or b"")
        case "json":
            return Content("application/json", batch(records))
        case "batch":
            return Content(CE_BATCH_JSON, batch(records))
        case "atom":
            return Content(feeds.ATOM, feeds.atom(_feed(settings, topics), records[::-1]))
        case "json-feed":
            return Content(feeds.JSON_FEED, feeds.json_feed(_feed(settings, topics), records[::-1]))


def _feed(settings: Delivering, topics: Sequence[str]) -> feeds.Feed:
    topic = settings.topic
    return feeds.Feed(", ".join(topics), topic, topic.partition("?")[0], [settings.hub])
