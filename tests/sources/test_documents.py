"""Mistakes in documents are told by their place, and what was written is not repeated."""

from __future__ import annotations

import msgspec
import pytest

from hubbub.core.errors import Malformed
from hubbub.sources.documents import convert


class Part(msgspec.Struct):
    numbers: tuple[int, ...]


class Whole(msgspec.Struct):
    part: Part


def test_what_fits_is_read() -> None:
    assert convert({"part": {"numbers": [1]}}, Whole) == Whole(Part((1,)))


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"part": {"numbers": [1, "s3cret"]}}, "/at/part/numbers/1"),
        ({"part": {}}, "/at/part"),
        ("s3cret", "/at"),
    ],
)
def test_what_does_not_is_told_by_its_place(value: object, pointer: str) -> None:
    with pytest.raises(Malformed) as refused:
        convert(value, Whole, "/at")
    assert refused.value.pointer == pointer
    assert "s3cret" not in refused.value.detail
