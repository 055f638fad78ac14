"""Deadlines with a clock that the test turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.web.server.deadlines import Deadlines, Lane
from hubbub.web.server.options import ServerOptions


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Waiter:
    def __init__(self, act=None) -> None:
        self.expired: list[Lane] = []
        self.act = act

    def on_deadline(self, lane: Lane) -> None:
        self.expired.append(lane)
        if self.act is not None:
            self.act(lane)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_deadline_expires_once_when_its_time_has_come(clock):
    lane, waiter = Lane(10.0, clock), Waiter()
    lane.arm(waiter)
    clock.now = 9.9
    lane.sweep()
    assert (waiter in lane, waiter.expired) == (True, [])
    clock.now = 10.0
    lane.sweep()
    lane.sweep()
    assert (waiter in lane, waiter.expired) == (False, [lane])


def test_arming_again_begins_anew_and_lets_others_pass(clock):
    lane, early, late = Lane(10.0, clock), Waiter(), Waiter()
    lane.arm(late)
    clock.now = 1.0
    lane.arm(early)
    clock.now = 2.0
    lane.arm(late)
    clock.now = 11.0
    lane.sweep()
    assert (early.expired, late.expired) == ([lane], [])


def test_disarming_is_for_everybody_who_might_wait(clock):
    lane, waiter = Lane(10.0, clock), Waiter()
    lane.disarm(waiter)
    lane.arm(waiter)
    lane.disarm(waiter)
    clock.now = 100.0
    lane.sweep()
    assert waiter.expired == []


def test_whoever_expires_may_wait_again(clock):
    lane = Lane(10.0, clock)
    waiter = Waiter(act=lambda lane: lane.arm(waiter))
    lane.arm(waiter)
    clock.now = 10.0
    lane.sweep()
    assert len(waiter.expired) == 1
    clock.now = 20.0
    lane.sweep()
    assert len(waiter.expired) == 2


def test_one_that_expires_may_end_another(clock):
    lane, other = Lane(10.0, clock), Waiter()
    waiter = Waiter(act=lambda lane: lane.disarm(other))
    lane.arm(waiter)
    lane.arm(other)
    clock.now = 10.0
    lane.sweep()
    assert (len(waiter.expired), other.expired) == (1, [])


@given(st.lists(st.tuples(st.sampled_from("adt"), st.integers(0, 4)), max_size=60))
def test_a_lane_agrees_with_a_table_of_times(steps):
    clock = Clock()
    lane = Lane(3.0, clock)
    waiters = [Waiter() for _ in range(5)]
    table: dict[Waiter, float] = {}
    for what, number in steps:
        waiter = waiters[number]
        if what == "a":
            lane.arm(waiter)
            table[waiter] = clock.now + 3
        elif what == "d":
            lane.disarm(waiter)
            table.pop(waiter, None)
        else:
            clock.now += number
            before = {w: len(w.expired) for w in waiters}
            lane.sweep()
            due = {w for w, at in table.items() if at <= clock.now}
            assert {w for w in waiters if len(w.expired) > before[w]} == due
            table = {w: at for w, at in table.items() if w not in due}
    assert len(lane) == len(table)


def test_all_lanes_are_swept_and_forgotten_together(clock):
    lanes, waiter = Deadlines(ServerOptions(head_timeout=1.0, body_timeout=2.0), clock), Waiter()
    lanes.head.arm(waiter)
    lanes.body.arm(waiter)
    clock.now = 1.5
    lanes.sweep()
    assert waiter.expired == [lanes.head]
    lanes.forget(waiter)
    clock.now = 100.0
    lanes.sweep()
    assert waiter.expired == [lanes.head]


def test_the_resolution_follows_the_shortest_deadline(clock):
    assert Deadlines(ServerOptions(), clock).resolution == 0.5
    assert Deadlines(ServerOptions(idle_timeout=0.2), clock).resolution == 0.1
