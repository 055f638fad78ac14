"""Against the real gateway: nothing lost, nothing twice, whatever stops and however one comes back."""

from __future__ import annotations

import asyncio
import hashlib
import random

import pytest

from hubbub.client import AsyncClient, Backoff, Gap, Refused
from hubbub.core.grants import Grants
from hubbub.web.auth.options import ApiKey, AuthOptions

from .real import RealGateway, real_gateway, settings

pytestmark = pytest.mark.anyio
QUICK = Backoff(first=0.02, longest=0.1, attempts=100)
TRANSPORTS = ["sse", "websocket"]


@pytest.fixture(params=TRANSPORTS)
def transport(request) -> str:
    return request.param


@pytest.fixture
async def gateway():
    async with real_gateway() as found:
        yield found


@pytest.fixture
async def client(gateway, transport):
    async with opened(gateway, transport) as found:
        yield found


def opened(gateway: RealGateway, transport: str = "sse", **options) -> AsyncClient:
    return AsyncClient(gateway.url, transport=transport, backoff=QUICK, **options)


async def take(items, count: int) -> list:
    return [(await anext(items)).data for _ in range(count)]


class TestTogether:
    async def test_what_is_published_is_heard_and_can_be_read_back(self, client):
        async with client.listen("orders/*") as listener:
            published = await client.publish("orders/42", {"käse": 1.5}, type="paid", id="one")
            event = await anext(listener)
        assert (event.id, event.type, event.topic) == ("one", "paid", "orders/42")
        assert (event.position, event.data) == (published.position, {"käse": 1.5})
        (read,) = [e async for e in client.history("orders/**")]
        assert read == event

    @pytest.mark.parametrize(
        "data",
        [None, True, 0, -1.5, "text", "\0\u2028\r\n", [], {"a": {"b": [None]}}, b"\0\xff\r\n"],
    )
    async def test_data_arrives_as_it_was(self, client, data):
        async with client.listen("t") as listener:
            await client.publish("t", data)
            assert (await anext(listener)).data == data
            await client.publish_many("t", [data, data])
            assert await take(listener, 2) == [data, data]

    async def test_text_of_another_type_arrives_as_text(self, client):
        async with client.listen("t") as listener:
            await client.publish("t", "<a>\r\n</a>", content_type="application/xml")
            event = await anext(listener)
        assert (event.data, event.content_type) == ("<a>\r\n</a>", "application/xml")

    async def test_every_attribute_arrives(self, client):
        given = {
            "id": "id \N{SNOWMAN} %41",
            "source": "urn:x:y",
            "subject": 'sub "ject" %',
            "time": "2026-11-23T09:30:00.123456789+01:00",
            "type": "käse",
        }
        async with client.listen("t") as listener:
            await client.publish("t", 1, **given, extensions={"level": 3, "ok": True})
            event = await anext(listener)
        assert {name: getattr(event, name) for name in given} == given
        assert event.extensions.items() >= {"level": "3", "ok": "true"}.items()

    async def test_topics_that_need_encoding(self, client):
        topics = ["a b/ü", "%2F/?x=y#z", "a+b", "\N{GRINNING FACE}/'\"<>"]
        async with client.listen(*topics) as listener:
            for topic in topics:
                assert (await client.publish(topic, topic)).topic == topic
            assert await take(listener, len(topics)) == topics
        for topic in topics:
            assert [e.data async for e in client.history(topic)] == [topic]

    async def test_types_and_filters(self, client):
        wanted = {"types": ["a", "b"], "filter": "subject = 'x'"}
        async with client.listen("t", **wanted) as listener:
            for kind in "abc":
                for subject in "xy":
                    await client.publish("t", kind + subject, type=kind, subject=subject)
            assert await take(listener, 2) == ["ax", "bx"]
        assert [e.data async for e in client.history("t", **wanted)] == ["ax", "bx"]

    async def test_last_and_earliest(self, client):
        await client.publish_many("t", range(10))
        assert await take(client.listen("t", last=3), 3) == [7, 8, 9]
        assert await take(client.listen("t", since="earliest"), 2) == [0, 1]
        assert await take(client.listen("t", since="1h"), 2) == [0, 1]
        assert [e.data async for e in client.history("t", last=2)] == [8, 9]

    async def test_everything_without_a_pattern(self, client):
        async with client.listen() as listener:
            await client.publish("a", 1)
            await client.publish("b/c", 2)
            assert await take(listener, 2) == [1, 2]

    async def test_ephemeral_events_are_heard_and_not_kept(self, client):
        async with client.listen("t") as listener:
            assert (await client.publish("t", "now", ephemeral=True)).position is None
            event = await anext(listener)
            assert (event.data, event.position) == ("now", None)
            before = listener.position
            await client.publish("t", "kept")
            assert (await anext(listener)).position != before
        assert [e.data async for e in client.history("t")] == ["kept"]

    async def test_pages(self, client):
        await client.publish_many("t", range(350))
        assert [e.data async for e in client.history("t")] == list(range(350))
        newest = client.history("t", order="desc", limit=250)
        assert [e.data async for e in newest] == list(range(349, 99, -1))


class TestDuplicates:
    async def test_the_same_id_is_the_same_event(self, client):
        first = await client.publish("t", 1, id="x")
        again = await client.publish("t", 1, id="x")
        assert (again.duplicate, again.position) == (True, first.position)

    async def test_an_idempotency_key_is_the_same_request(self, client):
        first = await client.publish("t", 1, idempotency_key="k\"'\\")
        again = await client.publish("t", 1, idempotency_key="k\"'\\")
        assert (again.id, again.position) == (first.id, first.position)
        with pytest.raises(Refused) as caught:
            await client.publish("t", 2, idempotency_key="k\"'\\")
        assert caught.value.status == 422
        assert len([e async for e in client.history("t")]) == 1

    async def test_an_event_of_another_hub_is_taken_over_whole(self, client, transport):
        async with real_gateway() as other, opened(other) as there:
            await there.publish("t", {"n": 1}, id="far", extensions={"level": "3"})
            (event,) = [e async for e in there.history("t")]
            await client.publish_event(event)
            assert (await client.publish_event(event)).duplicate
            (moved,) = [e async for e in client.history("t")]
        assert moved.position != event.position
        assert dict(moved.attributes) | {"position": 0} == dict(event.attributes) | {"position": 0}


class TestRestarts:
    async def test_the_server_restarts_under_a_stream_of_events(self, gateway, transport):
        """The log stays open; connections are told when to come back."""
        async with opened(gateway, transport) as client, client.listen("t") as listener:
            publishing = asyncio.create_task(publish_slowly(client, 150))
            got = []
            for restart_after in (20, 50, 90):
                got += await take(listener, restart_after - len(got))
                await gateway.leave()
                await gateway.serve()
            got += await take(listener, 150 - len(got))
            await publishing
        assert got == list(range(150))

    async def test_the_gateway_is_reopened_from_disk(self, tmp_path, transport):
        wanted = settings(f"sqlite://{tmp_path}/hubbub.db")
        async with real_gateway(wanted) as gateway, opened(gateway, transport) as client:
            async with client.listen("t") as listener:
                publishing = asyncio.create_task(publish_slowly(client, 90))
                got = []
                for restart_after in (20, 50):
                    got += await take(listener, restart_after - len(got))
                    await gateway.close()
                    await gateway.open()
                got += await take(listener, 90 - len(got))
                await publishing
            assert got == list(range(90))
            assert [e.data async for e in client.history("t")] == got

    async def test_the_past_is_lost_with_a_log_in_memory(self, gateway, transport):
        async with opened(gateway, transport) as client, client.listen("t") as listener:
            await client.publish("t", "before")
            assert await take(listener, 1) == ["before"]
            at = listener.position
            await gateway.close()
            await gateway.open()
            await client.publish("t", "after")
            with pytest.raises(Gap) as caught:
                await anext(listener)
            assert caught.value.requested == at
            assert await take(listener, 1) == ["after"]
            with pytest.raises(Gap):
                await anext(client.history("t", since=at))


async def publish_slowly(client: AsyncClient, count: int) -> None:
    for n in range(count):
        await client.publish("t", n)


class TestHopping:
    async def test_by_websocket_then_by_stream_then_by_pages(self, gateway):
        """Leave in the middle and come back by another protocol, with nothing but a position."""
        rng = random.Random(7)
        async with opened(gateway, "websocket") as by_socket, opened(gateway) as by_stream:
            publishing = asyncio.create_task(publish_slowly(by_stream, 400))
            got, position = [], "earliest"
            while len(got) < 400:
                how = rng.choice(["websocket", "stream", "pages"])
                if how == "pages":
                    items = by_stream.history("t", since=position, limit=rng.randint(1, 40))
                else:
                    client = by_socket if how == "websocket" else by_stream
                    items = client.listen("t", since=position)
                async with items:
                    for _ in range(min(rng.randint(1, 40), 400 - len(got))):
                        event = await anext(items, None)
                        if event is None:
                            break
                        got.append(event.data)
                        position = event.position
            await publishing
        assert got == list(range(400))


class TestSlowReaders:
    async def test_a_reader_that_falls_behind_misses_nothing(self, client):
        """More than every buffer on the way holds, while nobody reads."""
        pad = "x" * 4000
        async with client.listen("t") as listener:
            for start in range(0, 5000, 500):
                await client.publish_many("t", [[n, pad] for n in range(start, start + 500)])
            assert [(await anext(listener)).data[0] for _ in range(5000)] == list(range(5000))


class TestRefusals:
    async def test_who_may_do_what(self, transport):
        key = "hk_test-key"
        grants = Grants(("mine/**",), ("mine/**",))
        held = ApiKey(name="k", hash=hashlib.sha256(key.encode()).hexdigest(), grants=grants)
        async with real_gateway(settings(auth=AuthOptions(keys=(held,)))) as gateway:
            async with opened(gateway, transport, token=key) as client:
                async with client.listen("mine/*") as listener:
                    await client.publish("mine/x", 1)
                    assert await take(listener, 1) == [1]
                await refused(403, client.publish("theirs", 1))
                await refused(403, anext(client.listen("theirs")))
                await refused(403, anext(client.history("theirs")))
            async with opened(gateway, transport) as client:
                await refused(401, client.publish("mine/x", 1))
                # A WebSocket may still say who it is once it is open.
                await refused(401, anext(client.listen("mine/x")))
            async with opened(gateway, transport, token="hk_wrong") as client:
                await refused(401, anext(client.listen("mine/x")))

    async def test_what_is_wrong_with_a_question(self, client):
        await refused(400, anext(client.listen("t", filter="this is (no filter")))
        await refused(400, anext(client.listen("t", since="yesterday")))
        await refused(400, anext(client.listen("t", last=100_000)))
        await refused(400, anext(client.listen("t", since="1h", last=1)))
        await refused(400, anext(client.history("t", filter="this is (no filter")))

    async def test_what_is_too_large(self, client):
        error = await refused(413, client.publish("t", b"x" * 2_000_000))
        assert error.problem["type"].endswith("too-large")
        assert (await client.publish("t", b"x" * 1_000_000)).position


async def refused(status: int, doing) -> Refused:
    with pytest.raises(Refused) as caught:
        await doing
    assert caught.value.status == status
    assert caught.value.detail
    return caught.value
