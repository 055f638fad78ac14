"""What a second pair of eyes found: each of these once went wrong."""

from __future__ import annotations

import asyncio

import pytest

from deliveries.rig import DOWN, OK, rig, settle
from hubbub.core.contracts import Flush, Retention
from hubbub.core.start import EARLIEST

pytestmark = pytest.mark.anyio


async def test_a_probe_that_fails_after_a_resume_does_not_strand_its_event() -> None:
    async with rig() as r:
        await r.subscribe("t", outage_after=2, schedule=[0, 5, 5])
        r.receiver.answer = lambda _: DOWN
        await r.append(1, 2, 3)
        await r.time.advance(1)
        assert r.state() == "outage"
        r.receiver.gate = asyncio.Event()
        await r.time.advance(20)
        assert r.receiver.flying == 1
        await r.engine.change("s1", "active", "")
        await settle()
        answers = [DOWN]  # for the probe, which is the first in the row
        r.receiver.answer = lambda _: answers.pop() if answers else OK
        r.receiver.gate.set()
        r.receiver.gate = None
        await r.time.advance(100)
        assert set(r.receiver.offsets) >= {1, 2, 3}
        assert r.engine.lanes["s1"].intake.main.is_clear


async def test_a_change_during_an_outage_starts_no_second_row_of_probes() -> None:
    async with rig() as r:
        await r.subscribe("t", outage_after=1, schedule=[0, 10, 10])
        r.receiver.answer = lambda _: DOWN
        await r.append(1)
        await r.time.advance(1)
        for _ in range(3):
            await r.engine.put(r.engine.subscriptions["s1"], None)
        r.receiver.got.clear()
        await r.time.advance(10.5)
        assert len(r.receiver.got) == 1


async def test_a_retry_by_hand_keeps_its_key() -> None:
    async with rig() as r:
        await r.subscribe("t", order="key", order_key="k", schedule=[0, 500])
        r.receiver.fails(1)
        await r.append(1, 2, k="a")
        r.receiver.answer = lambda _: OK
        assert await r.engine.retry("s1", [1]) == 1
        await r.time.advance(1)
        assert r.receiver.offsets == [1, 2]


async def test_a_replay_that_fails_leaves_a_parcel_its_number() -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0, 100, 100])
        r.receiver.fails(1)
        await r.append(1)
        await r.engine.replay("s1", EARLIEST, None, False)
        await settle()
        r.receiver.answer = lambda _: OK
        r.receiver.got.clear()
        await r.time.advance(300)
        assert [o.sequences[0] for _, o, _ in r.receiver.got] == [1]


async def test_a_replay_of_what_was_trimmed_meanwhile_ends() -> None:
    async with rig() as r:
        await r.subscribe("t")
        await r.append(1, 2, 3)
        await r.engine.change("s1", "paused", "")
        await r.engine.replay("s1", EARLIEST, None, False)
        await r.append(4, 5, 6)
        await r.log.trim(Retention(max_age=0, max_count=1))
        await r.engine.change("s1", "active", "")
        await r.time.advance(1)
        assert r.engine.lanes["s1"].intake.replay is None


async def test_a_flush_waits_for_what_moved_during_the_write_before_it() -> None:
    async with rig() as r:
        await r.subscribe("t")
        await r.engine.flush()
        gate, write = asyncio.Event(), r.ledger.write

        async def slow(flush: Flush) -> None:
            await gate.wait()
            await write(flush)

        r.ledger.write = slow
        await r.append(1)
        await r.time.advance(0.3)  # a write is under way
        await r.append(2)
        done = asyncio.ensure_future(r.engine.flush())
        await settle()
        gate.set()
        await done
        assert r.ledger.all_cursors["s1"].offset == 2


async def test_a_failing_key_with_many_events_keeps_no_other_key_from_going() -> None:
    async with rig() as r:
        await r.subscribe("t", order="key")
        r.receiver.fails(1)
        await r.append(*range(300), subject="a")
        await r.append(*range(300, 500), subject="b")
        while len(set(r.receiver.offsets)) < 200:  # all of b, and none of a
            await asyncio.sleep(0)
        r.receiver.answer = lambda _: OK
        await r.time.advance(20)
        assert set(r.receiver.offsets) == set(range(1, 501))
