"""Which groups may want a topic: exact topics in a dict, wildcards in a trie, answers remembered.

Looking a topic up costs the same with one subscription elsewhere or with a million. A new exact
subscription forgets one answer, a new wildcard all of them; joining a group that exists forgets
none, so coming and going readers cost nothing here.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

MAX_REMEMBERED = 65_536
"""Topics whose answer is remembered; past that all are forgotten, which costs a look-up each."""


class _Node(Generic[T]):
    __slots__ = ("children", "deep", "here")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.here: dict[T, None] = {}
        self.deep: dict[T, None] = {}  # of patterns that end in ** here

    def is_empty(self) -> bool:
        return not (self.children or self.here or self.deep)


class TopicIndex(Generic[T]):
    """Maps patterns to items and answers which items a topic concerns."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[T, None]] = {}
        self._root: _Node[T] = _Node()
        self._remembered: dict[str, tuple[T, ...]] = {}

    def add(self, pattern: str, item: T) -> None:
        """File an item under a checked pattern."""
        if "*" not in pattern:
            self._exact.setdefault(pattern, {})[item] = None
            self._remembered.pop(pattern, None)
            return
        node, deep = self._root, False
        for part in pattern.split("/"):
            if part == "**":
                deep = True
            else:
                node = node.children.setdefault(part, _Node())
        (node.deep if deep else node.here)[item] = None
        self._remembered.clear()

    def remove(self, pattern: str, item: T) -> None:
        """Take an item out again."""
        if "*" not in pattern:
            self._exact[pattern].pop(item)
            if not self._exact[pattern]:
                del self._exact[pattern]
            self._remembered.pop(pattern, None)
            return
        parts = pattern.split("/")
        deep = parts[-1] == "**"
        if deep:
            parts.pop()
        path = [self._root]
        for part in parts:
            path.append(path[-1].children[part])
        (path[-1].deep if deep else path[-1].here).pop(item)
        for place in range(len(parts), 0, -1):
            if not path[place].is_empty():
                break
            del path[place - 1].children[parts[place - 1]]
        self._remembered.clear()

    def match(self, topic: str) -> tuple[T, ...]:
        """Return every item filed under a pattern that the topic falls under, once."""
        found = self._remembered.get(topic)
        if found is None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[topic] = self._find(topic)
        return found

    def _find(self, topic: str) -> tuple[T, ...]:
        found: dict[T, None] = dict(self._exact.get(topic, {}))
        level = [self._root]
        for part in topic.split("/"):
            following: list[_Node[T]] = []
            for node in level:
                found.update(node.deep)
                following += [node.children[p] for p in (part, "*") if p in node.children]
            level = following
        for node in level:
            found.update(node.here)
        return tuple(found)
