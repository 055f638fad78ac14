"""From committed records to the lanes that want them: each record is matched once for all.

Lanes are filed by the topics they want, and under each by type where they name types: what a
publish costs does not depend on how many subscriptions want something else. Records that commit in
one tick of the event loop are handed over together, after their publishers have been answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from hubbub.core.event import Record
from hubbub.core.index import TopicIndex
from hubbub.core.selection import Filter, Selection


class Live(Protocol):
    """A lane, as the dispatcher sees it."""

    is_live: bool

    def push(self, record: Record) -> None:
        """Take a record."""
        ...


class Shelf:
    """Lanes that want the same topics, by type and filter."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.patterns = patterns
        self.by_type: dict[str, dict[Filter | None, dict[Live, None]]] = {}
        """Under the empty type those that want every one."""

    def lanes(self, record: Record) -> Iterator[Live]:
        """Return the lanes that want a record under these topics; a filter runs once for all."""
        attributes = None
        for kind in (record.type, ""):
            for wanted, lanes in self.by_type.get(kind, {}).items():
                if wanted is not None:
                    if attributes is None:
                        attributes = record.attributes()
                    if not wanted.predicate(attributes):
                        continue
                yield from lanes


class Dispatcher:
    """Who wants what, and how far it was handed over."""

    def __init__(self, head: int) -> None:
        self.offset = head
        """Every live lane was handed what it selects up to here."""
        self._shelves: dict[tuple[str, ...], Shelf] = {}
        self._index: TopicIndex[Shelf] = TopicIndex()
        self._pending: list[Record] = []
        self._is_scheduled = False

    def add(self, lane: Live, selection: Selection) -> None:
        """File a lane; it is handed records once it `is_live`."""
        for clause in selection.clauses:
            shelf = self._shelves.get(clause.patterns)
            if shelf is None:
                shelf = self._shelves[clause.patterns] = Shelf(clause.patterns)
                for pattern in clause.patterns:
                    self._index.add(pattern, shelf)
            for kind in clause.types or ("",):
                shelf.by_type.setdefault(kind, {}).setdefault(clause.filter, {})[lane] = None

    def remove(self, lane: Live, selection: Selection) -> None:
        """Take a lane out again."""
        for clause in selection.clauses:
            shelf = self._shelves[clause.patterns]
            for kind in clause.types or ("",):
                filters = shelf.by_type[kind]
                lanes = filters[clause.filter]
                lanes.pop(lane, None)
                if not lanes:
                    del filters[clause.filter]
                if not filters:
                    del shelf.by_type[kind]
            if not shelf.by_type:
                del self._shelves[clause.patterns]
                for pattern in clause.patterns:
                    self._index.remove(pattern, shelf)

    def committed(self, records: Sequence[Record]) -> None:
        """Take new records, in order: a listener of the log."""
        self._pending.extend(records)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop = asyncio.get_running_loop()
            hop: Callable[..., object] = loop.call_soon
            hop(hop, self.flush)  # two hops: the publishers' answers go out between them

    def flush(self) -> None:
        """Hand over what has committed since the last time."""
        self._is_scheduled = False
        records, self._pending = self._pending, []
        match = self._index.match
        for record in records:
            for shelf in match(record.topic):
                for lane in tuple(shelf.lanes(record)):
                    if lane.is_live:
                        lane.push(record)
        if records:
            self.offset = records[-1].offset
