"""Topics of others: fetched when their publisher pings, and events of our log if they have changed.

Guarantees: a ping is answered once it is durable and nothing else; pings that come together are one
fetch, and one that comes while the topic is being fetched leads to another fetch after it; a fetch
that fails is tried again; what has not changed is not sent again; what is delivered are the bytes
and the Content-Type that were fetched. Every request goes through the egress guard, redirects too.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Final
from urllib.parse import urljoin, urlsplit
from weakref import WeakValueDictionary

import msgspec

from hubbub.core.clock import Clock, Timers
from hubbub.core.contracts import Registry
from hubbub.core.errors import HubbubError, Malformed
from hubbub.core.event import Event
from hubbub.core.tasks import Tasks
from hubbub.websub import fetching
from hubbub.websub.calling import Caller, explain
from hubbub.websub.fetching import REDIRECTS, Content, Problem, Topic, log_topic
from hubbub.websub.foreign_options import ForeignOptions
from hubbub.wire.websub import digest

__all__ = ["Foreign", "log_topic"]

KIND: Final = "websub-topic"
"""Of the registry's documents."""

MAX_HOPS: Final = 5
"""Redirects that are followed: more are a mistake of the publisher."""

JITTER: Final = 0.1
"""Part of a wait that is added at random."""

_log = logging.getLogger("hubbub.websub")


class Foreign:
    """All topics of others that somebody here is subscribed to."""

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        *,
        registry: Registry,
        caller: Caller,
        publish: Callable[[Event], Awaitable[object]],
        subscribers: Callable[[str], int],
        options: ForeignOptions,
        clock: Clock,
        timers: Timers,
        rng: Random,
    ) -> None:
        """Fetch with `caller`; `subscribers` counts those of a URL, which publishers like to know."""
        self.outcomes: Counter[str] = Counter()
        """What came of fetches, for the metrics."""
        self._registry = registry
        self._caller = caller
        self._publish = publish
        self._subscribers = subscribers
        self._options = options
        self._clock = clock
        self._timers = timers
        self._rng = rng
        self._tasks = Tasks("websub")
        self._topics: dict[str, Topic] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Held while a topic is begun with, fetched or ended with."""
        self._ready: dict[str, None] = {}
        """To be fetched now, in their order."""
        self._again: set[str] = set()
        """Pinged while they are being fetched."""
        self._fetching: set[str] = set()
        self._hosts: Counter[str] = Counter()

    async def start(self) -> None:
        """Take up what there is; what was pinged before a crash is fetched now. Raises `Unavailable`."""
        for document in await self._registry.all(KIND):
            topic = msgspec.json.decode(document.body, type=Topic)
            self._topics[topic.url] = topic
            if topic.is_dirty:
                self._later(topic, max(0.0, topic.due / 1000 - self._clock.now()))

    async def stop(self) -> None:
        """Fetch nothing more; what is being fetched is fetched again by the next process."""
        await self._tasks.stop()

    async def follow(self, url: str) -> None:
        """Begin with a topic, and fetch it once, so that it is known what is new later.

        Raises `Malformed` for one that cannot be followed, `Unavailable` if that is not known now.
        """
        async with self._locks.setdefault(url, asyncio.Lock()):
            if url in self._topics:
                return
            if len(self._topics) >= self._options.max_topics:
                raise Malformed("this hub takes no more topics of others")
            topic = Topic(url=url)
            found = await self._fetch(topic)
            if isinstance(found, Problem) and found.is_final:
                raise Malformed(f"the topic cannot be followed: {found.reason}")
            self._topics[url] = topic
            if isinstance(found, Content):
                self._note(topic, found)
            else:
                topic.is_dirty = True
                self._failed(topic, found or Problem("nothing came"))
            await self._save(topic)

    async def forget(self, url: str) -> None:
        """End with a topic. Raises `Unavailable`."""
        async with self._locks.setdefault(url, asyncio.Lock()):
            if self._topics.pop(url, None) is not None:
                await self._registry.delete(KIND, digest(url))

    async def ping(self, urls: Sequence[str]) -> None:
        """Have topics fetched; that is durable when this returns. Raises `Unavailable`."""
        now, changed = self._now(), list[Topic]()
        for url in urls:
            topic = self._topics.get(url)
            if topic is None:
                continue
            topic.pinged, topic.tries, topic.due, topic.is_gone = now, 0, 0, False
            if url in self._fetching:
                self._again.add(url)  # it is marked as dirty until that fetch has ended
            if not topic.is_dirty:
                topic.is_dirty = True
                changed.append(topic)
            wait = topic.fetched / 1000 + self._options.min_interval - self._clock.now()
            self._later(topic, max(0.0, min(wait, self._options.min_interval)))
        await asyncio.gather(*map(self._save, changed))

    def status(self, url: str) -> Topic | None:
        """Tell what is known of a topic."""
        return self._topics.get(url)

    def _later(self, topic: Topic, wait: float) -> None:
        """Fetch a topic in so many seconds, if it is still to be fetched then."""

        def due() -> None:
            if topic.is_dirty and self._topics.get(topic.url) is topic:
                self._ready[topic.url] = None
                self._kick()

        if wait > 0:
            self._timers.call_later(wait, due)
        else:
            due()

    def _kick(self) -> None:
        """Begin as many fetches as may be under way at a time, and from one host."""
        for url in list(self._ready):
            if len(self._fetching) >= self._options.concurrency:
                return
            host = urlsplit(url).netloc
            if url in self._fetching or self._hosts[host] >= self._options.per_host:
                continue
            del self._ready[url]
            self._fetching.add(url)
            self._hosts[host] += 1
            self._tasks.spawn(self._work(url, host), "fetch")

    async def _work(self, url: str, host: str) -> None:
        try:
            async with self._locks.setdefault(url, asyncio.Lock()):
                topic = self._topics.get(url)
                if topic is not None and topic.is_dirty:
                    await self._update(topic)
        finally:
            self._fetching.discard(url)
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]
            self._kick()

    async def _update(self, topic: Topic) -> None:
        """Fetch a topic and make an event of it if it has changed."""
        self._again.discard(topic.url)
        found = await self._fetch(topic)
        try:
            if isinstance(found, Problem):
                self._failed(topic, found)
            else:
                await self._take(topic, found)
            await self._save(topic)
        except HubbubError as error:
            _log.warning("%s was fetched and could not be kept: %s", topic.url, error.detail)
            topic.is_dirty = True
            self._failed(topic, Problem(error.detail, isinstance(error, Malformed)))

    async def _take(self, topic: Topic, content: Content | None) -> None:
        has_changed = content is not None and content.hash != topic.hash
        self.outcomes["changed" if has_changed else "unchanged"] += 1
        if content is not None and has_changed:
            is_news = topic.hash or topic.pinged  # else it is what the first look has missed
            if is_news:
                await self._publish(fetching.event(topic, content))
            self._note(topic, content)
            topic.version += bool(is_news)
            topic.changed = self._now()
        topic.fetched, topic.tries, topic.due, topic.problem = self._now(), 0, 0, ""
        topic.is_dirty = topic.url in self._again
        if topic.is_dirty:
            self._later(topic, self._options.min_interval)

    def _note(self, topic: Topic, content: Content) -> None:
        topic.hash, topic.content_type = content.hash, content.content_type
        topic.etag, topic.modified = content.etag, content.modified
        topic.size, topic.fetched = len(content.body), self._now()

    def _failed(self, topic: Topic, problem: Problem) -> None:
        """Try again later, unless the publisher has to do something first."""
        schedule = self._options.schedule
        self.outcomes["failed"] += 1
        topic.problem, topic.due = problem.reason, 0
        if topic.url in self._again:
            self._later(topic, self._options.min_interval)
        elif problem.is_final or topic.tries >= len(schedule):
            topic.is_dirty = False  # until the next ping
        else:
            wait = schedule[topic.tries] * (1 + JITTER * self._rng.random())
            wait = max(wait, min(problem.wait or 0.0, schedule[-1]))
            topic.tries += 1
            topic.due = self._now() + int(wait * 1000)
            self._later(topic, wait)

    async def _fetch(self, topic: Topic) -> Content | Problem | None:
        """Fetch a topic, through redirects; None: nothing is new."""
        options, url = self._options, topic.url
        count = self._subscribers(topic.url)
        headers = [
            ("user-agent", f"hubbub (WebSub hub; {count} subscribers)"),
            ("accept", "*/*"),
            *fetching.conditions(topic),
        ]
        try:
            for _ in range(MAX_HOPS + 1):
                reply = await self._caller.request(
                    "GET", url, headers=headers, timeout=options.timeout, max_body=options.max_bytes
                )
                said = fetching.fields(reply)
                if reply.status not in REDIRECTS or not said.get("location"):
                    break
                url = urljoin(url, said["location"])
            else:
                return Problem(f"it redirects more than {MAX_HOPS} times", is_final=True)
        except Exception as error:  # noqa: BLE001  whatever it is, there is no content
            detail, is_final = explain(error)
            return Problem(f"it cannot be fetched: {detail}", is_final)
        found = fetching.read(reply, options.max_bytes, self._clock.now())
        if isinstance(found, Problem) and reply.status == fetching.GONE:
            topic.is_gone = True
        return found

    async def _save(self, topic: Topic) -> None:
        if self._topics.get(topic.url) is topic:
            await self._registry.put(KIND, digest(topic.url), msgspec.json.encode(topic))

    def _now(self) -> int:
        return int(self._clock.now() * 1000)
