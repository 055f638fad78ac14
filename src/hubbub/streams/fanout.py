"""From committed records to the connections that want them: the hottest loop of the house.

Records that commit within one tick of the event loop are handed on together. For every group of
readers that want the same in the same form the bytes are made once and written to each; there is
no task, queue or lock per connection. The order of events: the log calls `committed`, the waiting
publishers get their answers, and then `flush` writes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hubbub.core.event import Record
from hubbub.core.index import TopicIndex
from hubbub.core.selection import Selection
from hubbub.streams.encoding import Encoding

Write = Callable[[Any], None]


class Group:
    """Live readers with the same selection and encoding: they get the same bytes."""

    __slots__ = ("_writes", "encoding", "members", "selection")

    def __init__(self, selection: Selection, encoding: Encoding) -> None:
        self.selection = selection
        self.encoding = encoding
        self.members: dict[object, Write] = {}
        self._writes: tuple[Write, ...] | None = None

    def writes(self) -> tuple[Write, ...]:
        """Return every member's write: a snapshot, because a write may make its reader leave."""
        if self._writes is None:
            self._writes = tuple(self.members.values())
        return self._writes

    def add(self, reader: object, write: Write) -> None:
        """Let a reader in."""
        self.members[reader] = write
        self._writes = None

    def discard(self, reader: object) -> None:
        """Let a reader out."""
        self.members.pop(reader, None)
        self._writes = None


class Fanout:
    """Everybody who is live, and how far they are: they are all at `offset`."""

    def __init__(self, head: int, slice_bytes: int) -> None:
        self.offset = head
        """Every live reader was given what it selects up to here."""
        self.delivered: Counter[str] = Counter()
        """Records handed to readers, counted once per reader, by kind of connection."""
        self._groups: dict[tuple[Selection, Encoding], Group] = {}
        self._index: TopicIndex[Group] = TopicIndex()
        self._pending: list[Record] = []
        self._scheduled = False
        self._slice_bytes = slice_bytes

    def committed(self, records: Sequence[Record]) -> None:
        """Take new records, in order: a listener of the log. Ephemeral ones have offset 0."""
        self._pending.extend(records)
        if not self._scheduled:
            self._scheduled = True
            loop = asyncio.get_running_loop()
            # Two hops: the publishers' answers are queued between them and go out first.
            loop.call_soon(loop.call_soon, self.flush)

    def join(self, reader: object, write: Write, selection: Selection, encoding: Encoding) -> Group:
        """Let a reader in that has everything it selects up to `offset`."""
        key = selection, encoding
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(selection, encoding)
            for pattern in selection.patterns:
                self._index.add(pattern, group)
        group.add(reader, write)
        return group

    def leave(self, reader: object, group: Group) -> None:
        """Let a reader out; it has everything it selects up to `offset`."""
        group.discard(reader)
        if not group.members:
            del self._groups[group.selection, group.encoding]
            for pattern in group.selection.patterns:
                self._index.remove(pattern, group)

    def flush(self) -> None:
        """Hand on what has committed since the last time."""
        self._scheduled = False
        records, self._pending = self._pending, []
        for some in slices(records, self._slice_bytes):
            self._hand_on(some)

    def _hand_on(self, records: list[Record]) -> None:
        wanted: dict[Group, list[Record]] = {}
        match = self._index.match
        for record in records:
            for group in match(record.topic):
                if group.selection.by_topic_alone or group.selection.matches(record):
                    wanted.setdefault(group, []).append(record)
        # Before the first write: a reader that must leave during its write has got all of it.
        self.offset = max(self.offset, *(record.offset for record in records))
        pieces: dict[tuple[Encoding, int], Any] = {}
        for group, selected in wanted.items():
            encoding = group.encoding
            data = encoding.join([_piece(pieces, encoding, record) for record in selected])
            writes = group.writes()
            self.delivered[encoding.kind] += len(writes) * len(selected)
            for write in writes:
                write(data)


def slices(records: Sequence[Record], slice_bytes: int) -> Iterator[list[Record]]:
    """Cut records into runs of about `slice_bytes`: what a reader that stops taking is left with."""
    some: list[Record] = []
    size = 0
    for record in records:
        some.append(record)
        size += len(record.json)
        if size >= slice_bytes:
            yield some
            some, size = [], 0
    if some:
        yield some


def _piece(pieces: dict[tuple[Encoding, int], Any], encoding: Encoding, record: Record) -> Any:
    key = encoding, id(record)
    piece = pieces.get(key)
    if piece is None:
        piece = pieces[key] = encoding.piece(record)
    return piece
