from __future__ import annotations

from random import Random

import pytest

from hubbub.core.outcome import Delivered, Failed, Gone
from hubbub.core.subscription import SCHEDULE, Policy
from hubbub.deliveries.decide import Again, Bury, Disable, Settle, decide, hold, probe_delay

CALM = Policy(jitter=0)


def refused(status: int = 500, **more: object) -> Failed:
    return Failed("status", status, f"status {status}", **more)  # type: ignore[arg-type]


def test_2xx_settles_and_410_disables() -> None:
    assert decide(Delivered(), 1, CALM, Random(1)) == Settle()
    assert isinstance(decide(Gone(), 1, CALM, Random(1)), Disable)


def test_the_schedule_of_standard_webhooks_is_followed_to_its_end() -> None:
    steps = [decide(refused(), n, CALM, Random(1)) for n in range(1, len(SCHEDULE) + 1)]
    assert steps[:-1] == [Again(wait) for wait in SCHEDULE[1:]]
    assert steps[-1] == Bury("status 500")
    assert sum(SCHEDULE) == 75 * 3600 + 35 * 60 + 5


def test_jitter_adds_up_to_its_part() -> None:
    rng, policy = Random(7), Policy(jitter=0.2)
    waits = [
        step.delay
        for _ in range(500)
        if isinstance(step := decide(refused(), 1, policy, rng), Again)
    ]
    assert len(waits) == 500
    assert all(5 <= wait <= 6 for wait in waits)
    assert max(waits) > 5.9
    assert min(waits) < 5.1


@pytest.mark.parametrize(("asked", "delay"), [(90.0, 90.0), (0.0, 1.0), (10**9, 86_400.0)])
def test_retry_after_is_obeyed_exactly_within_its_bounds(asked: float, delay: float) -> None:
    outcome = refused(429, throttled=True, retry_after=asked)
    assert decide(outcome, 1, Policy(jitter=1), Random(1)) == Again(delay)


def test_what_the_log_has_forgotten_is_not_tried_again() -> None:
    assert decide(Failed("expired", detail="gone"), 1, CALM, Random(1)) == Bury("gone")


def test_an_endpoint_that_asks_for_less_is_left_alone_longer_and_longer() -> None:
    plea = refused(503, throttled=True)
    assert [hold(plea, n, CALM) for n in (0, 1, 2, 10)] == [1, 2, 4, 60]
    assert hold(refused(500), 3, CALM) == 0
    assert hold(refused(500, retry_after=30.0), 3, CALM) == 30
    assert hold(Delivered(), 0, CALM) == 0


def test_probes_follow_the_schedule_and_stay_at_its_end() -> None:
    waits = [probe_delay(n, CALM, Random(1)) for n in range(1, 15)]
    assert waits == [*SCHEDULE[1:], *[SCHEDULE[-1]] * 5]
    assert probe_delay(1, Policy(schedule=(0,), jitter=0), Random(1)) == 1
