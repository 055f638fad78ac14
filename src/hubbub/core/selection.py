"""What a reader wants to see: patterns, types and a filter, or several such clauses at once.

Every reader has exactly one `Selection`, however many subscriptions its connection holds: so its
records come from one ordered pass over the log, and each comes once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import msgspec

from hubbub.core.attributes import Value
from hubbub.core.event import Record
from hubbub.core.topic import matches, reduce_patterns

Predicate = Callable[[Mapping[str, Value]], bool]


class Filter(msgspec.Struct, frozen=True):
    """A compiled filter; two are equal if their text is."""

    text: str
    predicate: Predicate

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Clause(msgspec.Struct, frozen=True):
    """Topics under one of `patterns`, of one of `types` (none: any), that pass `filter` (none: all)."""

    patterns: tuple[str, ...]
    types: tuple[str, ...] = ()
    filter: Filter | None = None

    def admits(self, record: Record) -> bool:
        """Tell whether a record whose topic matches is wanted."""
        if self.types and record.type not in self.types:
            return False
        return self.filter is None or self.filter.predicate(record.attributes())

    def matches(self, record: Record) -> bool:
        """Tell whether a record is wanted."""
        return any(matches(p, record.topic) for p in self.patterns) and self.admits(record)


class Selection(msgspec.Struct, frozen=True, dict=True):
    """A record is selected if any clause wants it."""

    clauses: tuple[Clause, ...]

    @classmethod
    def of(
        cls,
        patterns: Iterable[str],
        types: Iterable[str] = (),
        filter: Filter | None = None,  # noqa: A002
    ) -> Selection:
        """Select by one clause. Raises `InvalidTopic` for too many patterns."""
        return cls((Clause(reduce_patterns(patterns), tuple(sorted(set(types))), filter),))

    def union(self, other: Selection) -> Selection:
        """Select what either selects; equal unions compare equal. Raises `InvalidTopic`."""
        groups: dict[tuple[tuple[str, ...], str, Filter | None], list[str]] = {}
        for clause in self.clauses + other.clauses:
            text = "" if clause.filter is None else clause.filter.text
            groups.setdefault((clause.types, text, clause.filter), []).extend(clause.patterns)
        return Selection(
            tuple(
                Clause(reduce_patterns(patterns), types, wanted)
                for (types, _, wanted), patterns in sorted(groups.items(), key=lambda g: g[0][:2])
            )
        )

    def narrowed(self, patterns: Iterable[str]) -> Selection:
        """Select the same under other patterns. Raises `InvalidTopic`."""
        reduced = reduce_patterns(patterns)
        return Selection(tuple(Clause(reduced, c.types, c.filter) for c in self.clauses))

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """Patterns of which one holds for every selected record."""
        return reduce_patterns(p for clause in self.clauses for p in clause.patterns)

    @cached_property
    def by_topic_alone(self) -> bool:
        """Whether the topic decides: no types, no filters."""
        return all(not c.types and c.filter is None for c in self.clauses)

    def matches(self, record: Record) -> bool:
        """Tell whether a record is selected."""
        return any(clause.matches(record) for clause in self.clauses)


EVERYTHING = Selection.of(("**",))
