"""Turn what people write into values of a type: texts of the environment, durations, structures.

- Where a number may have a fraction it is a time in seconds, and `250ms`, `90s`, `15m`, `24h`, `7d`
  say the same in words, in the file as in the environment.
- In the environment a list is `a, b, c` or JSON, a structure is JSON, and an empty text unsets what
  may be unset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import inspect

from hubbub.settings.schema import bare, nearest

_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s?(ms|s|m|h|d)", re.ASCII)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SCALARS: Final[Mapping[type[inspect.Type], type]] = {
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
}
LISTS: Final = (inspect.ListType, inspect.VarTupleType)
"""The types that a list may become."""

_MEANT: Final = (
    (dict, (inspect.StructType, inspect.DictType)),
    (list, LISTS),
    (str, (inspect.StrType, inspect.LiteralType, inspect.FloatType)),
    (int, (inspect.IntType, inspect.FloatType)),
)


def duration(text: str) -> float | None:
    """Read `90s` as seconds; None if it is no duration."""
    found = _DURATION.fullmatch(text)
    return None if found is None else float(found[1]) * _UNITS[found[2]]


def convert(value: Any, kind: Any, *, text: bool) -> Any:
    """Make a value of the type `kind`; `text` says that it comes from the environment.

    Raises `ValueError` with a sentence that can follow the name of the key.
    """
    info = inspect.type_info(kind)
    try:
        given = from_text(info, value) if text and isinstance(value, str) else value
        return msgspec.convert(prepared(info, given), kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        what, _, place = str(error).partition(" - at `$")
        where = place.rstrip("`")
        said = _plain(what) + _choices(info, what)
        raise ValueError(f"{where + ': ' if where else ''}{said}") from None


def from_text(info: inspect.Type, text: str) -> Any:
    """Read a text of the environment. Raises `ValueError` or `msgspec.MsgspecError`."""
    kind = bare(info)
    if isinstance(kind, inspect.FloatType) and (seconds := duration(text)) is not None:
        return seconds
    if (scalar := _SCALARS.get(type(kind))) is not None:
        return msgspec.convert(text.lower(), scalar, strict=False)
    if isinstance(kind, inspect.UnionType):
        return _alternative(kind, text)
    if isinstance(kind, LISTS) and not text.lstrip().startswith("["):
        parts = (part.strip() for part in text.split(","))
        return [from_text(kind.item_type, part) for part in parts if part]
    if isinstance(kind, (inspect.StrType, inspect.LiteralType)):
        return text
    return msgspec.json.decode(text)


def prepared(info: inspect.Type, value: Any) -> Any:
    """Replace durations by seconds, and refuse unknown names, wherever they are in a structure."""
    kind = bare(info)
    if isinstance(kind, inspect.UnionType):
        kind = _fitting(kind, value)
    match value:
        case str() if isinstance(kind, inspect.FloatType):
            if (seconds := duration(value)) is None:
                raise ValueError("is a number of seconds, or a text such as 90s, 15m or 24h")
            return seconds
        case int() if isinstance(kind, inspect.FloatType) and not isinstance(value, bool):
            return float(value)
        case list() if isinstance(kind, LISTS):
            item = kind.item_type
            return [prepared(item, one) for one in cast("Sequence[Any]", value)]
        case dict() if isinstance(kind, inspect.StructType):
            return _members(kind, cast("Mapping[str, Any]", value))
        case _:
            return value


def _members(kind: inspect.StructType, value: Mapping[str, Any]) -> dict[str, Any]:
    fields = {field.encode_name: field.type for field in kind.fields}
    for name in value:
        if name not in fields:
            raise ValueError(f"has no member {name}{nearest(name, fields)}")
    return {name: prepared(fields[name], one) for name, one in value.items()}


def _alternative(union: inspect.UnionType, text: str) -> Any:
    if not text and union.includes_none:
        return None
    kinds = [kind for kind in union.types if not isinstance(kind, inspect.NoneType)]
    if len(kinds) == 1:
        return from_text(kinds[0], text)
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _fitting(union: inspect.UnionType, value: Any) -> inspect.Type:
    """Return the alternative that a value must mean."""
    for python, kinds in _MEANT:
        if isinstance(value, python):
            found = [bare(kind) for kind in union.types if isinstance(bare(kind), kinds)]
            return found[0] if found else union
    return union


def _choices(info: inspect.Type, message: str) -> str:
    """Name what a value, or an item of a list, can be, where msgspec says only that it is none."""
    kind = bare(info)
    kind = bare(kind.item_type) if isinstance(kind, LISTS) else kind
    if not isinstance(kind, inspect.LiteralType) or not message.startswith("Invalid enum value "):
        return ""
    return f"; it is one of {', '.join(map(str, kind.values))}"


def _plain(message: str) -> str:
    """Say a message of msgspec in the words of a settings file."""
    for theirs, ours in (
        ("Expected ", "expected "),
        ("Object contains unknown field ", "has no member "),
        ("Object missing required field ", "needs the member "),
        ("JSON is malformed: ", "is not valid JSON: "),
        ("Invalid enum value ", "cannot be "),
    ):
        if message.startswith(theirs):
            return ours + message.removeprefix(theirs)
    return message
