"""The newest records in memory, shared by all readers.

Everything here is synchronous and on the event loop, so every look is bounded: by the result where
exact topics or everything are wanted, by a number of records where patterns or filters are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Final

from hubbub.core.contracts import Page
from hubbub.core.event import Record
from hubbub.core.selection import Selection
from hubbub.core.topic import is_pattern, matches

OVERHEAD = 250
"""Bytes that a record takes beside its JSON, so that tiny ones are bounded in number as well."""

SHRINK = 16
"""What is dropped at a time is this part of the whole: dropping costs per topic, so not one by one."""

LOOK = 4000
"""Records that one call looks at for patterns: below a millisecond."""

LOOK_FILTERED = 200
"""Records that one call looks at with a filter: two or three milliseconds."""

MAX_VERDICTS = 200_000
"""Verdicts on topics that are remembered, over all patterns: 20 MB."""

_offset: Final = attrgetter("offset")
_recorded: Final = attrgetter("recorded")


class Ring:
    """The records from `first` to `last` without a hole."""

    def __init__(self, max_bytes: int, last: int) -> None:
        self.first = last + 1
        self._max_bytes = max_bytes
        self._bytes = 0
        self._records: list[Record] = []
        self._lanes: dict[str, list[Record]] = {}
        """The same records by topic."""
        self._verdicts: dict[tuple[str, ...], dict[str, bool]] = {}
        self._verdict_count = 0

    @property
    def last(self) -> int:
        """Offset of the newest record, in the ring or not."""
        return self.first + len(self._records) - 1

    def __len__(self) -> int:
        return len(self._records)

    def add(self, records: Sequence[Record]) -> None:
        """Take the records that follow; drop the oldest beyond the bound."""
        lanes, size = self._lanes, 0
        for record in records:
            size += len(record.json) + OVERHEAD
            lane = lanes.get(record.topic)
            if lane is None:
                lanes[record.topic] = [record]
            else:
                lane.append(record)
        self._records += records
        self._bytes += size
        if self._bytes > self._max_bytes:
            self._shrink()

    def _shrink(self) -> None:
        count, size = 0, self._bytes
        goal = self._max_bytes - self._max_bytes // SHRINK
        while size > goal:
            size -= len(self._records[count].json) + OVERHEAD
            count += 1
        self.drop_below(self.first + count)

    def drop_below(self, offset: int) -> None:
        """Drop what is below an offset, at most `last + 1`."""
        dropped = self._records[: offset - self.first]
        del self._records[: offset - self.first]
        self.first = offset
        self._bytes -= sum(len(record.json) + OVERHEAD for record in dropped)
        for topic in {record.topic for record in dropped}:
            lane = self._lanes[topic]
            del lane[: bisect_left(lane, offset, key=_offset)]
            if not lane:
                del self._lanes[topic]

    def after(self, offset: int) -> list[Record]:
        """Return everything above an offset that is at least `first - 1`."""
        return self._records[offset + 1 - self.first :]

    def find(self, milliseconds: int) -> int | None:
        """Return the offset of the newest record from before a time, if the ring can tell."""
        if not self._records or self._records[0].recorded >= milliseconds:
            return None
        return self.first - 1 + bisect_left(self._records, milliseconds, key=_recorded)

    def page(self, after: int, limit: int, selection: Selection) -> Page:
        """Read forward from an offset that is at least `first - 1`."""
        start = bisect_right(self._records, after, key=_offset)
        return self._page(start, 1, limit, selection, max(after, self.last))

    def page_back(self, before: int, limit: int, selection: Selection) -> Page:
        """Read backward from an offset above `first`, down to `first` at most."""
        start = bisect_left(self._records, before, key=_offset) - 1
        return self._page(start, -1, limit, selection, self.first)

    def _page(self, start: int, step: int, limit: int, selection: Selection, end: int) -> Page:
        """Read from a place in the list on; `end` is how far that can go."""
        patterns, records = selection.patterns, self._records
        if "**" in patterns:
            wanted = _from(records, start, step)
        elif not any(is_pattern(pattern) for pattern in patterns):
            wanted = self._of_topics(patterns, start, step)
        else:
            stop = max(start + step * LOOK, -1)
            window = records[start:stop] if step > 0 else records[stop + 1 : start + 1][::-1]
            if len(window) == LOOK:
                end = window[-1].offset
            wanted = self._under_patterns(patterns, window)
        if selection.by_topic_alone:
            found = list(islice(wanted, limit))
            return Page(found, found[-1].offset if len(found) == limit else end)
        return _filtered(wanted, limit, selection, end)

    def _of_topics(self, topics: Sequence[str], start: int, step: int) -> Iterator[Record]:
        place = self.first + start
        sides: list[Iterator[Record]] = []
        for topic in topics:
            lane = self._lanes.get(topic, [])
            if step > 0:
                sides.append(_from(lane, bisect_left(lane, place, key=_offset), step))
            else:
                sides.append(_from(lane, bisect_right(lane, place, key=_offset) - 1, step))
        return sides[0] if len(sides) == 1 else merge(*sides, key=_offset, reverse=step < 0)

    def _under_patterns(
        self, patterns: tuple[str, ...], window: Sequence[Record]
    ) -> Iterator[Record]:
        verdicts = self._verdicts.setdefault(patterns, {})
        for record in window:
            verdict = verdicts.get(record.topic)
            if verdict is None:
                verdict = any(matches(pattern, record.topic) for pattern in patterns)
                self._remember(verdicts, record.topic, verdict)
            if verdict:
                yield record

    def _remember(self, verdicts: dict[str, bool], topic: str, verdict: bool) -> None:
        if self._verdict_count >= MAX_VERDICTS:
            self._verdicts.clear()
            self._verdict_count = 0
        verdicts[topic] = verdict
        self._verdict_count += 1


def _from(records: Sequence[Record], start: int, step: int) -> Iterator[Record]:
    return map(records.__getitem__, range(start, len(records) if step > 0 else -1, step))


def _filtered(wanted: Iterator[Record], limit: int, selection: Selection, end: int) -> Page:
    found: list[Record] = []
    for looked, record in enumerate(wanted, 1):
        if selection.matches(record):
            found.append(record)
        if len(found) == limit or looked == LOOK_FILTERED:
            return Page(found, record.offset)
    return Page(found, end)
