"""What an endpoint asked for outlives a change of its subscription, unless that goes elsewhere."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import msgspec
import pytest

from deliveries.rig import OK, Rig, rig, settle
from deliveries.served import SINK, served
from hubbub.core.grants import EVERYONE
from hubbub.core.outcome import Failed
from hubbub.core.subscription import Policy
from hubbub.deliveries.pace import Pace

pytestmark = pytest.mark.anyio


def busy(seconds: float | None = None, status: int = 503) -> Failed:
    return Failed("status", status, f"status {status}", throttled=True, retry_after=seconds)


async def change(r: Rig, **members: Any) -> None:
    await r.engine.put(msgspec.structs.replace(r.engine.subscriptions["s1"], **members), None)
    await settle()


async def held(r: Rig, outcome: Failed, **config: Any) -> float:
    """Have one event refused with a pause, and another one wait for its end; return when it was."""
    await r.subscribe("t", concurrency=1, **config)
    r.receiver.fails(1, outcome=outcome)
    await r.append(1, 2)
    r.receiver.answer = lambda _: OK
    assert r.receiver.attempted == [1]
    return r.receiver.got[0][0]


@pytest.mark.parametrize(
    "members",
    [
        {"description": "changed"},
        {"config": {"jitter": 0, "concurrency": 5, "timeout": 3}},
        {"config": {"jitter": 0, "order": "key", "rate": 100}},
        {"sink": "http://RECEIVER.example/elsewhere?x=1"},
        {"topics": ("t", "u")},
    ],
)
async def test_a_pause_outlives_a_change(members: dict[str, Any]) -> None:
    async with rig() as r:
        begun = await held(r, busy(120))
        await r.time.advance(10)
        await change(r, **members)
        await r.time.advance(109)
        assert len(r.receiver.got) == 1
        await r.time.advance(1)
        assert r.receiver.got[1][0] - begun == 120
        assert sorted(r.receiver.offsets) == [1, 2]


async def test_a_pause_is_no_longer_than_it_may_be_from_now_on() -> None:
    async with rig() as r:
        begun = await held(r, busy(86_400), max_retry_after=86_400)
        await change(r, config={"jitter": 0, "concurrency": 1, "max_retry_after": 600})
        await r.time.advance(599)
        assert len(r.receiver.got) == 1
        await r.time.advance(1)
        assert r.receiver.got[1][0] - begun == 600


async def test_a_pause_is_not_one_of_another_host() -> None:
    async with rig() as r:
        await held(r, busy(120))
        await change(r, sink="http://other.example/")
        assert r.receiver.offsets == [2]


async def test_a_host_that_is_left_meanwhile_pauses_no_other() -> None:
    async with rig() as r:
        await r.subscribe("t", concurrency=1)
        r.receiver.answer = lambda _: busy(120)
        r.receiver.gate = asyncio.Event()
        await r.append(1)
        assert r.receiver.flying == 1
        await change(r, sink="http://other.example/")
        r.receiver.gate.set()
        await settle()
        r.receiver.answer = lambda _: OK
        await r.append(2)
        assert r.receiver.offsets == [2]


async def test_pauses_that_double_go_on_doubling() -> None:
    async with rig() as r:
        await r.subscribe("t", concurrency=1, outage_after=100, schedule=[0, 1000])
        r.receiver.answer = lambda _: busy()
        await r.append(*range(10))
        for _ in range(60):
            await change(r, description="again")
            await r.time.advance(0.5)
        times = [at for at, _, _ in r.receiver.got]
        assert [later - at for at, later in itertools.pairwise(times)] == [1, 2, 4, 8]


async def test_an_endpoint_that_bears_less_is_not_run_over_after_a_change() -> None:
    pace = Pace(Policy(concurrency=8))
    pace.slow_down()
    pace.revise(Policy(concurrency=16))
    assert pace.allowed == 4
    pace.revise(Policy(concurrency=2))
    assert pace.allowed == 2
    pace.revise(Policy(concurrency=5))
    assert pace.allowed == 5, "it bore all that it was given"


def test_a_change_gives_no_second_burst() -> None:
    pace, policy = Pace(Policy(rate=2)), Policy(rate=2, timeout=3)
    for _ in range(2):
        assert pace.wait(10.0) == 0
        pace.take()
    pace.revise(policy)
    assert pace.wait(10.0) == pytest.approx(0.5)


async def test_a_pause_in_an_outage_outlives_a_change_and_its_end_by_hand() -> None:
    async with rig() as r:
        await r.subscribe("t", outage_after=1, schedule=[0, 5])
        r.receiver.answer = lambda _: busy(0)
        await r.append(1, 2)
        await r.time.advance(1)
        assert r.state() == "outage"
        r.receiver.answer = lambda _: busy(600)
        r.receiver.got.clear()
        await r.time.advance(6)
        assert len(r.receiver.got) == 1, "a probe"
        begun = r.receiver.got[0][0]
        r.receiver.answer = lambda _: OK
        await change(r, description="changed")
        await r.time.advance(100)
        await r.engine.change("s1", "active", "")
        await settle()
        assert len(r.receiver.got) == 1
        await r.time.advance(600)
        assert r.receiver.got[1][0] - begun == 600


async def test_pauses_begin_small_again_after_a_probe_that_was_taken() -> None:
    async with rig() as r:
        await r.subscribe("t", outage_after=1, schedule=[0, 5, 5, 5])
        r.receiver.answer = lambda _: busy()
        await r.append(1)
        await r.time.advance(60)
        assert r.state() == "outage"
        r.receiver.answer = lambda _: OK
        await r.time.advance(60)
        assert r.state() == "active"
        r.receiver.got.clear()
        answers = [busy()]
        r.receiver.answer = lambda _: answers.pop() if answers else OK
        await change(r, config={"jitter": 0, "outage_after": 10})
        await r.append(2, 3)
        await r.time.advance(10)
        assert r.receiver.got[1][0] - r.receiver.got[0][0] == 1


@pytest.mark.parametrize("how", ["patch", "replace", "rotate"])
async def test_no_call_of_the_api_forgets_a_pause(how: str) -> None:
    async with served() as r:
        id_ = await r.made(topics=["t"], config={"concurrency": 1})
        r.receiver.fails(1, outcome=busy(120))
        await r.append(1, 2)
        r.receiver.answer = lambda _: OK
        if how == "patch":
            await r.service.patch(id_, {"description": "d"}, EVERYONE)
        elif how == "replace":
            await r.service.replace(id_, {"sink": SINK + "/2", "topics": ["t"]}, EVERYONE)
        else:
            await r.service.rotate(id_, {}, EVERYONE)
        await r.time.advance(119)
        assert len(r.receiver.got) == 1
        await r.time.advance(10)
        assert sorted(r.receiver.offsets) == [1, 2]
