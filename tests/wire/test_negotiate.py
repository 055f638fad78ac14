"""Content negotiation: quality, specificity, and our own order among equals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.wire.negotiate import best

OFFERS = ("application/json", "application/x-ndjson", "text/event-stream", "application/atom+xml")
JSON, LINES, STREAM, ATOM = OFFERS
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        (" ", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (BROWSER, JSON),
        ("text/event-stream", STREAM),
        ("TEXT/Event-Stream", STREAM),
        ("text/event-stream; charset=utf-8", STREAM),
        ("text/*", STREAM),
        ("text/event-stream, application/json", JSON),
        ("text/event-stream, application/json;q=0.9", STREAM),
        ("application/json;q=0.5, text/event-stream;q=0.5", JSON),
        ("application/json;q=0, */*", LINES),
        ("*/*;q=0.1, application/atom+xml", ATOM),
        ("application/json;q=0.2, application/*;q=0.9", LINES),
        ("application/json ; Q=0.1 , text/event-stream ; q=1.000", STREAM),
        ("application/json;q=0.3, application/json;q=0.9, text/*;q=0.5", JSON),
        ("text/event-stream;q=0.001", STREAM),
        ("text/event-stream;q=nonsense, application/atom+xml;q=0.1", ATOM),
        (",,text/event-stream,,", STREAM),
        ("text/html", None),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("application/json;q=1.5", None),
        ("nonsense", None),
    ],
)
def test_best(accept: str, chosen: str | None) -> None:
    assert best(accept, OFFERS) == chosen


@given(st.text(max_size=100))
def test_any_header_gives_an_offer_or_none(accept: str) -> None:
    assert best(accept, OFFERS) in (*OFFERS, None)
