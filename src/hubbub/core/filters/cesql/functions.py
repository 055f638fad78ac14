"""The built-in functions of CESQL 1.0.0 (section 3.5) and the three casts by name.

Each takes first the place to report an error at, then arguments that were already cast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from hubbub.core.attributes import Value
from hubbub.core.filters.cesql.errors import FunctionEvaluation, LimitExceeded, MathError
from hubbub.core.filters.cesql.values import INT_MAX, INT_MIN, Type, to_bool, to_int, to_text

MAX_TEXT: Final = 65_536
"""Characters a concatenation may yield: nested ones would grow without bound otherwise, and no
attribute of an event is nearly as long."""

_WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""White_Space of Unicode; `str.strip()` alone would also take the controls U+001C to U+001F."""


class Function(NamedTuple):
    """One overload: parameter types (None takes any), more of `rest` after them if that is set."""

    parameters: tuple[Type | None, ...]
    returns: Type
    call: Callable[..., Value]
    rest: Type | None = None

    def takes(self, count: int) -> bool:
        """Tell whether the function can be called with so many arguments."""
        fixed = len(self.parameters)
        return count == fixed or (count > fixed and self.rest is not None)

    def parameter(self, at: int) -> Type | None:
        """Return the type of an argument."""
        return self.parameters[at] if at < len(self.parameters) else self.rest


def find(name: str, count: int) -> Function | None:
    """Return the function of that name (upper case) that takes so many arguments."""
    return next((f for f in FUNCTIONS.get(name, ()) if f.takes(count)), None)


def explain_missing(name: str, count: int) -> str:
    """Say why `find` found nothing, and what there is."""
    known = FUNCTIONS.get(name)
    if known is None:
        return f"there is no function {name}; there are {', '.join(sorted(FUNCTIONS))}"
    takes = " or ".join(
        f"{len(f.parameters)}{'' if f.rest is None else ' and more'}" for f in known
    )
    return f"{name} takes {takes} arguments, not {count}"


def _length(_at: int, text: str) -> int:
    return len(text)


def _concat(at: int, *texts: str) -> str:
    return _joined(at, "", texts)


def _concat_ws(at: int, delimiter: str, *texts: str) -> str:
    return _joined(at, delimiter, texts)


def _joined(at: int, delimiter: str, texts: tuple[str, ...]) -> str:
    if sum(map(len, texts)) + len(delimiter) * (len(texts) - 1) > MAX_TEXT:
        raise LimitExceeded(f"a concatenation has at most {MAX_TEXT} characters", at)
    return delimiter.join(texts)


def _lower(_at: int, text: str) -> str:
    return text.lower()


def _upper(_at: int, text: str) -> str:
    return text.upper()


def _trim(_at: int, text: str) -> str:
    return text.strip(_WHITE_SPACE)


def _left(at: int, text: str, count: int) -> str:
    if count < 0:
        raise FunctionEvaluation("LEFT takes no negative length", at, text)
    return text[:count]


def _right(at: int, text: str, count: int) -> str:
    if count < 0:
        raise FunctionEvaluation("RIGHT takes no negative length", at, text)
    return text[max(len(text) - count, 0) :]


def _substring(at: int, text: str, position: int, length: int = INT_MAX) -> str:
    if abs(position) > len(text):
        raise FunctionEvaluation("the position of SUBSTRING is outside the text", at)
    if length < 0:
        raise FunctionEvaluation("SUBSTRING takes no negative length", at)
    if position == 0:
        return ""
    start = position - 1 if position > 0 else len(text) + position
    return text[start : start + length]


def _abs(at: int, number: int) -> int:
    if number == INT_MIN:
        raise MathError(f"the absolute value of {INT_MIN} has no 32 bits", at, INT_MAX)
    return abs(number)


def _int(at: int, value: Value) -> int:
    return to_int(value, at)


def _bool(at: int, value: Value) -> bool:
    return to_bool(value, at)


def _string(_at: int, value: Value) -> str:
    return to_text(value)


FUNCTIONS: Final[dict[str, tuple[Function, ...]]] = {
    "LENGTH": (Function((str,), int, _length),),
    "CONCAT": (Function((), str, _concat, rest=str),),
    "CONCAT_WS": (Function((str,), str, _concat_ws, rest=str),),
    "LOWER": (Function((str,), str, _lower),),
    "UPPER": (Function((str,), str, _upper),),
    "TRIM": (Function((str,), str, _trim),),
    "LEFT": (Function((str, int), str, _left),),
    "RIGHT": (Function((str, int), str, _right),),
    "SUBSTRING": (
        Function((str, int), str, _substring),
        Function((str, int, int), str, _substring),
    ),
    "ABS": (Function((int,), int, _abs),),
    "INT": (Function((None,), int, _int),),
    "BOOL": (Function((None,), bool, _bool),),
    "STRING": (Function((None,), str, _string),),
}
