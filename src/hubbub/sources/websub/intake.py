"""The documents of one source on their way into the log: each entry once, oldest first.

Guarantees:

1. *Durable before it is remembered.* Events are appended, then their marks are kept, then the caller
   hears of it; a crash in between repeats events with the same ids, which the log knows.
2. *Once.* What was seen is not published again, as long as it is in the feed and for the
   `follow.max_seen` newest besides, however long ago that was: the log itself only knows a day.
3. *One at a time.* A push and a poll of the same source do not pass each other.
4. *No step back.* A push that comes late, such as one that its hub tries again, does not bring an older
   version of an entry after a newer one, where the feed says when they were made. What the publisher
   itself answers to a poll is always the newest, whatever time it bears.
5. *No echo.* Where gateways follow each other, an event that comes back is known: what is in our topic
   is looked through for it, for our log itself does not recognise events that it gave their ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from hubbub.core.contracts import Log
from hubbub.core.errors import Gap, TooLarge, Unavailable
from hubbub.core.event import Event, Published, Record
from hubbub.core.grants import Grants, Principal
from hubbub.core.selection import Selection
from hubbub.sources.websub.feeds import Followed
from hubbub.sources.websub.options import FollowOptions
from hubbub.sources.websub.state import Kept, State
from hubbub.sources.websub.take import Item, Place, Taken, event_mark, take

BATCH: Final = 100
"""Events of one append: a long feed must not hold up everybody else."""


MAX_WAITING: Final = 16
"""Deliveries to one source that are on their way into the log at once."""

MAX_READS: Final = 20
"""Reads at the most for the newest events of a topic, each of a bounded part of the log."""


MAX_DATED: Final = 1000
"""Entries of which it is known how new they are: as many as a document has at the most."""


class Publisher(Protocol):
    """The one way in: `sources.publish.Publisher`."""

    async def publish(self, events: Sequence[Event], principal: Principal) -> list[Published]:
        """Append all or nothing; durable when it returns."""
        ...


class Intake:
    """What one source has seen, and the way of its documents into the log."""

    def __init__(
        self, name: str, publisher: Publisher, log: Log, kept: Kept, options: FollowOptions
    ) -> None:
        self.seen: dict[str, None] = {}
        """Marks, oldest first."""
        self.waiting = 0
        """Documents that are on their way or wait for it."""
        self._name = name
        self._publisher = publisher
        self._log = log
        self._known: dict[str, None] = {}
        """Marks of the events of our topic, for those of other gateways; oldest first."""
        self._dated: dict[str, str] = {}
        """When the newest version was made that this process has seen of an entry; oldest first."""
        self.is_unsure = False
        """Whether a push was refused as late that nobody has seen: only the publisher knows if it is."""
        self._recalled = ("", 0)
        """The topic that they are of, and the offset up to which."""
        self._kept = kept
        self._options = options
        self._taking = asyncio.Lock()
        self._is_unsaved = False
        # Rights were checked when the source was made.
        self._principal = Principal(f"source {name}", Grants(publish=("**",)))

    @property
    def is_full(self) -> bool:
        """Whether so much is on its way that a delivery had better come again."""
        return self.waiting >= MAX_WAITING

    async def take(
        self, state: State, followed: Followed, content_type: str, body: bytes, *, is_push: bool
    ) -> int:
        """Publish what is new in a document; return how many entries that were.

        The first document that is fetched says what is there already: its newest
        `options.backfill` become events, the rest is remembered only. Raises `Malformed` for a
        document that cannot be read, and what `Publisher.publish` and the registry raise: then it is
        to be taken again.
        """
        self.waiting += 1
        try:
            async with self._taking:
                return await self._take(state, followed, content_type, body, is_push=is_push)
        finally:
            self.waiting -= 1

    async def _take(
        self, state: State, followed: Followed, content_type: str, body: bytes, *, is_push: bool
    ) -> int:
        settings = followed.options
        place = Place(
            followed.topic,
            state.topic or settings.url,
            settings.split,
            self._options.max_bytes,
            state.content,
        )
        found = await asyncio.to_thread(take, place, content_type, body)
        if found.is_events:
            try:
                await self._recall(followed.topic)
            except Gap:  # the log was trimmed just now
                self._recalled = ("", 0)
                raise Unavailable("the log is busy; try again", retry_after=1) from None
        items = [one for one in found.items if not (is_push and self._is_late(one))]
        late = {one.mark for one in found.items} - {one.mark for one in items}
        self.is_unsure = self.is_unsure or not late <= self.seen.keys()
        fresh = [item for item in items if self._is_new(state, found, item.mark)]
        wanted = fresh
        if not (state.baseline or is_push):
            wanted = fresh[max(0, len(fresh) - settings.backfill) :]
        state.note = found.note
        for at in range(0, len(wanted), BATCH):
            state.entries += await self._publish(state, wanted[at : at + BATCH])
        if found.is_whole:
            state.content = found.items[0].mark
        elif not (found.is_events and (is_push or state.position)):  # those are in our topic
            await self._remember(items, is_changed=bool(fresh))
            self._date(items)
        if state.position:
            state.position = found.position or state.position
        state.baseline = True
        return len(fresh)

    def _is_new(self, state: State, found: Taken, mark: str) -> bool:
        if found.is_whole:
            return mark != state.content
        return mark not in self.seen and not (found.is_events and mark in self._known)

    def _is_late(self, item: Item) -> bool:
        """Tell whether there was a newer version already; what has no time is never late.

        It is not remembered either: if it is what the publisher has after all, a poll finds it.
        """
        return bool(item.time) and item.time < self._dated.get(item.entry, "")

    def _date(self, items: Sequence[Item]) -> None:
        for item in items:
            if item.time:
                self._dated.pop(item.entry, None)
                self._dated[item.entry] = item.time
        for entry in list(self._dated)[: max(0, len(self._dated) - MAX_DATED)]:
            del self._dated[entry]

    async def _recall(self, topic: str) -> None:
        """Look through the events of our topic that came since the last time, or for its newest."""
        log, ours, most = self._log, Selection.of((topic,)), self._options.max_seen
        recalled, after = self._recalled
        if recalled != topic or after + 1 < log.tail:
            self._known.clear()
            after = before = log.head
            for _ in range(MAX_READS):
                page = await log.read_back(before + 1, most - len(self._known), ours)
                older = {_mark_of(record): None for record in reversed(page.records)}
                self._known, before = older | self._known, page.next - 1
                if len(self._known) >= most or page.next <= log.tail:
                    break
        while after < log.head:
            page = await log.read(after, most, ours)
            self._known |= {_mark_of(record): None for record in page.records}
            after = page.next
        for mark in list(self._known)[: max(0, len(self._known) - most)]:
            del self._known[mark]
        self._recalled = (topic, after)

    async def _publish(self, state: State, items: Sequence[Item]) -> int:
        """Publish some; what is too large for the log is left out, and told."""
        events = [item.event for item in items]
        try:
            told = await self._publisher.publish(events, self._principal)
        except TooLarge as error:
            if len(items) == 1:
                state.note = f"an entry was left out: {error.detail}"
                return 0
            return sum([await self._publish(state, [item]) for item in items])
        return sum(not one.duplicate for one in told)

    async def _remember(self, items: Sequence[Item], *, is_changed: bool) -> None:
        """Keep the marks of a document as the newest; forget the oldest beyond the bound."""
        for item in items:
            self.seen.pop(item.mark, None)
            self.seen[item.mark] = None
        surplus = len(self.seen) - max(self._options.max_seen, len(items))
        for mark in list(self.seen)[: max(0, surplus)]:
            del self.seen[mark]
        self._is_unsaved = self._is_unsaved or is_changed
        if self._is_unsaved:
            await self._kept.put_seen(self._name, self.seen)
            self._is_unsaved = False

    async def forget(self) -> None:
        """Forget everything: it is another feed now, or none."""
        async with self._taking:
            self.seen.clear()
            self._dated.clear()
            await self._kept.forget_seen(self._name)


def _mark_of(record: Record) -> str:
    values = record.attributes()
    return event_mark(str(values["source"]), str(values["id"]))
