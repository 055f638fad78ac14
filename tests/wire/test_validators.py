"""A time is asked with once its second is over."""

from __future__ import annotations

import pytest

from hubbub.wire.validators import is_strong

TODAY, YESTERDAY = "Sat, 28 Nov 2026 10:00:00 GMT", "Fri, 27 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("date", "modified", "is_strong_one"),
    [
        (TODAY, YESTERDAY, True),
        (TODAY, TODAY, False),
        (TODAY, "Sat, 28 Nov 2026 09:59:59 GMT", True),
        (YESTERDAY, TODAY, False),
        ("nonsense", YESTERDAY, False),
        (TODAY, "yesterday", False),
        ("", YESTERDAY, False),
    ],
)
def test_a_time_counts_once_its_second_is_over(
    date: str, modified: str, is_strong_one: bool
) -> None:
    """RFC 9110, 8.8.2.2: within the same second it may change and keep its Last-Modified."""
    assert is_strong({"date": date, "last-modified": modified}) == is_strong_one
