"""The three types of CESQL, their zero values and the casts between them (sections 3.1 and 3.7).

Types are told apart with `type(value) is ...`, never `isinstance`: in Python a bool is an int, in
CESQL it is not.
"""

from __future__ import annotations

import re
from typing import Final

from hubbub.core.attributes import Value
from hubbub.core.filters.cesql.errors import CastError

Type = type[str] | type[int] | type[bool]

NAMES: Final[dict[Type, str]] = {str: "String", int: "Integer", bool: "Boolean"}
ZERO: Final[dict[Type, Value]] = {str: "", int: 0, bool: False}

INT_MIN: Final = -(2**31)
INT_MAX: Final = 2**31 - 1

_INTEGER: Final = re.compile(r"([+-]?)0*([0-9]{1,10})")


def to_text(value: Value) -> str:
    """Return the canonical text of a value: `true`, `-7`, a string as it is."""
    if type(value) is bool:
        return "true" if value else "false"
    return str(value)


def to_int(value: Value, at: int) -> int:
    """Cast to Integer; a text must be a decimal number of 32 bits. Raises `CastError`."""
    if type(value) is not str:
        return int(value)
    if found := _INTEGER.fullmatch(value):
        number = int(found[1] + found[2])
        if INT_MIN <= number <= INT_MAX:
            return number
    raise CastError(f"{_shown(value)} is no Integer of 32 bits", at)


def to_bool(value: Value, at: int) -> bool:
    """Cast to Boolean; a text must be `true` or `false` in any case. Raises `CastError`."""
    if type(value) is not str:
        return bool(value)
    lowered = value.lower()
    if lowered == "true":
        return True
    if lowered == "false":
        return False
    raise CastError(f"{_shown(value)} is no Boolean", at)


def cast(value: Value, target: Type, at: int) -> Value:
    """Cast to the target type; `at` is where an error is reported. Raises `CastError`."""
    if target is str:
        return to_text(value)
    if target is int:
        return to_int(value, at)
    return to_bool(value, at)


def _shown(value: str) -> str:
    return repr(value) if len(value) <= 40 else repr(value[:40]) + "..."  # noqa: PLR2004
