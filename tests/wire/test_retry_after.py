from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.wire import retry_after

NOW = 1_795_564_800.0  # 2026-11-25T00:00:00Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7\t", 7),
        ("Wed, 25 Nov 2026 00:01:00 GMT", 60),
        ("Wednesday, 25-Nov-26 00:01:00 GMT", 60),
        ("Wed Nov 25 00:01:00 2026", 60),
        ("Tue, 24 Nov 2026 00:00:00 GMT", 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),  # 1994: not 68 years ahead
    ],
)
def test_every_form_of_the_rfc_is_read(text: str, seconds: float) -> None:
    assert retry_after.parse(text, NOW) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "1.5", "٣", "Wed, 25 Nov 2026", "Wednesday, 31-Feb-26 00:00:00 GMT"]
)
def test_what_is_none_says_nothing(text: str) -> None:
    assert retry_after.parse(text, NOW) is None


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    found = retry_after.parse(text, NOW)
    assert found is None or found >= 0
