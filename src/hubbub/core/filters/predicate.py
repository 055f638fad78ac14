"""What a filter is once compiled, and how filters combine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hubbub.core.attributes import Value

Attributes = Mapping[str, Value]
"""The context attributes of an event that are set, by name; extensions included, data not."""

Predicate = Callable[[Attributes], bool]
"""Tells whether an event matches."""


def every(predicates: Sequence[Predicate]) -> Predicate:
    """Match where all do, which is always if there are none; stops at the first that does not."""
    match predicates:
        case [only]:
            return only
        case [left, right]:
            return lambda attributes: left(attributes) and right(attributes)
        case _:
            return _every(tuple(predicates))


def either(predicates: Sequence[Predicate]) -> Predicate:
    """Match where one does, which is never if there are none; stops at the first that does."""
    match predicates:
        case [only]:
            return only
        case [left, right]:
            return lambda attributes: left(attributes) or right(attributes)
        case _:
            return _either(tuple(predicates))


def opposite(predicate: Predicate) -> Predicate:
    """Match where the other does not."""
    return lambda attributes: not predicate(attributes)


# Plain loops: `all()` and `any()` would start a generator for every event.


def _every(predicates: tuple[Predicate, ...]) -> Predicate:
    def matches(attributes: Attributes) -> bool:
        for predicate in predicates:  # noqa: SIM110
            if not predicate(attributes):
                return False
        return True

    return matches


def _either(predicates: tuple[Predicate, ...]) -> Predicate:
    def matches(attributes: Attributes) -> bool:
        for predicate in predicates:  # noqa: SIM110
            if predicate(attributes):
                return True
        return False

    return matches
