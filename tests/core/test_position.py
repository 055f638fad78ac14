"""The one cursor: printed, read back, and refused when it is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import InvalidPosition
from hubbub.core.position import EPOCH_LENGTH, MAX_OFFSET, Position, new_epoch


def test_printed_form() -> None:
    assert str(Position("k3f9x2ab", 1042)) == "k3f9x2ab-1042"


@given(st.binary(min_size=5, max_size=8), st.integers(0, MAX_OFFSET))
def test_every_position_is_read_back(entropy: bytes, offset: int) -> None:
    epoch = new_epoch(entropy)
    assert len(epoch) == EPOCH_LENGTH
    assert Position.parse(str(Position(epoch, offset))) == (epoch, offset)


def test_epochs_differ_in_every_bit() -> None:
    assert len({new_epoch((1 << bit).to_bytes(5, "big")) for bit in range(40)}) == 40


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "abc",
        "abc-",
        "-1",
        "abc--1",
        "abc-+1",
        "abc-01",
        "abc- 1",
        "abc-1 ",
        "abc-1\n",
        "ABC-1",
        "abc-1-2",
        "abc-\uff11",
        "é-1",
        "a" * 17 + "-1",
        f"abc-{MAX_OFFSET + 1}",
        "abc-" + "9" * 5000,
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidPosition, match="k3f9x2ab-1042"):
        Position.parse(text)


def test_positions_order_within_an_epoch() -> None:
    assert Position("a", 9) < Position("a", 10)
