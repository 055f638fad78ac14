"""Gates and inboxes behave like the parts of asyncio that they stand for."""

from __future__ import annotations

import asyncio

import pytest

from hubbub.web.server.gates import Flow, Gate, Inbox

pytestmark = pytest.mark.anyio


async def test_a_gate_lets_through_whoever_waits_and_whoever_comes():
    gate = Gate()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not gate.is_set()
    gate.set()
    gate.clear()  # they were let through already
    assert await asyncio.gather(*waiting) == [True] * 3
    gate.set()
    gate.set()
    assert await gate.wait()
    assert gate.is_set()


async def test_a_gate_forgets_who_gave_up():
    gate = Gate()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gate.wait(), 0.001)
    assert not gate._waiters
    staying = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    staying.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await staying


async def test_an_inbox_gives_in_order_and_waits():
    inbox = Inbox()
    getting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    for i in range(3):
        inbox.put_nowait({"i": i})
    assert await getting == {"i": 0}
    assert not inbox.empty()
    assert [await inbox.get() for _ in range(2)] == [{"i": 1}, {"i": 2}]
    assert inbox.empty()


async def test_two_can_wait_at_one_inbox():
    inbox = Inbox()
    getting = [asyncio.create_task(inbox.get()) for _ in range(2)]
    await asyncio.sleep(0)
    inbox.put_nowait({"i": 0})
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    inbox.put_nowait({"i": 1})
    assert sorted([m["i"] for m in await asyncio.gather(*getting)]) == [0, 1]


class Transport(asyncio.Transport):
    reading = True

    def pause_reading(self):
        assert self.reading
        self.reading = False

    def resume_reading(self):
        assert not self.reading
        self.reading = True


async def test_flow_pauses_reading_once_and_can_be_held():
    transport = Transport()
    flow = Flow(transport)
    flow.pause_reading()
    flow.pause_reading()
    flow.resume_reading()
    assert transport.reading
    flow.hold()
    flow.resume_reading()
    assert not transport.reading
    flow.held = False
    flow.resume_reading()
    flow.resume_reading()
    assert transport.reading


async def test_flow_makes_writers_wait():
    flow = Flow(Transport())
    await flow.drain()
    flow.pause_writing()
    draining = [asyncio.create_task(flow.drain()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in draining)
    flow.resume_writing()
    await asyncio.gather(*draining)
    flow.resume_writing()
    await flow.drain()
