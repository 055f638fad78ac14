"""Where a reader starts: `since=` and `last=` in every protocol (api.md, Names).

`since` is `latest`, `earliest`, a position (exclusive), an RFC 3339 time or an age such as `90s`,
`15m`, `2h`, `7d`. `last=N` begins with the newest N matches instead.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec

from hubbub.core.errors import InvalidPosition
from hubbub.core.position import Position

MAX_LAST = 1000
"""Largest `last=`: what one page of history holds."""

_AGE = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)", re.ASCII)
_COUNT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_UNITS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Latest(msgspec.Struct, frozen=True):
    """Only what comes from now on."""


class Earliest(msgspec.Struct, frozen=True):
    """The oldest event that is kept."""


class After(msgspec.Struct, frozen=True):
    """What follows a position, exclusively."""

    position: Position


class SinceTime(msgspec.Struct, frozen=True):
    """What was recorded at or after a time, in milliseconds since the Unix epoch."""

    milliseconds: int


class Last(msgspec.Struct, frozen=True):
    """The newest `count` matches, then on."""

    count: int


Start = Latest | Earliest | After | SinceTime | Last

LATEST: Final = Latest()
EARLIEST: Final = Earliest()


def parse_since(text: str, now: float) -> Start:
    """Read `since=`; `now` is seconds since the Unix epoch. Raises `InvalidPosition`."""
    if text == "latest":
        return LATEST
    if text == "earliest":
        return EARLIEST
    if age := _AGE.fullmatch(text):
        return SinceTime(int(now * 1000) - int(age[1]) * _UNITS[age[2]])
    if text[:4].isdigit() and text[4:5] == "-":
        return SinceTime(_milliseconds(text))
    try:
        return After(Position.parse(text))
    except InvalidPosition:
        raise InvalidPosition(
            "since is latest, earliest, a position, an RFC 3339 time or an age such as 90s, 2h, 7d"
        ) from None


def parse_last(text: str) -> Last:
    """Read `last=`. Raises `InvalidPosition`."""
    if not _COUNT.fullmatch(text) or int(text) > MAX_LAST:
        raise InvalidPosition(f"last is a whole number from 1 to {MAX_LAST}")
    return Last(int(text))


def _milliseconds(text: str) -> int:
    """Milliseconds since the Unix epoch of an RFC 3339 time, rounded up."""
    try:
        moment = datetime.fromisoformat(text.upper().replace(" ", "+", 1))  # an unescaped +
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidPosition("a time looks like 2026-11-23T09:30:00Z and names its zone")
    return -int(-moment.timestamp() * 1000 // 1)
