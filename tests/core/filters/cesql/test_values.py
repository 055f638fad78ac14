"""The casts of CESQL 1.0.0, section 3.7."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.filters.cesql import CastError
from hubbub.core.filters.cesql.values import INT_MAX, INT_MIN, cast, to_bool, to_int, to_text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("007", 7),
        ("-2147483648", INT_MIN),
        ("2147483647", INT_MAX),
        ("0" * 5000 + "1", 1),
    ],
)
def test_text_to_integer(text: str, number: int):
    assert to_int(text, 0) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1 ", "1_0", "1.0", "1e3", "0x1", "+-1", "--1", "+", "a", "\u0661", "1\n"),
        *("2147483648", "-2147483649", "9" * 5000),
    ],
)
def test_what_is_no_integer(text: str):
    with pytest.raises(CastError) as caught:
        to_int(text, 3)
    assert caught.value.position == 3
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(("text", "value"), [("true", True), ("TRUE", True), ("fAlSe", False)])
def test_text_to_boolean(text: str, value: bool):
    assert to_bool(text, 0) is value


@pytest.mark.parametrize("text", ["", "1", "yes", " true", "t", "true\n"])
def test_what_is_no_boolean(text: str):
    with pytest.raises(CastError):
        to_bool(text, 0)


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        (True, int, 1),
        (False, int, 0),
        (True, str, "true"),
        (False, str, "false"),
        (0, bool, False),
        (-3, bool, True),
        (-3, str, "-3"),
        (0, str, "0"),
        ("a", str, "a"),
    ],
)
def test_casts_that_always_work(value: str | int | bool, target: type, expected: object):
    result = cast(value, target, 0)
    assert result == expected
    assert type(result) is target


@given(st.integers(INT_MIN, INT_MAX) | st.booleans())
def test_through_text_and_back(value: int | bool):
    assert cast(to_text(value), type(value), 0) == value
