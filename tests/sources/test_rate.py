"""How fast one caller may publish."""

from __future__ import annotations

import pytest

from gateway import FakeClock
from hubbub.core.errors import TooMany
from hubbub.sources import rate
from hubbub.sources.rate import Rate


def test_a_burst_and_then_the_rate() -> None:
    clock = FakeClock()
    bucket = Rate(8, 5, clock)
    for _ in range(5):
        bucket.take("anna", 1)
    with pytest.raises(TooMany) as raised:
        bucket.take("anna", 1)
    assert raised.value.retry_after == pytest.approx(0.125)
    clock.time += 0.125
    bucket.take("anna", 1)
    with pytest.raises(TooMany):
        bucket.take("anna", 1)


def test_a_refusal_costs_nothing() -> None:
    clock = FakeClock()
    bucket = Rate(8, 5, clock)
    bucket.take("anna", 4)
    for _ in range(3):
        with pytest.raises(TooMany):
            bucket.take("anna", 2)
    bucket.take("anna", 1)


def test_a_bucket_never_holds_more_than_the_burst() -> None:
    clock = FakeClock()
    bucket = Rate(8, 5, clock)
    bucket.take("anna", 5)
    clock.time += 3600
    bucket.take("anna", 5)
    with pytest.raises(TooMany):
        bucket.take("anna", 1)


def test_a_large_batch_passes_when_the_bucket_is_full_and_is_paid_for_afterwards() -> None:
    clock = FakeClock()
    bucket = Rate(8, 5, clock)
    bucket.take("anna", 100)
    clock.time += 11
    with pytest.raises(TooMany) as raised:
        bucket.take("anna", 1)
    assert raised.value.retry_after == pytest.approx(1)
    clock.time += 1
    bucket.take("anna", 1)


def test_callers_do_not_share() -> None:
    bucket = Rate(1, 1, FakeClock())
    bucket.take("anna", 1)
    bucket.take("berta", 1)


@pytest.mark.parametrize(("per_second", "burst"), [(10, 100), (0.05, 1)])
def test_the_default_burst_is_ten_seconds_worth(per_second: float, burst: int) -> None:
    bucket = Rate(per_second, 0, FakeClock())
    for _ in range(burst):
        bucket.take("anna", 1)
    with pytest.raises(TooMany):
        bucket.take("anna", 1)


def test_callers_are_forgotten_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "MAX_BUCKETS", 3)
    bucket = Rate(1, 1, FakeClock())
    for caller in "abcd":
        bucket.take(caller, 1)
    bucket.take("a", 1)  # forgotten: full again
    with pytest.raises(TooMany):
        bucket.take("d", 1)
