from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest

from deliveries.rig import DOWN, OK, SICK, rig, settle
from hubbub.core.event import compose
from hubbub.core.outcome import Failed, Gone
from hubbub.core.start import EARLIEST, LATEST
from hubbub.deliveries.items import MAX_BYTES

pytestmark = pytest.mark.anyio


def busy(seconds: float | None = None, status: int = 503) -> Failed:
    return Failed("status", status, f"status {status}", throttled=True, retry_after=seconds)


async def test_what_is_published_is_delivered_once_with_a_number_each() -> None:
    async with rig() as r:
        await r.subscribe("t")
        await r.append(1, 2)
        await r.append(3, topic="other")
        await r.append(4)
        assert r.receiver.offsets == [1, 2, 4]
        assert [o.sequences[0] for _, o, _ in r.receiver.got] == [1, 2, 3]
        assert [o.id for _, o, _ in r.receiver.got] == [f"{r.log.epoch}-{n}" for n in (1, 2, 4)]
        status = r.engine.status("s1")
        assert (status.lag, status.pending, status.in_flight, status.dead) == (0, 0, 0, 0)


async def test_since_earliest_delivers_the_past_and_latest_does_not() -> None:
    async with rig() as r:
        await r.append(*range(300))
        await r.subscribe("t", id="old", start=EARLIEST)
        await r.subscribe("t", id="new", start=LATEST)
        await r.append(300)
        assert sorted(r.receiver.offsets) == sorted([*range(1, 301), 301, 301])


async def test_three_days_of_retries_follow_the_schedule_with_one_id_to_the_dead_letter() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.fails(1)
        await r.append(1)
        begun = r.time.passed
        await r.append(2)
        for _ in range(80):
            await r.time.advance(3600)
            await r.append(9, topic="t")  # the endpoint is well
        tries = [(at - begun, o) for at, o, _ in r.receiver.got if o.records[0].offset == 1]
        waits = [round(b[0] - a[0]) for a, b in itertools.pairwise(tries)]
        assert waits == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
        assert len({o.id for _, o in tries}) == 1
        assert {o.sequences[0] for _, o in tries} == {1}
        assert [o.attempt for _, o in tries] == list(range(1, 11))
        assert r.engine.status("s1").dead == 1
        dead = await r.ledger.parcels("s1", dead=True)
        assert [(p.offset, p.attempts, p.reason) for p in dead] == [(1, 10, "status 500")]
        assert [what for what, _ in r.news] == ["deadletter"]
        assert r.state() == "active"


async def test_a_failing_event_holds_up_no_other() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.fails(2)
        await r.append(1, 2, 3, 4)
        assert r.receiver.offsets == [1, 3, 4]
        r.receiver.answer = lambda _: OK
        await r.time.advance(6)
        assert r.receiver.offsets == [1, 3, 4, 2]
        await r.time.advance(1)
        assert not r.ledger.all_parcels
        assert r.ledger.all_cursors["s1"].offset == 4


async def test_strict_order_waits_for_the_one_that_fails() -> None:
    async with rig() as r:
        await r.subscribe("t", order="strict")
        r.receiver.fails(2)
        await r.append(1, 2, 3, 4)
        assert r.receiver.attempted == [1, 2]
        r.receiver.answer = lambda _: OK
        await r.time.advance(6)
        assert r.receiver.offsets == [1, 2, 3, 4]
        assert r.receiver.most_flying == 1


async def test_strict_order_goes_on_after_the_dead_letter() -> None:
    async with rig() as r:
        await r.subscribe("t", order="strict", schedule=[0, 5], outage_after=100)
        r.receiver.fails(1)
        await r.append(1, 2)
        await r.time.advance(6)
        assert r.receiver.offsets == [2]


async def test_order_by_key_holds_up_its_own_key_only() -> None:
    async with rig() as r:
        await r.subscribe("t", order="key")
        r.receiver.fails(1)
        await r.append(1, subject="a")
        await r.append(2, subject="b")
        await r.append(3, subject="a")
        await r.append(4, subject="b")
        assert r.receiver.offsets == [2, 4]
        r.receiver.answer = lambda _: OK
        await r.time.advance(6)
        assert r.receiver.offsets == [2, 4, 1, 3]


async def test_order_by_key_survives_a_restart() -> None:
    async with rig() as r:
        await r.subscribe("t", order="key")
        r.receiver.fails(1)
        await r.append(1, subject="a")
        await r.time.advance(1)
        await r.restart(kill=True)
        await r.append(2, subject="a")
        await r.append(3, subject="b")
        assert r.receiver.offsets == [3]
        r.receiver.answer = lambda _: OK
        await r.time.advance(6)
        assert r.receiver.offsets == [3, 1, 2]


async def test_no_more_are_in_flight_than_allowed() -> None:
    async with rig() as r:
        await r.subscribe("t", concurrency=3)
        await r.append(*range(50))
        assert r.receiver.most_flying == 3
        assert sorted(r.receiver.offsets) == list(range(1, 51))


async def test_a_rate_is_kept() -> None:
    async with rig() as r:
        await r.subscribe("t", rate=10)
        await r.append(*range(100))
        assert len(r.receiver.got) == 10
        await r.time.advance(5)
        assert len(r.receiver.got) == 60
        await r.time.advance(5)
        assert sorted(r.receiver.offsets) == list(range(1, 101))


async def test_retry_after_silences_the_whole_endpoint_for_exactly_that_long() -> None:
    async with rig() as r:
        await r.subscribe("t", concurrency=1)
        r.receiver.fails(1, outcome=busy(120))
        await r.append(1, 2)
        r.receiver.answer = lambda _: OK
        begun = r.time.passed
        await r.time.advance(119)
        assert len(r.receiver.got) == 1
        await r.time.advance(1)
        assert r.receiver.got[1][0] - begun == 120
        assert sorted(r.receiver.offsets) == [1, 2]


async def test_many_failures_in_a_row_are_an_outage_that_costs_no_rows() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.answer = lambda _: DOWN
        await r.append(*range(1000))
        assert r.state() == "outage"
        tried = len(r.receiver.got)
        assert tried <= 15
        await r.time.advance(4)
        assert len(r.receiver.got) == tried
        await r.time.advance(2)
        assert len(r.receiver.got) == tried + 1  # one probe after 5 s
        await r.time.advance(7200)
        assert len(r.receiver.got) <= tried + 4
        assert len(r.ledger.all_parcels) <= 10
        r.receiver.answer = lambda _: OK
        await r.time.advance(7300)
        assert r.state() == "active"
        assert set(r.receiver.offsets) == set(range(1, 1001))
        assert len(r.receiver.offsets) == 1000
        assert [what for what, _ in r.news] == ["outage", "active"]
        assert "connection refused" in r.news[0][1]["reason"]
        await r.time.advance(1)
        assert not r.ledger.all_parcels


async def test_catching_up_after_an_outage_begins_with_one_at_a_time() -> None:
    async with rig() as r:
        await r.subscribe("t", concurrency=8)
        r.receiver.answer = lambda _: DOWN
        await r.append(*range(100))
        r.receiver.answer = lambda _: OK
        before = len(r.receiver.got)
        flying: list[int] = []

        def note(_: object) -> object:
            flying.append(r.receiver.flying)
            return OK

        r.receiver.answer = note
        await r.time.advance(6)
        assert flying[:2] == [1, 1]  # the probe, then the first
        assert max(flying) == 8
        assert len(r.receiver.got) > before + 90


async def test_an_outage_that_does_not_end_disables_after_five_days() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.answer = lambda _: DOWN
        await r.append(*range(10))
        await r.time.advance(5 * 86_400 + 90_000)
        assert r.state() == "disabled"
        assert "5 days" in r.engine.subscriptions["s1"].reason
        before = len(r.receiver.got)
        await r.time.advance(10 * 86_400)
        assert len(r.receiver.got) == before
        r.receiver.answer = lambda _: OK
        await r.engine.change("s1", "active", "")
        await r.time.advance(1)
        assert sorted(set(r.receiver.offsets)) == list(range(1, 11))


async def test_a_retry_after_in_an_outage_is_obeyed_by_the_probes() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.answer = lambda _: busy(600)
        await r.append(*range(20))
        assert r.state() == "outage"
        tried = len(r.receiver.got)
        await r.time.advance(599)
        assert len(r.receiver.got) == tried
        await r.time.advance(2)
        assert len(r.receiver.got) == tried + 1


async def test_an_event_that_nobody_wants_does_not_keep_an_outage_going() -> None:
    async with rig() as r:
        await r.subscribe("t", outage_after=3)
        r.receiver.answer = lambda _: SICK
        await r.append(1, 2, 3, 4)
        assert r.state() == "outage"
        r.receiver.fails(1)  # poison, and first in line
        await r.time.advance(700)
        assert r.state() == "active"
        assert set(r.receiver.offsets) == {2, 3, 4}


async def test_a_strict_subscription_tells_poison_from_an_endpoint_that_is_down() -> None:
    async with rig() as r:
        await r.subscribe("t", order="strict")
        r.receiver.answer = lambda _: SICK
        await r.append(1, 2)
        await r.time.advance(80 * 3600)
        assert (r.state(), r.engine.status("s1").dead) == ("active", 1)
    async with rig() as r:
        await r.subscribe("t", order="strict")
        r.receiver.answer = lambda _: DOWN
        await r.append(1, 2)
        await r.time.advance(80 * 3600)
        assert (r.state(), r.engine.status("s1").dead) == ("outage", 0)


async def test_410_disables_and_loses_nothing() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.answer = lambda _: Gone()
        await r.append(1)
        assert r.state() == "disabled"
        await r.append(2)
        await r.time.advance(86_400)
        assert len(r.receiver.got) == 1
        r.receiver.answer = lambda _: OK
        await r.engine.change("s1", "active", "")
        await settle()
        assert r.receiver.offsets == [1, 3]  # 2 was the news of it
        assert [what for what, _ in r.news] == ["disabled", "active"]


async def test_paused_keeps_its_place_and_resumes_there() -> None:
    async with rig() as r:
        await r.subscribe("t")
        await r.append(1)
        await r.engine.change("s1", "paused", "")
        await r.append(2, 3)
        assert r.receiver.offsets == [1]
        assert r.engine.status("s1").lag >= 2
        await r.restart()
        assert (r.state(), r.receiver.offsets) == ("paused", [1])
        await r.engine.change("s1", "active", "")
        await settle()
        assert r.receiver.offsets == [1, 2, 3]


async def test_whoever_resumes_does_not_wait_for_the_next_attempt() -> None:
    async with rig() as r:
        await r.subscribe("t", schedule=[0, 3600])
        r.receiver.answer = lambda _: Failed("status", 500)
        await r.append(1)
        await r.engine.change("s1", "paused", "")
        r.receiver.answer = lambda _: OK
        await r.time.advance(60)
        assert r.receiver.offsets == []
        await r.engine.change("s1", "active", "")
        await settle()
        assert r.receiver.offsets == [1]


async def test_pausing_while_attempts_are_on_their_way_sends_nothing_twice() -> None:
    async with rig() as r:
        await r.subscribe("t", concurrency=2)

        r.receiver.gate = asyncio.Event()
        await r.append(1, 2, 3, 4)
        await r.engine.change("s1", "paused", "")
        await r.engine.change("s1", "active", "")
        await settle()
        r.receiver.gate.set()
        await settle()
        assert sorted(r.receiver.offsets) == [1, 2, 3, 4]


async def test_a_kill_repeats_only_what_was_not_flushed_with_the_same_ids_and_numbers() -> None:
    async with rig() as r:
        await r.subscribe("t")
        await r.append(*range(20))
        await r.time.advance(1)
        await r.append(*range(20, 25))
        await r.restart(kill=True)
        offsets = r.receiver.offsets
        assert sorted(set(offsets)) == list(range(1, 26))
        repeated = [n for n in set(offsets) if offsets.count(n) > 1]
        assert sorted(repeated) == [21, 22, 23, 24, 25]
        by_id: dict[str, set[int]] = {}
        for _, order, _ in r.receiver.got:
            by_id.setdefault(order.id, set()).add(order.sequences[0])
        assert all(len(numbers) == 1 for numbers in by_id.values())
        assert sorted(n for numbers in by_id.values() for n in numbers) == list(range(1, 26))


async def test_a_stop_repeats_nothing() -> None:
    async with rig() as r:
        await r.subscribe("t")
        await r.append(*range(20))
        await r.restart()
        await r.append(20)
        assert r.receiver.offsets == list(range(1, 22))


async def test_what_waits_for_a_retry_survives_a_kill_with_its_attempts_and_time() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.fails(1)
        await r.append(1, 2)
        await r.time.advance(6)  # two attempts; the next in 300 s
        await r.restart(kill=True)
        r.receiver.answer = lambda _: OK
        await r.time.advance(290)
        assert r.receiver.offsets == [2]
        await r.time.advance(10)
        assert r.receiver.offsets == [2, 1]
        assert r.receiver.got[-1][1].attempt == 3


async def test_one_that_hangs_does_not_hold_the_cursor_for_ever() -> None:

    async with rig() as r:
        await r.subscribe("t", concurrency=4)
        gate, deliver = asyncio.Event(), r.receiver.deliver

        async def hang_on_first(order, timeout):
            if order.records[0].offset == 1:
                await gate.wait()
            return await deliver(order, timeout)

        r.receiver.deliver = hang_on_first
        for start in range(0, 2000, 100):
            await r.append(*range(start, start + 100))
        await r.time.advance(1)
        cursor = r.ledger.all_cursors["s1"]
        assert cursor.offset >= 2000
        assert [p.offset for p in r.ledger.all_parcels.values()] == [1]
        gate.set()
        await settle()
        await r.time.advance(1)
        assert not r.ledger.all_parcels
        assert sorted(r.receiver.offsets) == list(range(1, 2001))


async def test_more_failing_events_than_may_wait_hold_up_the_rest() -> None:
    async with rig() as r:
        await r.subscribe("t", max_waiting=5, outage_after=10_000, concurrency=1)
        r.receiver.answer = lambda o: SICK if o.records[0].offset % 2 else OK
        await r.append(*range(40))
        assert r.engine.status("s1").pending == 5
        assert max(r.receiver.attempted) <= 11


async def test_batches_carry_up_to_their_size_and_wait_for_others() -> None:
    async with rig() as r:
        await r.subscribe("t", batch_size=10, batch_wait=2, concurrency=1)
        await r.append(*range(25))
        assert [len(o.records) for _, o, _ in r.receiver.got] == [10, 10]
        await r.time.advance(2)
        assert [len(o.records) for _, o, _ in r.receiver.got] == [10, 10, 5]
        assert r.receiver.got[2][1].sequences == [21, 22, 23, 24, 25]
        r.receiver.fails(26)
        await r.append(25, 26)
        await r.time.advance(2)
        failed = r.receiver.got[-1][1].id
        r.receiver.answer = lambda _: OK
        await r.time.advance(6)
        assert r.receiver.got[-1][1].id == failed
        assert sorted(r.receiver.offsets) == list(range(1, 28))


async def test_consent_is_asked_for_before_the_first_delivery() -> None:
    async with rig() as r:
        r.receiver.consents = [Failed("refused", detail="no consent")] * 5 + [OK]
        await r.subscribe("t", concurrency=1)
        await r.append(1, 2)
        assert (r.receiver.got, r.state()) == ([], "active")
        await r.time.advance(86_400)
        assert sorted(r.receiver.offsets) == [1, 2]


async def test_attempts_are_recorded_with_what_follows() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.receiver.fails(1)
        await r.append(1)
        r.receiver.answer = lambda _: OK
        await r.time.advance(10)
        first, second = r.ledger.all_attempts
        assert (first.outcome, first.number, first.cause, first.trigger) == (
            "failed",
            1,
            "status",
            "new",
        )
        assert first.next - first.at == 5000
        assert (second.outcome, second.number, second.trigger) == ("delivered", 2, "retry")
        assert first.message == second.message
        assert r.ledger.flushes <= 5


async def test_deliveries_go_on_while_the_ledger_is_down_and_are_recorded_later() -> None:
    async with rig() as r:
        await r.subscribe("t")
        r.ledger.is_down = True
        r.receiver.fails(2)
        await r.append(1, 2, 3)
        await r.time.advance(3)
        assert sorted(r.receiver.offsets) == [1, 3]
        r.ledger.is_down = False
        await r.time.advance(2)
        assert r.ledger.all_cursors["s1"].offset == 3
        assert [p.offset for p in r.ledger.all_parcels.values()] == [2]
        assert len(r.ledger.all_attempts) == 3


async def test_news_of_itself_is_not_delivered_but_that_of_others_is() -> None:
    async with rig() as r:
        await r.subscribe("t", id="sick")
        await r.subscribe("hubbub/subscriptions/*", id="watcher")
        r.receiver.answer = lambda o: Gone() if o.records[0].topic == "t" else OK
        await r.append(1)
        topics = [o.records[0].topic for _, o, x in r.receiver.got if x == OK]
        assert topics == ["hubbub/subscriptions/sick"]


async def test_a_hanging_endpoint_takes_no_turns_from_others() -> None:

    async with rig(concurrency=20) as r:
        await r.subscribe("slow", id="slow", concurrency=10)
        await r.subscribe("t", id="fast")
        gate, deliver = asyncio.Event(), r.receiver.deliver

        async def hang(order, timeout):
            if order.records[0].topic == "slow":
                await gate.wait()
            return await deliver(order, timeout)

        r.receiver.deliver = hang
        await r.append(*range(100), topic="slow")
        await r.append(*range(50))
        assert len(r.receiver.offsets) == 50
        gate.set()
        await settle()
        assert len(r.receiver.offsets) == 150


async def test_what_subscriptions_share_of_one_host_goes_round() -> None:
    async with rig() as r:
        r.engine.shared.gates._slots = 4
        for number in range(6):
            await r.subscribe("t", id=f"s{number}", concurrency=10)
        r.receiver.gate = asyncio.Event()
        await r.append(*range(20))
        assert r.receiver.flying == 4
        r.receiver.gate.set()
        while len(r.receiver.offsets) < 6 * 20:
            await asyncio.sleep(0)
        assert r.receiver.most_flying == 4


async def test_another_sink_is_called_from_the_next_event_on() -> None:
    async with rig() as r:
        await r.subscribe("t")
        moved = msgspec.structs.replace(r.engine.subscriptions["s1"], sink="http://other.example/")
        await r.engine.put(moved, None)
        await r.append(1)
        await r.time.advance(1)
        assert r.receiver.offsets == [1]
        assert r.ledger.all_attempts[0].url == "http://other.example/"


@pytest.mark.parametrize("order", ["strict", "key"])
async def test_a_probe_keeps_the_order(order: str) -> None:
    async with rig() as made:
        made.receiver.answer = lambda _: SICK
        await made.subscribe("t", order=order, outage_after=2, schedule=[0, 1, 60, 60, 60])
        await made.append(1, subject="a")
        await made.time.advance(0.5)
        await made.append(2, 3, subject="a")
        await made.append(4, topic="u")
        await made.time.advance(70)
        assert made.state() == "outage" or made.receiver.attempted
        made.receiver.answer = lambda _: OK
        await made.time.advance(400)
        assert made.receiver.offsets == [1, 2, 3]


async def test_a_batch_that_failed_stays_in_order() -> None:
    """Each event of it waits a time of its own, with its own chance."""
    async with rig() as made:
        made.receiver.answer = lambda _: SICK
        policy = {"order": "strict", "batch_size": 5, "jitter": 1, "outage_after": 100}
        await made.subscribe("t", schedule=[0, *[30] * 20], **policy)
        await made.append(1, 2, 3, 4, 5)
        await made.time.advance(200)
        assert len(made.receiver.got) > 3
        made.receiver.answer = lambda _: OK
        await made.append(6)
        await made.time.advance(200)
        assert made.receiver.offsets == [1, 2, 3, 4, 5, 6]


async def test_nothing_passes_a_probe_that_is_under_way() -> None:
    async with rig() as made:
        made.receiver.answer = lambda _: DOWN
        await made.subscribe("t", order="strict", outage_after=1, schedule=[0, *[5] * 20])
        await made.append(1, 2, 3)
        assert made.state() == "outage"
        made.receiver.gate = gate = asyncio.Event()
        await made.time.advance(8)
        assert made.receiver.flying == 1
        await made.engine.change("s1", "active", "")
        await made.append(4)
        assert made.receiver.flying == 1
        gate.set()
        made.receiver.gate = None
        made.receiver.answer = lambda _: OK
        await made.time.advance(60)
        assert made.receiver.offsets == [1, 2, 3, 5]  # 4 is news of the outage


async def test_what_is_tried_again_is_in_requests_as_large_as_the_first_ones() -> None:
    async with rig() as r:
        await r.subscribe("t", batch_size=100, concurrency=1, schedule=[0, 5, 5], outage_after=100)
        r.receiver.answer = lambda _: Failed("status", 500)
        text = b'"%b"' % (b"x" * 100_000)
        values = {"specversion": "1.0", "source": "/t", "type": "t"}
        values["datacontenttype"] = "application/json"
        await r.log.append(
            [compose({**values, "id": str(n)}, "t", text, named=False) for n in range(30)]
        )
        await settle()
        await r.time.advance(6)
        r.receiver.answer = lambda _: OK
        await r.time.advance(30)
        sizes = [sum(len(one.json) for one in order.records) for _, order, _ in r.receiver.got]
        assert len(sizes) >= 9
        assert max(sizes) <= MAX_BYTES
        assert sorted(r.receiver.offsets) == list(range(1, 31))
