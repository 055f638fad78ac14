"""The rhythm of the replay, by a clock that only moves when somebody sleeps or publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hubbub.demo.quakes import Quake, load
from hubbub.demo.replay import replay

pytestmark = pytest.mark.anyio


class Stage:
    """A clock, a publisher that takes `cost` seconds, and what happened when."""

    def __init__(self, cost: float = 0.0) -> None:
        self.time = 100.0
        self.cost = cost
        self.published: list[tuple[float, str]] = []
        self.reported: list[str] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds

    async def publish(self, event: Mapping[str, Any]) -> None:
        self.time += self.cost
        self.published.append((self.time, event["id"]))

    def report(self, quake: Quake) -> None:
        assert self.published[-1][1] == quake.id, "reported once it is durable"
        self.reported.append(quake.id)

    async def play(self, seconds: float) -> None:
        await replay(self.publish, load(), seconds, self.report, clock=self, sleep=self.sleep)


async def test_the_week_takes_as_long_as_asked_and_keeps_its_rhythm() -> None:
    stage = Stage()
    await stage.play(70.0)
    times = [time for time, _ in stage.published]
    assert times[0] == 100.0
    assert times[-1] == pytest.approx(170.0)
    assert times == sorted(times)
    quakes = load()
    middle = len(quakes) // 2
    share = (quakes[middle].seconds - quakes[0].seconds) / (quakes[-1].seconds - quakes[0].seconds)
    assert times[middle] == pytest.approx(100.0 + 70.0 * share)


async def test_at_once_never_sleeps() -> None:
    stage = Stage()
    await stage.play(0.0)
    assert stage.time == 100.0
    assert len(stage.reported) == 1707


async def test_slow_publishing_takes_longer_and_leaves_nothing_out() -> None:
    stage = Stage(cost=1.0)
    await stage.play(70.0)
    assert stage.reported == [quake.id for quake in load()]
    assert stage.time == pytest.approx(100.0 + 1707)
