"""Following topics through every kind of break: nothing lost, nothing twice, nothing silent."""

from __future__ import annotations

import asyncio
import logging
from itertools import accumulate, repeat

import pytest
from aiohttp import web

from hubbub.client import Gap, Refused, Unreachable
from hubbub.core.errors import InvalidTopic, TooLarge

from .conftest import take
from .gateway import Gateway, let_pass, refuse, running

pytestmark = pytest.mark.anyio
LONG = "x" * 1000
"""Data of an event with which 1500 bytes end in the middle of the second one."""


@pytest.fixture(params=["sse", "websocket"])
def transport(request):
    return request.param


@pytest.fixture
async def client(make, transport):
    async with make(transport=transport) as opened:
        yield opened


class TestResuming:
    async def test_events_come_in_order_from_where_it_was_asked(self, client, gateway):
        positions = [await gateway.say(n) for n in range(4)]
        listener = client.listen("t", since=positions[1])
        assert await take(listener, 2) == [2, 3]
        await gateway.say(4)
        assert await take(listener, 1) == [4]
        assert listener.position == gateway.position(5)

    @pytest.mark.parametrize("cut", [0, 1, 7, 100, *range(250, 256), 300])
    async def test_a_stream_cut_anywhere_goes_on(self, client, gateway, cut):
        for n in range(10):
            await gateway.say(n)
        gateway.cuts += [cut, cut, cut]
        assert await take(client.listen("t", since="earliest"), 10) == list(range(10))
        assert len(gateway.requests) == 4

    async def test_every_cut_at_once(self, client, gateway, time):
        for n in range(30):
            await gateway.say("x" * n)
        gateway.cuts += list(accumulate(repeat(17, 25)))
        assert await take(client.listen("t", since="earliest"), 30) == ["x" * n for n in range(30)]

    async def test_cut_off_before_the_first_event_it_returns_to_where_it_began(
        self, client, gateway
    ):
        await gateway.say("before")
        gateway.cuts.append(0)
        async with client.listen("t") as listener:
            assert listener.position == gateway.position(1)
            await gateway.say("while the first stream breaks")
            await gateway.say("after")
            assert await take(listener, 2) == ["while the first stream breaks", "after"]

    async def test_what_is_published_after_entering_is_not_missed(self, client, gateway):
        async with client.listen("t") as listener:
            await gateway.say("first")
            assert await take(listener, 1) == ["first"]

    async def test_a_wait_that_is_cancelled_loses_nothing(self, client, gateway):
        listener = client.listen("t", since="earliest")
        for n in range(20):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await anext(listener)
            await gateway.say(n)
            assert await take(listener, 1) == [n]
        assert len(gateway.requests) < 5  # not a connection for each wait

    async def test_the_server_goes_away_and_comes_back(self, make, transport, time):
        async def nap(seconds: float) -> None:
            await time.sleep(seconds)
            if len(time.slept) == 3:
                back.set()
            await asyncio.sleep(0.01)

        gateway, back = Gateway(), asyncio.Event()
        async with running(gateway):
            port = int(gateway.url.rsplit(":", 1)[1])
            client = await make(url=gateway.url, transport=transport, sleep=nap).__aenter__()
            listener = client.listen("t", since="earliest")
            await gateway.say(0)
            assert await take(listener, 1) == [0]
        waiting = asyncio.create_task(take(listener, 2))
        await back.wait()
        await gateway.say(1)
        await gateway.say(2)
        async with running(gateway, port):
            assert await waiting == [1, 2]
            await client.__aexit__()


class TestWaiting:
    async def test_retry_after_of_a_refusal_is_honoured(self, client, gateway, time):
        await gateway.say(0)
        gateway.faults += [refuse(503, retry_after="9"), refuse(429, retry_after="2")]
        assert await take(client.listen("t", since="earliest"), 1) == [0]
        assert 9 <= time.slept[0] <= 11.25
        assert 2 <= time.slept[1] <= 2.5

    async def test_waits_grow_and_start_anew_after_an_event(self, client, gateway, time):
        for _ in range(2):
            await gateway.say(LONG)
        gateway.faults += [refuse(503)] * 4
        gateway.cuts += [1500, 0, 0]
        assert await take(client.listen("t", since="earliest"), 2) == [LONG, LONG]
        steps = [0.25, 0.5, 1, 2, 0.25, 0.5, 1]
        assert len(time.slept) == len(steps)
        for wait, step in zip(time.slept, steps, strict=True):
            assert 0.99 * step / 2 <= wait <= step

    async def test_a_stream_that_lasted_starts_the_waits_anew(self, client, gateway, time):
        gateway.faults += [refuse(503)] * 3
        gateway.cuts.append(0)
        async with client.listen("t") as listener:
            time.at += 31
            await gateway.say(0)
            await take(listener, 1)
        assert time.slept[-1] <= 0.25

    async def test_a_cancelled_wait_is_not_skipped(self, client, gateway, time):
        async def forever(_: float) -> None:
            await asyncio.Event().wait()

        gateway.faults.append(refuse(503))
        listener = client.listen("t")
        around = client._caller.around
        client._caller.around = type(around)(
            around.timeout, around.backoff, around.clock, around.rng, forever
        )
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await anext(listener)
        assert len(gateway.requests) == 1

    async def test_losses_are_logged(self, client, gateway, caplog):
        gateway.cuts.append(0)
        with caplog.at_level(logging.WARNING, "hubbub.client"):
            await gateway.say(0)
            await take(client.listen("t", since="earliest"), 1)
        assert "again in 0." in caplog.text


class TestGaps:
    async def test_a_gap_is_raised_and_reading_goes_on_after_it(self, client, gateway):
        lost = await gateway.say("lost")
        gateway.forget_all()
        await gateway.say("new")
        listener = client.listen("t", since=lost)
        with pytest.raises(Gap) as caught:
            await anext(listener)
        assert (caught.value.requested, caught.value.resumes_at) == (lost, gateway.position(0))
        assert listener.position == gateway.position(0)
        assert await take(listener, 1) == ["new"]
        assert len(gateway.requests) == 1

    async def test_or_told_to_whoever_wants_to_know(self, client, gateway):
        gaps: list[Gap] = []
        lost = await gateway.say("lost")
        gateway.forget_all()
        await gateway.say("new")
        assert await take(client.listen("t", since=lost, on_gap=gaps.append), 1) == ["new"]
        assert [gap.requested for gap in gaps] == [lost]

    async def test_the_past_is_lost_while_we_are_away(self, client, gateway):
        gateway.cuts.append(1500)
        for _ in range(2):
            await gateway.say(LONG)
        listener = client.listen("t", since="earliest")
        assert await take(listener, 1) == [LONG]
        gateway.forget_all()
        await gateway.say("new")
        with pytest.raises(Gap):
            await anext(listener)
        assert await take(listener, 1) == ["new"]

    async def test_a_gap_that_was_not_received_is_told_again(self, client, gateway, transport):
        async def only_an_id(_, request):
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await response.write(b"id: %b\n\n" % gateway.position(0).encode())
            return response

        async def only_subscribed(_, request):
            socket = web.WebSocketResponse(protocols=("hubbub.v1",))
            await socket.prepare(request)
            await socket.receive()
            at = gateway.position(0)
            await socket.send_json({"op": "subscribed", "ref": 1, "position": at})
            await socket.close(code=1012)
            return socket

        lost = await gateway.say("lost")
        gateway.forget_all()
        gateway.faults.append(only_an_id if transport == "sse" else only_subscribed)
        with pytest.raises(Gap) as caught:
            await anext(client.listen("t", since=lost))
        assert caught.value.requested == lost
        assert len(gateway.requests) == 2


class TestRefusals:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
    async def test_a_no_ends_it(self, client, gateway, status):
        gateway.faults.append(refuse(status))
        with pytest.raises(Refused) as caught:
            await anext(client.listen("t"))
        assert caught.value.status == status
        assert len(gateway.requests) == 1

    async def test_a_no_on_the_way_back_ends_it_too(self, client, gateway):
        gateway.cuts.append(0)
        gateway.faults += [let_pass, refuse(401)]
        await gateway.say(0)
        listener = client.listen("t", since="earliest")
        with pytest.raises(Refused):
            await anext(listener)
        assert await take(listener, 1) == [0]  # asked again, it tries again

    async def test_nobody_was_ever_there(self, make, transport, unused_port, time):
        async with make(url=f"http://127.0.0.1:{unused_port}", transport=transport) as client:
            with pytest.raises(Unreachable):
                await anext(client.listen("t"))
        assert len(time.slept) == 5

    async def test_what_is_no_pattern_is_not_asked(self, client, gateway):
        with pytest.raises(InvalidTopic):
            client.listen("a//b")
        assert not gateway.requests

    async def test_an_event_over_the_bound(self, client, gateway, monkeypatch):
        from hubbub.client import caller
        from hubbub.wire.sse import Parser

        monkeypatch.setattr(caller, "MAX_MESSAGE_BYTES", 1000)
        monkeypatch.setattr(Parser, "__init__", _small(Parser.__init__))
        await gateway.say("x" * 2000)
        with pytest.raises(TooLarge):
            await anext(client.listen("t", since="earliest"))


class TestQuestion:
    async def test_everything_asked_for_is_said(self, client, gateway, transport):
        wanted = {"last": 3, "filter": "level > 2", "types": ["a", "b"]}
        async with client.listen("a/*", "ü/**", **wanted):
            pass
        if transport == "sse":
            assert list(gateway.requests[0].query.items()) == [
                ("topic", "a/*"),
                ("topic", "ü/**"),
                ("type", "a"),
                ("type", "b"),
                ("last", "3"),
                ("filter", "level > 2"),
            ]
        else:
            assert gateway.subscribed == [
                {"op": "subscribe", "ref": 1, "topics": ["a/*", "ü/**"], **wanted}
            ]


def _small(init):
    return lambda self, **options: init(self, **options, max_event_bytes=1000)
