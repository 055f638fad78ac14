"""What a reader asks to see and from where, for every protocol: patterns, rights, filter, start."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from hubbub.core.attributes import check_value
from hubbub.core.errors import Forbidden, InvalidPosition, Malformed
from hubbub.core.filters import compile_filters, compile_sql
from hubbub.core.grants import Principal
from hubbub.core.position import Position
from hubbub.core.selection import Filter, Selection
from hubbub.core.start import After, Start, parse_last, parse_since
from hubbub.core.topic import check_pattern

MAX_TYPES: Final = 100
"""Event types that one reader may name, as many as patterns."""

MAX_FILTERS: Final = 512
"""Compiled filters that are remembered: readers with the same filter share one."""

UNKNOWN: Final = After(Position("unknown", 0))
"""Where a reader resumes whose last event id is none of ours: no epoch has this name."""


def select(
    principal: Principal,
    topics: Sequence[str],
    types: Sequence[str] = (),
    filter: str | list[object] | None = None,  # noqa: A002
) -> Selection:
    """Select what was asked for, if the caller may read it; no topics means all that it may.

    `filter` is CESQL text or a list in the Subscriptions API's dialects. Raises `InvalidTopic`,
    `InvalidEvent`, `InvalidFilter` or `Forbidden`.
    """
    patterns = [check_pattern(topic) for topic in topics] or principal.grants.subscribe
    if not patterns:
        raise Forbidden("this token may subscribe to nothing")
    principal.require_subscribe(patterns)
    if len(types) > MAX_TYPES:
        raise Malformed(f"one reader may name {MAX_TYPES} types; use a filter for more")
    for wanted in types:
        check_value("type", wanted)
    return Selection.of(patterns, types, None if filter is None else _filter(filter))


def begin_at(since: str | None, last: str | None, now: float, default: Start) -> Start:
    """Read where to start; `now` is seconds since the Unix epoch. Raises `InvalidPosition`."""
    if since is not None and last is not None:
        raise InvalidPosition("since or last says where to start, not both")
    if last is not None:
        return parse_last(last)
    return default if since is None else parse_since(since, now)


def resume_at(last_event_id: str) -> Start:
    """Read the id of the last event that a client got; one that is none of ours is a lost position."""
    try:
        return After(Position.parse(last_event_id))
    except InvalidPosition:
        return UNKNOWN


def _filter(wanted: str | list[object]) -> Filter:
    if isinstance(wanted, str):
        return _sql(wanted)
    return _dialects(msgspec.json.encode(wanted))


@lru_cache(MAX_FILTERS)
def _sql(text: str) -> Filter:
    return Filter(text, compile_sql(text))


@lru_cache(MAX_FILTERS)
def _dialects(json: bytes) -> Filter:
    return Filter(json.decode(), compile_filters(msgspec.json.decode(json, type=list[object])))
