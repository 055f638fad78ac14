"""The numbers of topics: rows carry a number, `topic` has the names, and all of them are in memory.

A topic of which no record is kept is forgotten, or a gateway with one topic per visitor would grow
for ever. No use is counted for that: names that were used since the last turn are in one dict, the
others in a second. Once everything from before the turn has been trimmed, what is still in the
second dict has no records.
"""

from __future__ import annotations

from collections.abc import Iterable


class Topics:
    """Numbers by name and names by number. Reader threads look things up, nothing else."""

    def __init__(self, stored: Iterable[tuple[int, str]], head: int) -> None:
        self.names = dict(stored)
        self._used: dict[str, int] = {}
        self._unused = {name: number for number, name in self.names.items()}
        self._turned_at = head
        self._next = max(self.names, default=0) + 1

    def __len__(self) -> int:
        return len(self.names)

    @property
    def newest(self) -> int:
        """The largest number given so far."""
        return self._next - 1

    def find(self, name: str) -> int | None:
        """Return the number of a topic, if there is one."""
        return self._used.get(name) or self._unused.get(name)

    def use(self, name: str) -> int | None:
        """Return the number of a topic that gets a record, if there is one."""
        number = self._used.get(name)
        if number is None and (number := self._unused.get(name)) is not None:
            self._used[name] = number  # before it goes there: a reader may be looking
            del self._unused[name]
        return number

    def add(self, name: str) -> int:
        """Give a new topic its number."""
        number = self._next
        self._next += 1
        self.names[number] = name
        self._used[name] = number
        return number

    def withdraw(self, number: int) -> None:
        """Take back a topic that could not be written."""
        name = self.names.pop(number, None)
        if name is not None:
            self._used.pop(name, None)

    def turn(self, tail: int, head: int) -> list[int]:
        """Forget the topics that have no records any more; return their numbers."""
        if tail <= self._turned_at:
            return []
        forgotten = list(self._unused.values())
        for number in forgotten:
            del self.names[number]
        self._unused, self._used = self._used, {}
        self._turned_at = head
        return forgotten
