"""Where a reader begins: a `Start` turned into an offset of a log, the same for every protocol."""

from __future__ import annotations

from typing import NamedTuple

from hubbub.core.contracts import Log
from hubbub.core.errors import Gap
from hubbub.core.position import Position
from hubbub.core.selection import Selection
from hubbub.core.start import After, Earliest, Last, Latest, SinceTime, Start


class Beginning(NamedTuple):
    """Read on after `after`; `gap` tells the reader that what it asked for is partly gone."""

    after: int
    gap: Gap | None = None


def position(log: Log, offset: int) -> Position:
    """Return the position of an offset."""
    return Position(log.epoch, offset)


def gap(log: Log, requested: Position) -> Gap:
    """Return the gap between a lost position and the oldest record that is kept."""
    return Gap(str(requested), str(position(log, log.tail - 1)))


async def begin(log: Log, start: Start, selection: Selection) -> Beginning:
    """Find where to begin; a lost position begins at the oldest kept record and says so."""
    match start:
        case Latest():
            return Beginning(log.head)
        case Earliest():
            return Beginning(log.tail - 1)
        case SinceTime(milliseconds):
            return Beginning(await log.find(milliseconds))
        case Last(count):
            return Beginning(await _before_last(log, count, selection))
        case After(asked):
            if asked.epoch == log.epoch and log.tail - 1 <= asked.offset <= log.head:
                return Beginning(asked.offset)
            return Beginning(log.tail - 1, gap(log, asked))


async def _before_last(log: Log, count: int, selection: Selection) -> int:
    """Return the offset after which the newest `count` matches are."""
    before, left = log.head + 1, count
    while left and before > log.tail:
        page = await log.read_back(before, left, selection)
        left -= len(page.records)
        if not left:
            return page.records[-1].offset - 1
        before = page.next
    return log.tail - 1
