"""Dead letters: how many there are is what the ledger has of them, whatever is done to them."""

from __future__ import annotations

import asyncio

import pytest

from deliveries.rig import OK, SICK, Rig, rig, settle
from hubbub.core.start import EARLIEST
from hubbub.core.subscription import Parcel
from hubbub.deliveries.dead import DeadLetters

pytestmark = pytest.mark.anyio


async def counts(r: Rig) -> tuple[int, int]:
    """How many are told, and how many there are."""
    await r.engine.flush()
    return r.engine.status("s1").dead, len(await r.ledger.parcels("s1", dead=True))


@pytest.mark.parametrize("schedule", [[0], [0, 5]])
@pytest.mark.parametrize("times", [1, 2])
async def test_one_that_is_replayed_and_fails_again_is_still_one(
    schedule: list[float], times: int
) -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=schedule, outage_after=100)
        r.receiver.fails(1)
        await r.append(1, 2)
        await r.time.advance(10)
        assert await counts(r) == (1, 1)
        for _ in range(times):
            await r.engine.replay("s1", EARLIEST, None, False)
            await r.time.advance(10)
            assert await counts(r) == (1, 1)
        assert r.receiver.attempted.count(1) == len(schedule) * (1 + times)


async def test_one_that_is_replayed_and_waits_again_is_none_and_keeps_its_number() -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0, 100], outage_after=100)
        r.receiver.fails(2)
        await r.append(1, 2)
        await r.time.advance(200)
        assert await counts(r) == (1, 1)
        await r.engine.replay("s1", EARLIEST, None, False)
        await settle()
        assert await counts(r) == (0, 0)
        assert r.engine.status("s1").pending == 1
        r.receiver.answer = lambda _: OK
        await r.time.advance(200)
        assert await counts(r) == (0, 0)
        assert r.receiver.got[-1][1].sequences == [2]


async def test_one_that_the_cursor_comes_by_again_is_still_one() -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0], outage_after=100)
        r.receiver.fails(1)
        await r.append(1, 2)
        assert await counts(r) == (1, 1)
        await r.engine.put(r.engine.subscriptions["s1"], EARLIEST)
        await settle()
        assert r.receiver.attempted.count(1) == 2
        assert await counts(r) == (1, 1)


@pytest.mark.parametrize("kill", [True, False])
async def test_one_of_an_earlier_process_is_counted_once(kill: bool) -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0], outage_after=100)
        r.receiver.fails(1, 2)
        await r.append(1, 2, 3)
        assert await counts(r) == (2, 2)
        await r.restart(kill=kill)
        assert await counts(r) == (2, 2)
        await r.engine.replay("s1", EARLIEST, None, False)
        await settle()
        assert r.receiver.attempted.count(1) == 2
        assert await counts(r) == (2, 2)


@pytest.mark.parametrize("answer", [SICK, OK])
async def test_several_who_try_it_again_at_once_count_it_once(answer: object) -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0], outage_after=100)
        r.receiver.answer = lambda _: SICK
        await r.append(1, 2)
        assert await counts(r) == (2, 2)
        r.receiver.answer = lambda _: answer
        look = r.ledger.parcel

        async def slow(subscription: str, offset: int) -> Parcel | None:
            found = await look(subscription, offset)
            await asyncio.sleep(0)
            return found

        r.ledger.parcel = slow
        await asyncio.gather(*(r.engine.retry("s1", [1, 2]) for _ in range(3)))
        await r.time.advance(1)
        left = 2 if answer is SICK else 0
        assert await counts(r) == (left, left)


async def test_one_that_is_tried_again_while_the_ledger_is_down_is_counted_once() -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0], outage_after=100)
        r.ledger.is_down = True
        r.receiver.fails(1)
        await r.append(1)
        await r.engine.retry("s1", [1])
        await r.time.advance(1)
        assert r.receiver.attempted == [1, 1]
        r.ledger.is_down = False
        await r.time.advance(2)
        assert await counts(r) == (1, 1)


async def test_a_retry_that_succeeds_beside_a_replay_that_fails_leaves_none() -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0], outage_after=100, concurrency=2)
        r.receiver.fails(1)
        await r.append(1)
        answers = [SICK, OK]
        r.receiver.answer = lambda _: answers.pop(0)
        r.receiver.gate = asyncio.Event()
        await r.engine.replay("s1", EARLIEST, None, False)
        await settle()
        await r.engine.retry("s1", [1])  # on its way already: left out
        r.receiver.gate.set()
        await settle()
        assert await counts(r) == (1, 1)
        await r.engine.retry("s1", [1])
        await settle()
        assert await counts(r) == (0, 0)


def parcel(offset: int, number: int = 0, due: int = 0) -> Parcel:
    return Parcel("s1", offset, number, 1, due, 1)


def test_a_few_numbers_each_in_their_order() -> None:
    letters = DeadLetters()
    for offset in (5, 3, 9, 5):
        letters.note(offset, parcel(offset, offset * 10))
    assert len(letters) == 3
    assert [letters.number(offset) for offset in (3, 4, 5, 9, 10)] == [30, 0, 50, 90, 0]
    letters.note(5, parcel(5, 51))
    assert letters.number(5) == 51
    letters.note(3, parcel(3, 30, due=1))
    letters.note(9, None)
    letters.note(9, None)
    assert (len(letters), letters.number(3), letters.number(9)) == (1, 0, 0)
