"""Ids and bodies of what is published."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.client import outgoing
from hubbub.core.errors import Malformed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=10,
)  # fmt: skip


@given(st.floats(0, 10**11), st.integers(0, 2**32))
def test_ids_are_uuids_that_sort_by_time(now, seed):
    found = UUID(outgoing.new_id(now, random.Random(seed)))
    assert (found.version, found.variant) == (7, "specified in RFC 4122")
    assert found.int >> 80 == int(now * 1000)


def test_ids_differ():
    rng = random.Random(1)
    assert len({outgoing.new_id(0.0, rng) for _ in range(10_000)}) == 10_000


@given(JSON)
def test_json_is_what_was_meant(data):
    if data is not None:
        body, kind = outgoing.payload(data, None)
        assert (json.loads(body), kind) == (data, "application/json")


@dataclass
class Order:
    state: str
    at: datetime


def test_objects_that_have_an_obvious_json_form():
    body, _ = outgoing.payload(Order("paid", datetime(2026, 11, 23, tzinfo=UTC)), None)
    assert body == b'{"state":"paid","at":"2026-11-23T00:00:00Z"}'


def deep() -> list:
    found: list = []
    for _ in range(100_000):
        found = [found]
    return found


@pytest.mark.parametrize(
    "data", [float("inf"), {1, object()}, {("a",): 1}, deep(), {"a": "\udfff"}], ids=range(5)
)
def test_what_has_no_json_form(data):
    with pytest.raises(Malformed):
        outgoing.payload(data, None)


@given(
    st.lists(st.binary(min_size=1, max_size=40_000).map(lambda b: b"1" * len(b))), st.integers(1, 9)
)
def test_batches_hold_everything_in_order_within_both_bounds(events, count):
    batches = [json.loads(body) for body in outgoing.batches(events, count)]
    assert [str(n).encode() for batch in batches for n in batch] == events
    for batch, body in zip(batches, outgoing.batches(events, count), strict=True):
        assert 1 <= len(batch) <= count
        assert len(batch) == 1 or len(body) <= outgoing.BATCH_BYTES


def test_events_made_elsewhere():
    given = {"source": "/s", "type": "t", "data": b"\xff", "specversion": "1.0"}
    assert json.loads(outgoing.structured(given, "new")) == {
        "specversion": "1.0",
        "id": "new",
        "source": "/s",
        "type": "t",
        "data_base64": "/w==",
    }
    assert json.loads(outgoing.structured({"id": "own"}, "new"))["id"] == "own"
    assert outgoing.structured(b"as it is", "new") == b"as it is"
    with pytest.raises(Malformed):
        outgoing.structured({"data": object()}, "new")
