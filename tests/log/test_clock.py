from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubbub.log.clock import RUSH, LogClock
from hubbub.testing.log import ManualClock

NOW = 1_700_000_000
DAY = 86_400


def test_stamps_are_the_time() -> None:
    clock = ManualClock(NOW)
    log_clock = LogClock(clock)
    clock.advance(1.5)
    assert log_clock.stamp() == (NOW * 1000) + 1500


def test_set_back_it_runs_at_half_speed_until_the_clock_has_caught_up() -> None:
    clock = ManualClock(NOW)
    log_clock = LogClock(clock)
    clock.set_by(-100)
    assert log_clock.stamp() == NOW * 1000
    clock.advance(60)
    assert log_clock.stamp() == (NOW + 30) * 1000
    clock.advance(1000)
    assert log_clock.stamp() == int(clock.now() * 1000)


def test_it_begins_with_the_newest_stamp() -> None:
    assert LogClock(ManualClock(NOW), last=NOW * 1000 + 5000).stamp() == NOW * 1000 + 5000
    assert LogClock(ManualClock(NOW), last=NOW * 1000 - 5000).stamp() == NOW * 1000


def test_ageing_follows_the_time() -> None:
    clock = ManualClock(NOW)
    log_clock = LogClock(clock)
    clock.advance(10 * DAY)
    assert log_clock.expiry(DAY) == (NOW + 9 * DAY) * 1000


def test_a_jump_ages_at_most_so_fast() -> None:
    clock = ManualClock(NOW)
    log_clock = LogClock(clock)
    clock.set_by(3650 * DAY)
    assert log_clock.expiry(0) == NOW * 1000
    clock.advance(3600)
    assert log_clock.expiry(0) == (NOW + 3600 * RUSH) * 1000


def test_what_grew_old_while_closed_goes_in_time() -> None:
    clock = ManualClock(NOW)
    log_clock = LogClock(clock, last=(NOW - 8 * DAY) * 1000)
    assert log_clock.expiry(7 * DAY) < (NOW - 8 * DAY) * 1000
    clock.advance(9 * 3600)
    assert log_clock.expiry(7 * DAY) == (int(clock.now()) - 7 * DAY) * 1000


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6))))
def test_neither_time_goes_back(steps: list[tuple[float, float]]) -> None:
    clock = ManualClock(NOW)
    log_clock = LogClock(clock)
    stamp, expiry = log_clock.stamp(), log_clock.expiry(0)
    for passed, jumped in steps:
        clock.advance(passed)
        clock.set_by(jumped)
        before, stamp = stamp, log_clock.stamp()
        assert stamp >= before
        later = log_clock.expiry(0)
        assert expiry <= later <= log_clock.stamp()
        assert later - expiry <= passed * 1000 * RUSH + 1
        expiry = later
