"""When to try again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vectors
from hubbub.client import Backoff
from hubbub.client.backoff import MAX_RETRY_AFTER, retry_after

SEEDS = st.integers(0, 2**32)


@given(st.integers(1, 10_000), SEEDS)
def test_waits_double_up_to_the_longest(failures, seed):
    backoff = Backoff(first=0.5, longest=20.0)
    step = min(20.0, 0.5 * 2.0 ** min(failures - 1, 100))
    assert step / 2 <= backoff.delay(failures, None, random.Random(seed)) <= step


@given(st.integers(1, 100), st.floats(0, 10**9), SEEDS)
def test_never_sooner_than_asked_within_reason(failures, asked, seed):
    delay = Backoff(longest=10.0).delay(failures, asked, random.Random(seed))
    bounded = min(asked, MAX_RETRY_AFTER)
    assert bounded <= delay <= max(10.0, bounded * 1.25)


def test_no_two_clients_come_back_together():
    delays = {Backoff().delay(3, 5.0, random.Random(seed)) for seed in range(50)}
    assert len(delays) == 50


def test_retry_after_by_the_table():
    table = vectors.load("http", "retry-after.json")
    now = retry_after(table["now"], 0.0)
    assert now == 784_111_777
    for case in table["cases"]:
        assert retry_after(case["value"], now) == case["delay_seconds"], case["value"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("120", 120.0), (None, None), ("", None), ("1.5", None), ("-1", None), ("x", None),
     ("9" * 30, None), ("Sun, 99 Nov 9999 99:99:99 GMT", None)],
)  # fmt: skip
def test_retry_after(value, seconds):
    assert retry_after(value, 0.0) == seconds
