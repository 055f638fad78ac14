"""Where a reader starts: every spelling of `since` and `last`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import InvalidPosition
from hubbub.core.position import Position
from hubbub.core.start import (
    EARLIEST,
    LATEST,
    After,
    Last,
    SinceTime,
    Start,
    parse_last,
    parse_since,
)

NOW = 1_700_000_000.5
MS = 1_700_000_000_500


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("latest", LATEST),
        ("earliest", EARLIEST),
        ("k3f9x2ab-1042", After(Position("k3f9x2ab", 1042))),
        ("k3f9x2ab-0", After(Position("k3f9x2ab", 0))),
        ("90s", SinceTime(MS - 90_000)),
        ("15m", SinceTime(MS - 900_000)),
        ("2h", SinceTime(MS - 7_200_000)),
        ("7d", SinceTime(MS - 604_800_000)),
        ("250ms", SinceTime(MS - 250)),
        ("0s", SinceTime(MS)),
        ("2023-11-14T22:13:20Z", SinceTime(1_700_000_000_000)),
        ("2023-11-14t22:13:20.125z", SinceTime(1_700_000_000_125)),
        ("2023-11-14T23:13:20+01:00", SinceTime(1_700_000_000_000)),
        ("2023-11-14T23:13:20 01:00", SinceTime(1_700_000_000_000)),  # an unescaped plus
        ("2023-11-14T22:13:20.0001Z", SinceTime(1_700_000_000_001)),  # rounded up: at or after
    ],
)
def test_since(text: str, start: Start) -> None:
    assert parse_since(text, NOW) == start


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "LATEST",
        "10",
        "-5s",
        "5 s",
        "5y",
        "\uff11s",
        "9999999999s",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-13-14T22:13:20Z",
        "2023-11-14T25:13:20Z",
        "0000-01-01T00:00:00Z",
        "yyyy-mm-ddThh:mm:ssZ",
        "k3f9x2ab-",
        "a\x00b-1",
    ],
)
def test_no_since(text: str) -> None:
    with pytest.raises(InvalidPosition):
        parse_since(text, NOW)


@pytest.mark.parametrize(("text", "count"), [("1", 1), ("1000", 1000)])
def test_last(text: str, count: int) -> None:
    assert parse_last(text) == Last(count)


@pytest.mark.parametrize(
    "text", ["", "0", "1001", "-1", "+1", " 1", "1.0", "01", "\uff11", "9" * 500]
)
def test_no_last(text: str) -> None:
    with pytest.raises(InvalidPosition, match="1 to 1000"):
        parse_last(text)


@given(st.text(max_size=40))
def test_nothing_else_is_ever_raised(text: str) -> None:
    for read in (lambda: parse_since(text, NOW), lambda: parse_last(text)):
        try:
            read()
        except InvalidPosition:
            continue
