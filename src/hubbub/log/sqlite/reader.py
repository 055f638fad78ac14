"""One thread's reading connection, and how pages come out of it.

Where are the records of one topic in a log of millions? An index on (topic, offset) answers that,
and makes every append touch one page per topic in it. This log's index is on (offset >> 12, topic):
an append touches only the pages of the newest block of 4096 records, and a reader seeks once per
block. Measured on 2 cores, batches of 100 events of 310 bytes, 300,000 rows, in memory so that the
disk does not blur it:

    index                100 topics             100,000 topics         2 M records, one rare topic
    none                 560 k/s   926 B/row    570 k/s   926 B/row    280 ms (a scan)
    (topic)              218 k/s  4304 B/row    156 k/s  6273 B/row    0.01 ms
    (offset >> 10, ..)   500 k/s  1122 B/row    477 k/s  1141 B/row    4.3 ms
    (offset >> 12, ..)   454 k/s  1305 B/row    450 k/s  1350 B/row    1.3 ms
    (offset >> 14, ..)   319 k/s  2052 B/row    262 k/s  2192 B/row    0.1 ms

Every step of SQLite gives the interpreter away and waits to have it back, up to 5 ms while the loop
is busy: 1000 rows fetched one by one took 479 ms beside a busy thread. So queries return one row
each, with lists in it; the same page takes 4 ms then.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from hubbub.core.contracts import Page, Retention
from hubbub.core.errors import Corrupt
from hubbub.core.event import Record
from hubbub.core.selection import Selection
from hubbub.log.sqlite.database import Database, vector
from hubbub.log.sqlite.intake import Identity
from hubbub.log.sqlite.matching import Matching, Wanted
from hubbub.log.sqlite.rows import records
from hubbub.log.sqlite.sql import SQL
from hubbub.log.sqlite.topics import Topics

BLOCK_BITS: Final = 12
"""Of the index, as it stands in schema.sql and queries.sql."""

PAGE_BYTES = 4 * 1024 * 1024
"""Bytes of events in one page, unless a single one is larger: what a reader holds in memory."""

MOST = 10_000
"""Records in one page, however many were asked for."""

LOOK = 2000
"""Records that one call looks at with a filter: some 20 ms of the interpreter."""

CHUNK = 250
"""Records fetched at a time where it is not known how many pass a filter."""

SEEKS = 200_000
"""Seeks of one call, one per topic and block: below 100 ms, and 800 M records for one topic."""

FEW = 250
"""Topics for which seeking is cheaper than looking at every entry of the index."""

WIDEST = 64
"""Blocks sought through at a time, after 1, 4 and 16: they may hold 262,144 offsets."""

SCANNED_BLOCKS = 16
"""Blocks of the index that one call looks at for many topics: 65,536 records, some 10 ms."""

_integers: Final = msgspec.json.Decoder(list[int])


class _Name(msgspec.Struct):
    source: str
    id: str


_name: Final = msgspec.json.Decoder(_Name)


class View(msgspec.Struct):
    """What readers know of the log; kept up to date on the event loop."""

    epoch: str
    tail: int
    """Moves before records are deleted: what is missing above it is damage."""
    topics: Topics
    matching: Matching


class Reader:
    """Reads; on the thread that made it."""

    def __init__(self, path: Path, view: View, opened_for: int = 0) -> None:
        self.opened_for = opened_for
        self._view = view
        self.database = Database(path, write=False)
        """The connection, for what ledger.py and registry.py read."""

    def close(self) -> None:
        """Close the connection."""
        self.database.close()

    def page(self, after: int, upto: int, limit: int, selection: Selection) -> Page:
        """Read forward, from above `after` to at most `upto`."""
        return self._page(range(after + 1, upto + 1), after, limit, selection)

    def page_back(self, before: int, down_to: int, limit: int, selection: Selection) -> Page:
        """Read backward, from below `before` to at least `down_to`."""
        return self._page(range(before - 1, down_to - 1, -1), before, limit, selection)

    def _page(self, span: range, place: int, limit: int, selection: Selection) -> Page:
        found: list[Record] = []
        wanted = self._view.matching.wanted(selection, self.database)
        plain = selection.by_topic_alone
        room, looks, limit = PAGE_BYTES, LOOK, min(limit, MOST)
        for offsets, end in self._candidates(span, wanted, limit if plain else CHUNK):
            records, count, size = self._fetch(offsets, room)
            for record in records:
                if wanted is not None:
                    self._check_topic(record, wanted)
                if plain or selection.matches(record):
                    found.append(record)
                    if len(found) == limit:
                        return Page(found, record.offset)
            if count < len(offsets):
                return Page(found, offsets[count - 1])
            place, room, looks = end, room - size, looks - count
            if room <= 0 or (looks <= 0 and not plain):
                break
        return Page(found, place)

    def _candidates(
        self, span: range, wanted: Wanted | None, width: int
    ) -> Iterator[tuple[Sequence[int], int]]:
        """Give the offsets that may be wanted in pieces, and for each how far it has looked."""
        if wanted is None:
            for start in range(0, len(span), width):
                piece = span[start : start + width]
                yield piece, piece[-1]
            return
        if not wanted.numbers:
            parts = iter((span,) if span else ())
            find = _nothing
        elif len(wanted) <= FEW:
            parts = _blocks(span, WIDEST, SEEKS // len(wanted))
            find = self._seek
        else:
            parts = _blocks(span, 1, SCANNED_BLOCKS)
            find = self._scan
        for part in parts:
            low, high = min(part[0], part[-1]), max(part[0], part[-1])
            offsets = [o for o in find(low, high, wanted) if low <= o <= high]
            offsets.sort(reverse=part.step < 0)
            for start in range(width, len(offsets), width):
                yield offsets[start - width : start], offsets[start - 1]
            yield offsets[(len(offsets) - 1) // width * width :] if offsets else (), part[-1]

    def _seek(self, low: int, high: int, wanted: Wanted) -> list[int]:
        blocks = low >> BLOCK_BITS, high >> BLOCK_BITS
        (text,) = self.database.row(
            SQL["seek"], (*blocks, vector(array("q", sorted(wanted.numbers))))
        )
        return _integers.decode(text)

    def _scan(self, low: int, high: int, wanted: Wanted) -> list[int]:
        text, topics = self.database.row(SQL["scan"], (low >> BLOCK_BITS, high >> BLOCK_BITS))
        pairs = zip(_integers.decode(text), _integers.decode(topics), strict=True)
        return [offset for offset, topic in pairs if topic in wanted.numbers]

    def _check_topic(self, record: Record, wanted: Wanted) -> None:
        number = self._view.topics.find(record.topic)
        if number not in wanted.numbers and record.offset >= self._view.tail:
            raise Corrupt(f"the index names a wrong record at offset {record.offset}")

    def _fetch(self, offsets: Sequence[int], room: int) -> tuple[list[Record], int, int]:
        """Fetch the first records, at least one; return them, how many offsets and bytes it was."""
        if not offsets:
            return [], 0, 0
        view, numbers = self._view, array("q", offsets)
        (text,) = self.database.row(SQL["sizes"], (vector(numbers),))
        sizes = _integers.decode(text)
        count = size = 0
        for offset, length in zip(offsets, sizes, strict=True):
            if count and size + length > room:
                break
            if length < 0 and offset >= view.tail:
                raise Corrupt(f"there is no record at offset {offset}")
            count, size = count + 1, size + max(length, 0)
        stored, blob = self.database.row(SQL["fetch"], (vector(numbers, count),))
        found = records(stored, blob or b"", view.topics.names, view.epoch, view.tail)
        return list(found), count, size

    def identities(self, offsets: Sequence[int]) -> dict[int, Identity | None]:
        """Tell source, id and stamp of stored events; None where an event is gone."""
        found: dict[int, Identity | None] = dict.fromkeys(offsets)
        while offsets:
            fetched, count, _ = self._fetch(offsets, PAGE_BYTES)
            for record in fetched:
                name = _name.decode(record.json)
                found[record.offset] = name.source, name.id, record.recorded
            offsets = offsets[count:]
        return found

    def find(self, milliseconds: int, tail: int, head: int) -> int:
        """Return the offset of the newest record from before a time, at least `tail - 1`."""
        return tail - 1 + self._first(range(tail, head + 1), 0, milliseconds)

    def cut(self, policy: Retention, expiry: int, tail: int, head: int) -> int:
        """Return the offset of the oldest record that a policy keeps; `head + 1` for none."""
        kept = tail
        if policy.max_count:
            kept = max(kept, head - policy.max_count + 1)
        if policy.max_age:
            kept = max(kept, self.find(expiry, tail, head) + 1)
        if policy.max_bytes:
            _, before, size = self.facts(tail)
            surplus = self.facts(head)[1] - policy.max_bytes
            if surplus > before - size:
                kept = max(kept, tail + self._first(range(tail, head + 1), 1, surplus) + 1)
        return kept

    def _first(self, offsets: range, column: int, value: int) -> int:
        """Find the first record of which a column that never shrinks is at least `value`."""
        return bisect_left(offsets, value, key=lambda offset: self.facts(offset)[column])

    def facts(self, offset: int) -> tuple[int, int, int]:
        """Return the stamp, the total and the size of a record."""
        for recorded, total, size in self.database.rows(SQL["record"], (offset,)):
            return recorded, total, size
        if offset >= self._view.tail:
            raise Corrupt(f"there is no record at offset {offset}")
        return -1, -1, 0


def _nothing(_low: int, _high: int, _wanted: Wanted) -> list[int]:
    return []


def _blocks(span: range, widest: int, most: int) -> Iterator[range]:
    """Split a range along the blocks of the index: first one block, then more and more."""
    place, width = 0, 1
    while place < len(span) and most > 0:
        block = span[place] >> BLOCK_BITS
        if span.step > 0:
            part = range(span[place], min(span.stop, (block + width) << BLOCK_BITS))
        else:
            low = max(span.stop, ((block - width + 1) << BLOCK_BITS) - 1)
            part = range(span[place], low, -1)
        yield part
        place, most, width = place + len(part), most - width, min(width * 4, widest)
