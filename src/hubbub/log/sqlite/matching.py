"""Which topics of the log a reader wants, by their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from hubbub.core.selection import Selection
from hubbub.core.topic import is_pattern, literal_prefix, matches
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.sql import SQL
from hubbub.log.sqlite.topics import Topics

MAX_REMEMBERED = 1_000_000
"""Topic numbers remembered for patterns that were read: 60 MB, shared by all readers."""

_names: Final = msgspec.json.Decoder(list[tuple[int, str]])


class Wanted:
    """Numbers of topics."""

    __slots__ = ("numbers", "seen")

    def __init__(self, numbers: Iterable[int], seen: int = 0) -> None:
        self.numbers = frozenset(numbers)
        self.seen = seen
        """Topics up to this number were looked at."""

    def __len__(self) -> int:
        return len(self.numbers)


class Matching:
    """Numbers of the topics under patterns, remembered and brought up to date with new topics."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._remembered: dict[tuple[str, ...], Wanted] = {}

    def wanted(self, selection: Selection, database: Database) -> Wanted | None:
        """Return the topics that a selection may want; None is all of them."""
        patterns = selection.patterns
        if "**" in patterns:
            return None
        if not any(is_pattern(pattern) for pattern in patterns):
            return Wanted(number for name in patterns if (number := self._topics.find(name)))
        found = self._remembered.pop(patterns, None)
        if found is None or found.seen < self._topics.newest:
            found = _look(patterns, database, found)
        self._remembered[patterns] = found  # the dict is in the order of use
        self._forget()
        return found

    def _forget(self) -> None:
        # Several threads do this: what another one has taken out meanwhile is not there to pop.
        excess = sum(map(len, tuple(self._remembered.values()))) - MAX_REMEMBERED
        while excess > 0 and len(self._remembered) > 1:
            oldest = self._remembered.pop(next(iter(tuple(self._remembered))), None)
            excess -= len(oldest) if oldest else 0


def _look(patterns: tuple[str, ...], database: Database, before: Wanted | None) -> Wanted:
    (newest,) = database.row(SQL["newest_topic"])
    if before is not None:
        (text,) = database.row(SQL["topics_above"], (before.seen, newest))
        named = _names.decode(text)
        return Wanted(before.numbers.union(_matching(patterns, named)), newest)
    numbers: set[int] = set()
    for pattern in patterns:
        low, high = _range(pattern)
        (text,) = database.row(SQL["topics_between"], (low, high, newest))
        numbers.update(_matching((pattern,), _names.decode(text)))
    return Wanted(numbers, newest)


def _range(pattern: str) -> tuple[str, str]:
    """Return where the names under a pattern begin, and where they end."""
    low = literal_prefix(pattern)
    if low == pattern:
        return low, low + "\0"  # NUL sorts before all else and is in no topic
    if not low:
        return "", "\U0010ffff"
    return low, low[:-1] + "0"  # which follows / in ASCII


def _matching(patterns: tuple[str, ...], named: list[tuple[int, str]]) -> Iterable[int]:
    return (number for number, name in named if any(matches(p, name) for p in patterns))
