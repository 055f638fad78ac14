from __future__ import annotations

import asyncio

import msgspec
import pytest

from deliveries.rig import DOWN, OK, SICK, rig, settle
from hubbub.core.contracts import Retention
from hubbub.core.errors import Conflict, NotFound, Unavailable
from hubbub.core.outcome import Failed
from hubbub.core.position import Position
from hubbub.core.start import EARLIEST, LATEST, After
from hubbub.core.subscription import Subscription

pytestmark = pytest.mark.anyio


async def test_a_replay_delivers_a_range_again_with_the_same_ids_and_no_numbers() -> None:
    async with rig() as r:
        await r.subscribe("t", concurrency=1)
        await r.append(*range(10))
        ids = [o.id for _, o, _ in r.receiver.got]
        r.receiver.got.clear()
        start = After(Position(r.log.epoch, 2))
        assert await r.engine.replay("s1", start, After(Position(r.log.epoch, 6)), False) == 4
        await r.append(10)
        assert r.receiver.offsets == [3, 4, 5, 6, 11]
        assert [o.id for _, o, _ in r.receiver.got[:4]] == ids[2:6]
        assert [o.sequences[0] for _, o, _ in r.receiver.got] == [0, 0, 0, 0, 11]


async def test_a_replay_survives_a_kill() -> None:
    async with rig() as r:
        await r.subscribe("t", concurrency=1, rate=1)
        await r.append(0)
        await r.append(*range(1, 10))
        await r.time.advance(12)
        r.receiver.got.clear()
        await r.engine.replay("s1", EARLIEST, None, False)
        await r.time.advance(3)
        await r.restart(kill=True)
        await r.time.advance(20)
        assert set(r.receiver.offsets) == set(range(1, 11))
        assert len(r.receiver.offsets) <= 12
        assert r.engine.lanes["s1"].intake.replay is None


async def test_a_second_replay_waits_for_the_first() -> None:
    async with rig() as r:
        await r.subscribe("t", rate=1)
        await r.append(*range(3))
        await r.time.advance(5)
        await r.engine.replay("s1", EARLIEST, None, False)
        with pytest.raises(Conflict):
            await r.engine.replay("s1", EARLIEST, None, False)


async def test_a_replay_of_what_failed_takes_dead_letters_and_those_that_wait() -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0, 10])
        r.receiver.fails(2, 3)
        await r.append(1, 2, 3, 4)
        await r.time.advance(12)
        r.receiver.fails(5)
        await r.append(5)
        offsets = [p.offset for p in r.ledger.all_parcels.values()]
        assert r.engine.status("s1").dead == 2
        r.receiver.answer = lambda _: OK
        r.receiver.got.clear()
        assert await r.engine.replay("s1", EARLIEST, None, True) >= len(offsets)
        await r.time.advance(1)
        assert {2, 3} <= set(r.receiver.offsets)
        assert 1 not in r.receiver.offsets
        assert r.engine.status("s1")[3:] == (0, 0, 0)
        assert not r.ledger.all_parcels


async def test_a_delivered_event_can_be_sent_once_more_by_hand() -> None:
    async with rig() as r:
        await r.subscribe("t")
        await r.append(1)
        assert await r.engine.retry("s1", [1, 1, 77]) == 1
        await settle()
        assert r.receiver.offsets == [1, 1]
        await r.engine.change("s1", "paused", "")
        with pytest.raises(Conflict, match="resume it first"):
            await r.engine.retry("s1", [1])


async def test_a_dead_letter_that_is_tried_again_gets_its_whole_schedule() -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0, 5])
        r.receiver.fails(1)
        await r.append(1)
        await r.time.advance(6)
        assert r.engine.status("s1").dead == 1
        await r.engine.retry("s1", [1])
        await settle()
        assert (r.engine.status("s1").dead, r.engine.status("s1").pending) == (0, 1)
        await r.time.advance(6)
        assert r.engine.status("s1").dead == 1


async def test_a_test_event_is_sent_in_any_state_and_recorded() -> None:
    async with rig() as r:
        await r.subscribe("orders/*")
        await r.engine.change("s1", "paused", "")
        attempt = await r.engine.test("s1")
        assert (attempt.trigger, attempt.outcome) == ("test", "delivered")
        assert attempt.message.startswith("test_")
        ((_, order, _),) = r.receiver.got
        assert order.records[0].attributes()["topic"] == "orders/test"
        assert order.records[0].attributes()["type"] == "hubbub.subscription.test"
        assert r.log.head == 1  # the news of the pause


async def test_other_topics_hold_from_the_next_event_on_and_the_place_is_kept() -> None:
    async with rig() as r:
        await r.subscribe("a")
        await r.append(1, topic="a")
        changed = msgspec.structs.replace(r.engine.subscriptions["s1"], topics=("b",))
        await r.engine.put(changed, None)
        await r.append(2, topic="a")
        await r.append(3, topic="b")
        assert r.receiver.offsets == [1, 3]
        assert [o.sequences[0] for _, o, _ in r.receiver.got] == [1, 2]
        await r.restart()
        await r.append(4, topic="b")
        assert r.receiver.offsets == [1, 3, 4]


async def test_what_is_deleted_is_forgotten() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.fails(1)
        await r.append(1)
        await r.engine.remove("s1")
        await r.append(2)
        await r.time.advance(10)
        assert r.receiver.attempted == [1]
        assert not (r.ledger.all_cursors or r.ledger.all_parcels or r.registry.documents)
        with pytest.raises(NotFound):
            r.engine.status("s1")


async def test_events_that_retention_took_are_told_and_leave_out_a_number() -> None:
    async with rig() as r:
        await r.subscribe("t")
        await r.append(1)
        await r.engine.change("s1", "paused", "")
        await r.append(*range(2, 50))
        await r.log.trim(Retention(max_age=0, max_count=10))
        await r.engine.change("s1", "active", "")
        await settle()
        assert sorted(r.receiver.offsets)[:3] == [1, r.log.tail + 0, r.log.tail + 1]
        numbers = sorted(o.sequences[0] for _, o, _ in r.receiver.got)
        assert numbers[:3] == [1, 3, 4]
        assert "gap" in [what for what, _ in r.news]


async def test_a_retry_of_an_event_that_is_gone_is_over() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.fails(1)
        await r.append(1)
        await r.append(*range(2, 20))
        await r.log.trim(Retention(max_age=0, max_count=5))
        await r.time.advance(6)
        (dead,) = await r.ledger.parcels("s1", dead=True)
        assert (dead.offset, dead.reason) == (1, "the event is no longer in the log")
        assert r.state() == "active"


async def test_a_subscription_ends_with_its_term() -> None:
    async with rig() as r:
        expires = int((r.time.now() - 1) * 1000)
        subscription = Subscription(
            id="s1", sink="http://x.example/", topics=("t",), expires=expires
        )
        await r.engine.put(subscription, LATEST)
        await r.restart()
        await settle()
        assert r.state() == "expired"


async def test_states_survive_and_an_outage_goes_on_after_a_restart() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.answer = lambda _: DOWN
        await r.append(*range(20))
        await r.time.advance(1)
        await r.restart(kill=True)
        assert r.state() == "outage"
        r.receiver.answer = lambda _: OK
        await r.time.advance(6)
        assert r.state() == "active"
        assert sorted(set(r.receiver.offsets)) == list(range(1, 21))


async def test_one_that_cannot_run_keeps_no_other_from_it() -> None:
    async with rig() as r:
        await r.subscribe("t", id="good")
        bad = Subscription(id="bad", sink="x", protocol="CARRIER-PIGEON")
        await r.registry.put("subscription", "bad", msgspec.json.encode(bad))
        await r.restart()
        await r.append(1)
        assert r.receiver.offsets == [1]


async def test_an_event_is_tried_at_once_when_the_next_succeeds_or_not_at_all() -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0])
        r.receiver.answer = lambda o: SICK if o.records[0].offset == 1 else OK
        await r.append(1, 2)
        assert r.engine.status("s1").dead == 1


async def test_a_failure_of_our_own_is_retried_like_any_other() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.fails(1, outcome=Failed("internal", detail="a bug"))
        await r.append(1)
        r.receiver.answer = lambda _: OK
        await r.time.advance(6)
        assert r.receiver.offsets == [1]


async def test_an_attempt_that_outlives_its_subscription_leaves_nothing_behind() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.gate = asyncio.Event()
        await r.append(1)
        await r.engine.remove("s1")
        r.receiver.gate.set()
        await r.time.advance(2)
        assert r.receiver.offsets == [1]
        assert not (r.ledger.all_cursors or r.ledger.all_parcels)


async def test_a_log_that_cannot_be_read_for_a_while_loses_and_doubles_nothing() -> None:
    async with rig() as r:
        await r.subscribe("t", concurrency=1)
        r.receiver.fails(1)
        await r.append(1)
        r.receiver.answer = lambda _: OK
        read = r.log.read

        async def fail(*_: object) -> None:
            raise Unavailable("the disk fails")

        r.log.read = fail  # type: ignore[method-assign]
        await r.time.advance(6)  # the retry is due, and its event cannot be read
        await r.append(*range(2, 300))  # more than a queue: it has to read the log
        await r.time.advance(3)
        r.log.read = read  # type: ignore[method-assign]
        await r.time.advance(3)
        assert sorted(r.receiver.offsets) == list(range(1, 300))
        await r.time.advance(1)
        assert not r.ledger.all_parcels


async def test_one_that_comes_back_is_recorded_again() -> None:
    async with rig() as made:
        await made.subscribe("t")
        await made.append(1)
        await made.engine.remove("s1")
        await made.subscribe("t", start=LATEST)
        await made.append(2)
        await made.restart()
        await made.append(3)
        assert made.receiver.offsets == [1, 2, 3]
        assert (await made.ledger.cursors())["s1"].offset >= 2


async def test_an_attempt_of_one_that_is_gone_says_nothing_of_one_that_came_after() -> None:
    async with rig() as made:
        await made.subscribe("t")
        made.receiver.gate = gate = asyncio.Event()
        await made.append(1)
        await made.engine.remove("s1")
        await made.subscribe("t", start=EARLIEST)
        made.receiver.answer = lambda _: DOWN
        gate.set()
        await settle()
        made.receiver.gate, made.receiver.answer = None, lambda _: OK
        await made.time.advance(400)
        await made.restart()
        assert made.receiver.offsets == [1]


async def test_changes_of_one_go_one_after_the_other() -> None:
    async with rig() as made:
        await made.subscribe("t")
        old = made.engine.subscriptions["s1"]
        done = await asyncio.gather(
            made.engine.put(old, None),
            made.engine.remove("s1"),
            made.engine.put(old, LATEST),
            made.engine.put(old, EARLIEST),
            made.engine.remove("s1"),
            made.engine.change("s1", "paused", ""),
            return_exceptions=True,
        )
        assert [type(one) for one in done] == [*[type(None)] * 5, NotFound]
        assert not made.engine.subscriptions
        await made.restart()
        assert not made.engine.subscriptions
        await made.append(1)
        assert not made.receiver.got


async def test_what_a_deletion_that_was_cut_short_left_is_forgotten() -> None:
    async with rig() as made:
        await made.subscribe("t")
        await made.append(1)
        await made.engine.flush()
        await made.registry.delete("subscription", "s1")
        await made.restart(kill=True)
        assert await made.ledger.cursors() == {}
