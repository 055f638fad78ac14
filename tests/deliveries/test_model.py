"""Deliveries under random weather: whatever happens, at the end everything has arrived.

Appends, failures, pauses, replays, stops and kills in any order; then the receiver heals. Every event
that is wanted was delivered or is a dead letter, none has two numbers, and nothing waits any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deliveries.rig import DOWN, OK, SICK, Rig, rig, settle
from hubbub.core.errors import Conflict
from hubbub.core.outcome import Failed
from hubbub.core.selection import EVERYTHING
from hubbub.core.start import EARLIEST

BUSY = Failed("status", 503, "status 503", throttled=True)
WEATHER = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 4)),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 1, 7, 60])),
    st.tuples(st.just("answer"), st.sampled_from(["ok", "sick", "down", "busy", "odd"])),
    st.tuples(st.just("state"), st.sampled_from(["paused", "active"])),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.just("replay"), st.booleans()),
    st.tuples(st.just("put"), st.integers(1, 3)),
    st.tuples(st.just("gate"), st.booleans()),
)
POLICIES = st.fixed_dictionaries(
    {
        "order": st.sampled_from(["unordered", "key", "strict"]),
        "concurrency": st.integers(1, 3),
        "rate": st.sampled_from([0, 2]),
        "batch_size": st.sampled_from([1, 3]),
    }
)
ANSWERS = {
    "ok": lambda _: OK,
    "sick": lambda _: SICK,
    "down": lambda _: DOWN,
    "busy": lambda _: BUSY,
}


def odd(order: Any) -> Any:
    return SICK if any(record.offset % 2 for record in order.records) else OK


async def _do(r: Rig, what: str, with_: Any, count: list[int]) -> None:
    if what == "append":
        for _ in range(with_):
            count[0] += 1
            await r.append(count[0], partitionkey=str(count[0] % 2))
    elif what == "wait":
        await r.time.advance(with_)
    elif what == "answer":
        r.receiver.answer = ANSWERS.get(with_, odd)
    elif what == "state":
        await r.engine.change("s1", with_, "")
    elif what == "restart":
        if r.receiver.gate is not None:
            r.receiver.gate.set()
            r.receiver.gate = None
        await r.restart(kill=with_)
    elif what == "replay":
        with contextlib.suppress(Conflict):
            await r.engine.replay("s1", EARLIEST, None, with_)
    elif what == "put":
        one = r.engine.subscriptions["s1"]
        await r.engine.put(one, None)
    elif with_:
        r.receiver.gate = r.receiver.gate or asyncio.Event()
    elif r.receiver.gate is not None:
        r.receiver.gate.set()
        r.receiver.gate = None
    await settle()


async def _live(policy: dict[str, Any], steps: list[tuple[str, Any]]) -> None:
    if policy["order"] == "strict":
        policy = {**policy, "concurrency": 1}
    async with rig() as r:
        count = [0]
        await r.subscribe("t", schedule=[0, 5, 30], disable_after=0, **policy)
        for what, with_ in steps:
            await _do(r, what, with_, count)
        if r.receiver.gate is not None:
            r.receiver.gate.set()
            r.receiver.gate = None
        r.receiver.answer = ANSWERS["ok"]
        if r.state() != "active":
            await r.engine.change("s1", "active", "")
        for _ in range(40):
            await r.time.advance(20)
        await r.engine.flush()
        wanted = {
            x.offset for x in (await r.log.read(0, 1000, EVERYTHING)).records if x.topic == "t"
        }
        dead = {p.offset for p in r.ledger.all_parcels.values() if not p.due}
        status = r.engine.status("s1")
        assert not wanted - set(r.receiver.offsets) - dead, "lost"
        assert (status.pending, status.in_flight) == (0, 0)
        assert status.dead == len(dead)
        assert {p.offset for p in r.ledger.all_parcels.values()} == dead
        assert r.state() == "active"
        assert r.engine.shared.turns.free == r.options.concurrency
        numbers: dict[int, set[int]] = {}
        for _, order, _ in r.receiver.got:
            for record, number in zip(order.records, order.sequences, strict=True):
                if number:
                    numbers.setdefault(record.offset, set()).add(number)
        assert all(len(one) == 1 for one in numbers.values()), numbers
        used = [next(iter(numbers[offset])) for offset in sorted(numbers)]
        assert used == sorted(set(used))


@settings(max_examples=60, deadline=None)
@given(POLICIES, st.lists(WEATHER, min_size=3, max_size=14))
def test_after_any_weather_everything_has_arrived(
    policy: dict[str, Any], steps: list[tuple[str, Any]]
) -> None:
    asyncio.run(_live(policy, steps))
