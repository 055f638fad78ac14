from __future__ import annotations

import pytest

from hubbub.core.subscription import Policy
from hubbub.deliveries.pace import Pace, Turns


def test_an_endpoint_that_hangs_soon_holds_one_socket_and_comes_back_step_by_step() -> None:
    pace = Pace(Policy(concurrency=10))
    for _ in range(5):
        pace.slow_down()
    assert pace.allowed == 1
    for _ in range(20):
        pace.succeeded()
    assert pace.allowed == 10


def test_strict_order_is_one_at_a_time() -> None:
    assert Pace(Policy(order="strict", concurrency=50)).allowed == 1


def test_a_rate_lets_a_second_through_at_once_and_then_one_after_the_other() -> None:
    pace, now, sent = Pace(Policy(rate=10)), 100.0, []
    while now < 103:
        if wait := pace.wait(now):
            now += wait
        else:
            pace.take()
            sent.append(now)
    assert sum(at < 100.05 for at in sent) == 10
    assert len(sent) == pytest.approx(40, abs=1)


def test_the_smaller_of_two_rates_holds() -> None:
    pace = Pace(Policy(rate=10), rate=1)
    pace.take()
    assert pace.wait(5.0) == 0 or pace.wait(5.0) <= 1


def test_a_pause_holds_until_its_end() -> None:
    pace = Pace(Policy())
    pace.hold(50.0)
    pace.hold(40.0)
    assert pace.wait(45.0) == 5
    assert pace.wait(50.0) == 0


def test_turns_go_round() -> None:
    turns, told = Turns(1), list[str]()
    turns.take()
    turns.wait("a", lambda: told.append("a"))
    turns.wait("b", lambda: told.append("b"))
    turns.wait("a", lambda: told.append("twice"))
    assert turns.is_contested
    turns.give_back()
    assert told == ["a", "b"]  # "a" took nothing, so it is b's turn
    assert not turns.is_contested
