"""Documents that people write, as the structs that they stand for."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from hubbub.core.errors import Malformed

Kind = TypeVar("Kind")


def convert(value: object, kind: type[Kind], at: str = "") -> Kind:
    """Read decoded JSON. Raises `Malformed` with a JSON pointer below `at`; it repeats no value."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        inside = "".join(f"/{part}" for part in re.findall(r"\w+", place))
        raise Malformed(what.replace("`", ""), pointer=at + inside) from None
