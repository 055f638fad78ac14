"""Topics of others: fetched when their publisher pings, and events of our log if they have changed.

Guarantees:

1. *Durable, and nothing else.* A ping is answered once it is in the registry, and costs one write
   there however many come until the topic is fetched.
2. *None is lost.* A ping while its topic is being fetched leads to another fetch after it; a fetch that
   fails is tried again, at last once a day; what a crash has left undone is done at the next start.
3. *Once, and the last one last.* What has not changed is not sent, and what was sent before a crash is
   not sent again: what the log has beyond what is kept of a topic is looked up (past.py). So a change
   that is taken back meanwhile is taken back for its subscribers as well.
4. *Verbatim.* What is delivered are the bytes and the Content-Type that were fetched.
5. *Bounded.* So many fetches at a time, in all and from one host, and one topic no oftener than
   `min_interval` and its publisher's `Retry-After` allow, whoever pings. A fetch has one deadline and
   stays on the hosts that the hub is for, and goes through the egress guard, with every redirect.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from hubbub.core.calling import Caller
from hubbub.core.clock import LONGEST, Clock, Timers, nothing
from hubbub.core.contracts import Log, Registry
from hubbub.core.errors import HubbubError, Malformed
from hubbub.core.event import Event
from hubbub.core.tasks import Tasks
from hubbub.websub import fetching, past
from hubbub.websub.fetcher import Fetcher
from hubbub.websub.fetching import Content, Problem, Topic, log_topic
from hubbub.websub.foreign_options import ForeignOptions
from hubbub.websub.turns import Turns
from hubbub.wire.websub import digest

__all__ = ["Foreign", "log_topic"]

KIND: Final = "websub-topic"
"""Of the registry's documents."""

JITTER: Final = 0.1
"""Part of a wait that is added at random."""

DAILY: Final = 86_400.0
"""Seconds between two attempts after those of the schedule, which costs nobody anything; and the most
that a publisher is waited for."""

_log = logging.getLogger("hubbub.websub")


class _Entry:
    """A topic in this process."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.host = fetching.host_of(topic.url)
        self.writing = asyncio.Lock()
        """One write at a time, so that the last one is the newest."""
        self.is_safe = False
        """Whether it is durable that a ping is to be followed by a fetch."""
        self.is_queued = False
        self.is_fetching = False
        self.is_doubtful = False
        """Whether the log may have more of it than is kept: the process before may have been killed."""
        self.again = False
        """Pinged while it is being fetched."""
        self.ended = float("-inf")
        """When the last fetch ended, by the monotonic clock."""
        self.call_off: Callable[[], None] = nothing
        """Calls its timer off."""
        self.at = float("inf")
        """When its timer comes, by the monotonic clock; infinite: there is none."""


class Foreign:
    """All topics of others that somebody here is subscribed to."""

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        *,
        registry: Registry,
        log: Log,
        caller: Caller,
        publish: Callable[[Event], Awaitable[object]],
        subscribers: Callable[[str], int],
        options: ForeignOptions,
        clock: Clock,
        timers: Timers,
        rng: Random,
        hub_url: Callable[[str], str] = lambda _: "",
        hosts: tuple[str, ...] = ("*",),
    ) -> None:
        """Fetch with `caller` from `hosts`, and publish to `log`.

        `subscribers` counts those of a URL, which publishers like to know.
        `hub_url` is what a URL's publisher knows as our hub; empty: that is not known.
        """
        self.outcomes: Counter[str] = Counter()
        """What came of fetches, for the metrics."""
        self.ignored = 0
        """Pings of topics that nobody here is subscribed to."""
        self._registry = registry
        self._log = log
        self._fetcher = Fetcher(caller, clock, options, hosts)
        self._publish = publish
        self._subscribers = subscribers
        self._options = options
        self._clock = clock
        self._timers = timers
        self._rng = rng
        self._hub_url = hub_url
        self._tasks = Tasks("websub")
        self._turns = Turns(options.concurrency, options.per_host)
        self._topics: dict[str, _Entry] = {}
        self._begun: dict[str, _Entry] = {}
        """Those that are looked at for the first time."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Held while a topic is begun with or ended with."""
        self._is_stopped = False

    async def start(self) -> None:
        """Take up what there is; what was pinged before a crash is fetched now. Raises `Unavailable`."""
        for document in await self._registry.all(KIND):
            topic = msgspec.json.decode(document.body, type=Topic)
            entry = self._topics[topic.url] = _Entry(topic)
            entry.is_safe = _is_safe(topic)
            entry.is_doubtful = topic.is_dirty  # nothing is published that is not, see `_take`
            self._plan(entry)

    async def stop(self) -> None:
        """Fetch nothing more; what is being fetched is fetched again by the next process."""
        self._is_stopped = True
        for entry in self._topics.values():
            entry.call_off()
        await self._tasks.stop()

    async def follow(self, url: str) -> None:
        """Begin with a topic, and fetch it once, so that it is known what is new later.

        Raises `Malformed` for one that cannot be followed, `Unavailable` if that is not known now.
        """
        async with self._locks.setdefault(url, asyncio.Lock()):
            if url in self._topics:
                return
            if len(self._topics) + len(self._begun) >= self._options.max_topics:
                raise Malformed("this hub takes no more topics of others")
            entry = self._begun[url] = _Entry(self._made(url))
            try:
                await self._begin(entry)
            finally:
                del self._begun[url]
            self._plan(entry)

    def _made(self, url: str) -> Topic:
        return Topic(url=url, begun=self._now(), head=past.head(self._log))

    async def _begin(self, entry: _Entry) -> None:
        topic = entry.topic
        async with self._turn(entry.host):
            found = await self._fetch(topic)
        entry.ended = self._clock.monotonic()
        if isinstance(found, Problem) and found.is_final:
            raise Malformed(f"the topic cannot be followed: {found.reason}")
        topic.is_dirty = entry.again
        if isinstance(found, Content):
            fetching.taken(topic, found, self._now())
        else:
            self._failed(entry, found or Problem("nothing came"))
        self._topics[topic.url] = entry
        try:
            await self._save(entry)
        except BaseException:
            self._topics.pop(topic.url, None)  # it is not durable: who asks again begins again
            raise

    async def forget(self, url: str) -> None:
        """End with a topic, unless somebody has subscribed to it meanwhile. Raises `Unavailable`.

        A fetch of it that is under way comes to nothing.
        """
        async with self._locks.setdefault(url, asyncio.Lock()):
            entry = None if self._subscribers(url) else self._topics.pop(url, None)
            if entry is None:
                return
            entry.call_off()
            async with entry.writing:
                await self._registry.delete(KIND, digest(url))

    async def keep(self, urls: Collection[str]) -> None:
        """End with all topics but these. Raises `Unavailable`."""
        await asyncio.gather(*(self.forget(url) for url in list(self._topics) if url not in urls))

    async def ping(self, urls: Sequence[str]) -> None:
        """Have topics fetched that somebody is subscribed to; that is durable when this returns.

        One that could not be begun with before is begun with now. Raises `Unavailable`.
        """
        pinged: list[_Entry] = []
        for url in urls:
            entry = self._topics.get(url) or self._begun.get(url)
            if entry is None:
                if not self._subscribers(url):
                    self.ignored += 1
                    continue
                entry = self._topics[url] = _Entry(self._made(url))
            topic = entry.topic
            topic.pinged, topic.tries, topic.due, topic.is_gone = self._now(), 0, 0, False
            entry.again = True
            if url in self._topics:  # else it is not durable itself yet, nor is any subscription
                topic.is_dirty = True
                entry.is_safe = entry.is_safe and _is_safe(topic)
                pinged.append(entry)
                self._plan(entry)
        await asyncio.gather(*(self._mark(entry) for entry in pinged if not entry.is_safe))

    def status(self, url: str) -> Topic | None:
        """Tell what is known of a topic."""
        entry = self._topics.get(url)
        return None if entry is None else entry.topic

    # When it is fetched.

    def _plan(self, entry: _Entry) -> None:
        """Have a topic fetched as soon as it is due, if it is to be fetched at all."""
        topic = entry.topic
        if not topic.is_dirty or entry.is_queued or entry.is_fetching or self._is_stopped:
            return  # what is being fetched is planned again after it
        now, passed = self._clock.now(), self._clock.monotonic()
        wait = max(
            max(topic.due, topic.not_before) / 1000 - now,
            entry.ended + self._options.min_interval - passed,
            0.0,
        )
        at = passed + min(wait, LONGEST)
        if entry.at <= at and entry.at > passed:
            return  # its timer comes before
        entry.call_off()
        if at > passed:
            entry.at = at
            entry.call_off = self._timers.call_later(at - passed, lambda: self._due(entry))
        else:
            self._due(entry)

    def _due(self, entry: _Entry) -> None:
        entry.at, entry.call_off = float("inf"), nothing
        if not entry.is_queued and not entry.is_fetching:
            entry.is_queued = True
            self._turns.ask(entry.host, lambda: self._go(entry))

    def _go(self, entry: _Entry) -> bool:
        entry.is_queued = False
        if self._is_stopped or not entry.topic.is_dirty or not self._is_current(entry):
            return False
        entry.is_fetching = True
        self._tasks.spawn(self._work(entry), "fetch")
        return True

    async def _work(self, entry: _Entry) -> None:
        try:
            await self._update(entry)
        finally:
            entry.is_fetching, entry.ended = False, self._clock.monotonic()
            self._turns.done(entry.host)
        if self._is_current(entry):
            self._plan(entry)

    @asynccontextmanager
    async def _turn(self, host: str) -> AsyncGenerator[None]:
        """Wait for a turn, and have it in the block."""
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def go() -> bool:
            if given.done():
                return False  # nobody waits for it any more
            given.set_result(None)
            return True

        self._turns.ask(host, go)
        try:
            await given
            yield
        finally:
            if given.done() and not given.cancelled():
                self._turns.done(host)

    # What comes of it.

    async def _update(self, entry: _Entry) -> None:
        """Fetch a topic and make an event of it if it has changed."""
        entry.again = False
        try:
            if entry.is_doubtful:
                await past.recall(self._log, entry.topic)
                entry.is_doubtful = False
            found = await self._fetch(entry.topic)
            if not self._is_current(entry):
                return
            if isinstance(found, Problem):
                self._failed(entry, found)
            else:
                await self._take(entry, found)
            await self._save(entry)
        except HubbubError as error:
            _log.warning("%s was fetched and not kept: %s", entry.topic.url, error.detail)
            self._failed(entry, Problem(error.detail))
        except Exception as error:  # noqa: BLE001  whatever it is, the ping is not lost by it
            _log.error("%s was fetched and not kept", entry.topic.url, exc_info=error)
            self._failed(entry, Problem(f"{type(error).__name__} on our side"))

    async def _take(self, entry: _Entry, content: Content | None) -> None:
        topic = entry.topic
        has_changed = content is not None and not fetching.is_known(topic, content)
        if content is not None and has_changed:
            is_news = (
                topic.hash or topic.pinged or topic.sent
            )  # else it is what the first look has missed
            if is_news:
                await self._mark(entry)  # else nobody would look for it after a crash
                await self._publish(fetching.event(topic, content))
            topic.version += bool(is_news)
            topic.changed = self._now()
        if content is not None:
            fetching.taken(topic, content, self._now())
            topic.head = past.head(self._log)
        self.outcomes["changed" if has_changed else "unchanged"] += 1
        topic.fetched, topic.tries, topic.problem = self._now(), 0, ""
        topic.due = topic.not_before = 0
        topic.is_dirty = entry.again

    def _failed(self, entry: _Entry, problem: Problem) -> None:
        """Try again later, unless the publisher has said that there is nothing any more."""
        topic, schedule = entry.topic, self._options.schedule
        self.outcomes["failed"] += 1
        topic.problem, topic.due, topic.not_before = problem.reason, 0, 0
        if problem.wait:
            topic.not_before = self._now() + int(min(problem.wait, DAILY) * 1000)
        topic.is_gone = problem.is_gone and not entry.again
        topic.is_dirty = not topic.is_gone
        if entry.again or topic.is_gone:
            return
        wait = schedule[topic.tries] if topic.tries < len(schedule) else DAILY
        topic.tries += 1
        topic.due = self._now() + int(wait * (1 + JITTER * self._rng.random()) * 1000)
        topic.due = max(topic.due, topic.not_before)

    async def _fetch(self, topic: Topic) -> Content | Problem | None:
        """Fetch a topic, through redirects; None: nothing is new."""
        agent = fetching.agent(self._hub_url(topic.url), self._subscribers(topic.url))
        return await self._fetcher.fetch(topic, agent)

    # What is kept.

    async def _mark(self, entry: _Entry) -> None:
        """Make it durable that a topic was pinged, once for all pings that wait for it."""
        async with entry.writing:
            if not entry.is_safe:
                await self._put(entry)

    async def _save(self, entry: _Entry) -> None:
        async with entry.writing:
            await self._put(entry)

    async def _put(self, entry: _Entry) -> None:
        """Write a topic as it is now. Raises `Unavailable`: then what is durable is not known."""
        if self._is_current(entry):
            topic, entry.is_safe = entry.topic, False
            if (
                not entry.is_fetching and not entry.is_doubtful
            ):  # else there may be more of it already
                topic.head = past.head(self._log)
            is_safe = _is_safe(topic)
            await self._registry.put(KIND, digest(topic.url), msgspec.json.encode(topic))
            entry.is_safe = is_safe

    def _is_current(self, entry: _Entry) -> bool:
        return self._topics.get(entry.topic.url) is entry

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


def _is_safe(topic: Topic) -> bool:
    """Tell whether a topic that is kept like this is fetched, and sent, after a crash."""
    return topic.is_dirty and bool(topic.hash or topic.pinged)
