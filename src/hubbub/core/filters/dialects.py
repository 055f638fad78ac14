"""The filter dialects of the CloudEvents Subscriptions API (0.1-wip, section 3.2.4) as JSON.

    {"exact": {"type": "com.example.paid"}}     the attributes have exactly these texts
    {"prefix": {...}}   {"suffix": {...}}       they begin or end with them
    {"all": [filter, ...]}   {"any": [...]}   {"not": filter}
    {"sql": "type LIKE 'com.%' AND n > 5"}      CloudEvents SQL

Values are compared by their canonical text (`true`, `7`), case-sensitively. An attribute that is
not set does not match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import eq, methodcaller
from typing import Final, TypeGuard, cast

from hubbub.core.attributes import MAX_TEXT, check_name
from hubbub.core.attributes import pointer as member
from hubbub.core.errors import InvalidEvent, InvalidFilter
from hubbub.core.filters import cesql
from hubbub.core.filters.cesql import Notice
from hubbub.core.filters.cesql.values import to_text
from hubbub.core.filters.predicate import Attributes, Predicate, either, every, opposite
from hubbub.core.filters.sql import compile_sql

MAX_FILTERS: Final = 256
"""Filters and attribute tests of one document: bounds what matching one event can cost."""

MAX_SQL: Final = 16_384
"""Characters of all `sql` filters of one document together, for the same reason."""

MAX_DEPTH: Final = 16
"""Levels of `all`, `any` and `not`: each is a Python frame when it runs; people write 3."""


def compile_filters(filters: Sequence[object] | None) -> Predicate:
    """Return a predicate that matches where every filter does; None or no filter matches always.

    `filters` is decoded JSON. Raises `InvalidFilter` with a JSON pointer into it; nothing else.
    """
    if filters is None:
        return every(())
    return every(_Compiler().array(filters, "", 1))


def warnings(filters: Sequence[object] | None) -> list[Notice]:
    """Tell what the SQL expressions of a valid document say and probably do not mean."""
    notices: list[Notice] = []
    stack: list[tuple[object, str]] = [(filters, "")]
    while stack:
        value, at = stack.pop()
        if isinstance(value, list | tuple):
            items = cast("Sequence[object]", value)
            stack.extend((item, f"{at}/{index}") for index, item in enumerate(items))
        elif _is_object(value):
            nested = [(value[key], f"{at}/{key}") for key in ("all", "any", "not") if key in value]
            stack.extend(nested)
            if isinstance(expression := value.get("sql"), str):
                found = cesql.warnings(expression)
                notices += [notice._replace(pointer=f"{at}/sql") for notice in found]
    return sorted(notices, key=lambda notice: (notice.pointer, notice.position))


class _Compiler:
    def __init__(self) -> None:
        self._count = 0
        self._sql_length = 0

    def array(self, value: object, at: str, depth: int) -> list[Predicate]:
        if not isinstance(value, list | tuple):
            raise InvalidFilter(f"expected an array of filters, not {_kind(value)}", pointer=at)
        items = cast("Sequence[object]", value)
        return [self.filter(item, f"{at}/{index}", depth) for index, item in enumerate(items)]

    def filter(self, value: object, at: str, depth: int) -> Predicate:
        self._spend(at)
        if depth > MAX_DEPTH:
            raise InvalidFilter(f"filters nest at most {MAX_DEPTH} levels deep", pointer=at)
        members = _object(value, at)
        if len(members) != 1:
            raise InvalidFilter(
                f"a filter has exactly one member, its dialect; this one has {len(members)}. "
                f"Use several filters, or one of {_DIALECTS}",
                pointer=at,
            )
        [(dialect, argument)] = members.items()
        inside = at + member(dialect)
        match dialect:
            case "exact" | "prefix" | "suffix":
                return self._attributes(argument, inside, _COMPARISONS[dialect])
            case "all" | "any":
                return self._several(dialect, argument, inside, depth + 1)
            case "not":
                return opposite(self.filter(argument, inside, depth + 1))
            case "sql":
                return self._sql(argument, inside)
            case _:
                raise InvalidFilter(
                    f"there is no filter dialect {dialect[:40]!r}; use one of {_DIALECTS}",
                    pointer=at,
                )

    def _several(self, dialect: str, value: object, at: str, depth: int) -> Predicate:
        predicates = self.array(value, at, depth)
        if not predicates:
            raise InvalidFilter(f"{dialect!r} needs at least one filter", pointer=at)
        return every(predicates) if dialect == "all" else either(predicates)

    def _attributes(self, value: object, at: str, comparison: _Comparison) -> Predicate:
        members = _object(value, at)
        if not members:
            raise InvalidFilter("expected at least one attribute to compare", pointer=at)
        predicates: list[Predicate] = []
        for name, text in members.items():
            inside = at + member(name)
            self._spend(inside)
            predicates.append(_test(_name(name, inside), comparison(_text(text, inside))))
        return every(predicates)

    def _sql(self, value: object, at: str) -> Predicate:
        if not isinstance(value, str):
            raise InvalidFilter(f"expected a CESQL expression, not {_kind(value)}", pointer=at)
        self._sql_length += len(value)
        if self._sql_length > MAX_SQL:
            raise InvalidFilter(
                f"more than {MAX_SQL} characters of sql in one subscription", pointer=at
            )
        return compile_sql(value, pointer=at)

    def _spend(self, at: str) -> None:
        self._count += 1
        if self._count > MAX_FILTERS:
            raise InvalidFilter(
                f"more than {MAX_FILTERS} filters and attribute tests; an sql filter with IN "
                "compares one attribute with many values",
                pointer=at,
            )


_Comparison = Callable[[str], Callable[[str], bool]]
_COMPARISONS: Final[dict[str, _Comparison]] = {
    "exact": lambda wanted: partial(eq, wanted),
    "prefix": lambda wanted: methodcaller("startswith", wanted),
    "suffix": lambda wanted: methodcaller("endswith", wanted),
}
_DIALECTS: Final = "exact, prefix, suffix, all, any, not, sql"


def _test(name: str, compare: Callable[[str], bool]) -> Predicate:
    def matches(attributes: Attributes) -> bool:
        value = attributes.get(name)
        if type(value) is str:
            return compare(value)
        return value is not None and compare(to_text(value))

    return matches


def _object(value: object, at: str) -> Mapping[str, object]:
    if _is_object(value):
        return value
    raise InvalidFilter(f"expected an object, not {_kind(value)}", pointer=at)


def _is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, dict) and all(
        isinstance(name, str) for name in cast("dict[object, object]", value)
    )


def _name(name: str, at: str) -> str:
    try:
        check_name(name)
    except InvalidEvent as error:
        raise InvalidFilter(error.detail, pointer=at) from None
    return name


def _text(value: object, at: str) -> str:
    if not isinstance(value, str):
        raise InvalidFilter(
            f"expected a string, not {_kind(value)}: values are compared as text, 7 as '7'",
            pointer=at,
        )
    if not value:
        raise InvalidFilter(
            "the text to compare with is empty; to ask whether it is set, use sql: EXISTS name",
            pointer=at,
        )
    if len(value) > MAX_TEXT:
        raise InvalidFilter(f"no attribute is longer than {MAX_TEXT} characters", pointer=at)
    return value


_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    tuple: "an array",
    dict: "an object",
}


def _kind(value: object) -> str:
    """Name a value by its JSON type, for error messages."""
    return _KINDS.get(type(value), type(value).__name__)
