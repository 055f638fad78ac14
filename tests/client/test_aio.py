"""Publishing against a real socket: what is sent, and that no fault loses or doubles an event."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from aiohttp import web

from hubbub.client import AsyncClient, Event, Refused, Unexpected, Unreachable
from hubbub.core.errors import InvalidEvent, InvalidTopic, Malformed, Misconfigured

from .gateway import answer, hang_up, lose_answer, refuse, say_nothing

pytestmark = pytest.mark.anyio
TOKEN = "hk_a-very-secret-token"


class TestPublish:
    async def test_data_goes_out_as_json_and_the_answer_says_where_it_is(self, client, gateway):
        published = await client.publish("orders/42", {"käse": [1, None]}, type="paid")
        assert published.position == gateway.position(1)
        assert (published.topic, published.duplicate) == ("orders/42", False)
        request = gateway.requests[0]
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["ce-id"] == published.id
        assert request.headers["ce-type"] == "paid"
        assert gateway.bodies == ['{"käse":[1,null]}'.encode()]

    async def test_bytes_and_text_and_nothing_go_out_as_they_are(self, client, gateway):
        await client.publish("t", b"\0\xff")
        await client.publish("t", "käse", content_type="text/plain; charset=utf-8")
        await client.publish("t", "käse")
        await client.publish("t")
        assert gateway.bodies == [b"\0\xff", "käse".encode(), '"käse"'.encode(), b""]
        assert [r.headers.get("Content-Type") for r in gateway.requests] == [
            "application/octet-stream",
            "text/plain; charset=utf-8",
            "application/json",
            None,
        ]

    async def test_every_attribute_travels_percent_encoded(self, client, gateway):
        await client.publish(
            "t",
            1,
            id="id 1",
            source="/src",
            subject="Zürich\N{SNOWMAN}",
            time=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
            extensions={"urgent": True, "level": 3},
        )
        sent = gateway.requests[0].headers
        assert sent["ce-id"] == "id%201"
        assert sent["ce-subject"] == "Z%C3%BCrich%E2%98%83"
        assert sent["ce-time"] == "2026-11-23T09:30:00+00:00"
        assert (sent["ce-urgent"], sent["ce-level"]) == ("true", "3")

    @pytest.mark.parametrize(
        "topic", ["a b/ü/%2F/?x#y", "orders/42", "a:b@c/d;e,f", "\N{GRINNING FACE}"]
    )
    async def test_a_topic_arrives_as_it_is(self, client, gateway, topic):
        assert (await client.publish(topic, 1)).topic == topic

    @pytest.mark.parametrize("topic", ["", "/a", "a//b", "a/../b", "a/*", "a\nb", ".", "x" * 256])
    async def test_what_is_no_topic_is_not_sent(self, client, gateway, topic):
        with pytest.raises(InvalidTopic):
            await client.publish(topic, 1)
        assert not gateway.requests

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"data": float("nan")}, Malformed),
            ({"data": {"a": object()}}, Malformed),
            ({"data": "\ud800"}, Malformed),
            ({"data": {"a": 1}, "content_type": "text/plain"}, Malformed),
            ({"data": "\ud800", "content_type": "text/plain"}, Malformed),
            ({"data": 1, "id": "a\r\nce-forged: 1"}, InvalidEvent),
            ({"data": 1, "extensions": {"A-b": 1}}, InvalidEvent),
            ({"data": 1, "extensions": {"topic": "x"}}, InvalidEvent),
            ({"data": b"", "content_type": "text/plain\r\nForged: 1"}, InvalidEvent),
            ({"data": 1, "time": "yesterday"}, InvalidEvent),
            ({"data": 1, "idempotency_key": "a\nb"}, Malformed),
        ],
    )
    async def test_what_cannot_be_sent_is_refused_here(self, client, gateway, options, error):
        with pytest.raises(error):
            await client.publish("t", **options)
        assert not gateway.requests

    async def test_an_event_made_elsewhere(self, client, gateway):
        made = {"source": "/s", "type": "t", "topic": "own", "data": b"\xff"}
        first = await client.publish_event(made)
        received = Event(json.dumps(gateway.kept[0]).encode())
        assert (received.topic, received.data, received.id) == ("own", b"\xff", first.id)
        assert (await client.publish_event(received)).duplicate
        assert (await client.publish_event(received.json, topic="new")).topic == "new"
        assert [r.path for r in gateway.requests] == ["/events", "/events", "/topics/new"]


class TestRetries:
    async def test_a_lost_answer_is_asked_for_again_and_doubles_nothing(self, client, gateway):
        gateway.faults += [lose_answer, lose_answer]
        published = await client.publish("t", {"n": 1})
        assert published.duplicate
        assert [event["id"] for event in gateway.kept] == [published.id]
        assert len(gateway.requests) == 3

    async def test_a_dropped_connection_is_opened_again(self, client, gateway):
        gateway.faults.append(hang_up)
        assert not (await client.publish("t", 1)).duplicate

    async def test_retry_after_is_honoured(self, client, gateway, time):
        gateway.faults += [refuse(503, retry_after="7"), refuse(429, retry_after="3")]
        await client.publish("t", 1)
        assert 7 <= time.slept[0] <= 8.75
        assert 3 <= time.slept[1] <= 3.75

    async def test_waits_grow_with_jitter_and_end(self, client, gateway, time):
        gateway.faults += [refuse(503)] * 10
        with pytest.raises(Refused) as caught:
            await client.publish("t", 1)
        assert caught.value.status == 503
        assert len(gateway.requests) == 6
        for wait, step in zip(time.slept, [0.25, 0.5, 1, 2, 4], strict=True):
            assert step / 2 <= wait <= step

    async def test_a_wait_beyond_patience_is_left_to_the_caller(self, client, gateway, time):
        gateway.faults.append(refuse(429, retry_after="600"))
        with pytest.raises(Refused) as caught:
            await client.publish("t", 1)
        assert (caught.value.retry_after, time.slept) == (600, [])

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 501])
    async def test_a_no_is_not_asked_again(self, client, gateway, status):
        gateway.faults.append(refuse(status, type="urn:x", errors=[{"pointer": "/a"}]))
        with pytest.raises(Refused, match=f"{status} No: do something else") as caught:
            await client.publish("t", 1)
        assert caught.value.problem["errors"] == [{"pointer": "/a"}]
        assert len(gateway.requests) == 1

    async def test_an_ephemeral_event_is_never_sent_twice(self, client, gateway):
        gateway.faults += [refuse(503), lose_answer]
        with pytest.raises(Unreachable, match="was lost"):
            await client.publish("t", 1, ephemeral=True)
        assert len(gateway.requests) == 2
        assert (await client.publish("t", 1, ephemeral=True)).position is None

    async def test_an_idempotency_key_takes_the_place_of_the_id(self, client, gateway):
        gateway.faults += [refuse(409), refuse(409)]
        await client.publish("t", 1, idempotency_key='order "42" \\')
        sent = gateway.requests[-1].headers
        assert sent["Idempotency-Key"] == '"order \\"42\\" \\\\"'
        assert "ce-id" not in sent
        assert len(gateway.requests) == 3

    async def test_no_answer_in_time_is_a_lost_one(self, make, gateway):
        gateway.faults += [say_nothing]
        async with make(timeout=0.2) as client:
            assert (await client.publish("t", 1)).position == gateway.position(1)

    async def test_nobody_there(self, make, gateway, time, unused_port):
        async with make(url=f"http://127.0.0.1:{unused_port}") as client:
            with pytest.raises(Unreachable, match="cannot be reached") as caught:
                await client.publish("t", 1, ephemeral=True)
        assert caught.value.exit_code == 3
        assert len(time.slept) == 5  # even ephemeral: it was surely not sent


class TestMany:
    async def test_items_are_published_in_order_in_batches(self, client, gateway):
        published = await client.publish_many("t", range(7), type="n", batch=3)
        assert [p.position for p in published] == [gateway.position(n) for n in range(1, 8)]
        assert [event["data"] for event in gateway.kept] == list(range(7))
        assert len({event["id"] for event in gateway.kept}) == 7
        assert {(e["source"], e["type"], e["topic"]) for e in gateway.kept} == {
            ("/topics/t", "n", "t")
        }
        assert [len(json.loads(body)) for body in gateway.bodies] == [3, 3, 1]

    async def test_a_batch_is_no_larger_than_every_server_takes(self, client, gateway):
        items = ["x" * 20_000] * 5 + ["y" * 100_000, "z"]
        assert len(await client.publish_many("t", items)) == 7
        assert [len(json.loads(body)) for body in gateway.bodies] == [3, 2, 1, 1]
        assert all(len(body) <= 65_536 for body in gateway.bodies if b"y" * 9 not in body)

    async def test_a_lost_answer_doubles_nothing(self, client, gateway):
        gateway.faults += [lose_answer]
        published = await client.publish_many("t", [b"\xff", {"a": 1}])
        assert [p.duplicate for p in published] == [True, True]
        assert len(gateway.kept) == 2
        assert gateway.kept[0]["data_base64"] == "/w=="

    async def test_events_made_elsewhere(self, client, gateway):
        made = [{"source": "/s", "type": "t", "topic": f"t/{n}", "id": str(n)} for n in range(3)]
        published = await client.publish_events(made)
        assert [p.topic for p in published] == ["t/0", "t/1", "t/2"]
        assert all(p.duplicate for p in await client.publish_events(made))
        assert await client.publish_events([]) == []


class TestAnswers:
    async def test_another_server(self, client, gateway):
        gateway.faults += [answer(200, b"<html>")]
        with pytest.raises(Unexpected, match="not hubbub's"):
            await client.publish("t", 1)

    async def test_a_proxy_that_refuses_in_html(self, client, gateway):
        gateway.faults += [answer(403, b"<html>")]
        with pytest.raises(Refused, match="403 Forbidden: the answer gives no reason"):
            await client.publish("t", 1)

    async def test_a_redirect_is_not_followed(self, make, gateway):
        async def elsewhere(_, request):
            return web.Response(status=308, headers={"Location": "https://new.example/"})

        gateway.faults += [elsewhere]
        async with make(token=TOKEN) as client:
            with pytest.raises(Refused, match=r"moved: use the URL of https://new\.example/"):
                await client.publish("t", 1)

    async def test_an_endless_refusal_is_not_read_to_its_end(self, client, gateway):
        gateway.faults += [answer(400, b"x" * 10_000_000)]
        with pytest.raises(Refused):
            await client.publish("t", 1)


class TestClient:
    async def test_the_token_is_sent_and_shown_nowhere(self, make, gateway):
        async with make(token=TOKEN) as client:
            await client.publish("t", 1)
            gateway.faults += [refuse(403)]
            with pytest.raises(Refused) as refused:
                await client.publish("t", 1)
            gateway.faults += [refuse(403)]
            with pytest.raises(Refused) as socket_refused:
                await anext(make_socket_listener(client))
        assert gateway.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
        for error in (refused.value, socket_refused.value):
            assert TOKEN not in repr(chain(error))
        assert TOKEN not in repr(client)
        assert TOKEN not in repr(vars(client)).replace(f"'_token': '{TOKEN}'", "")

    @pytest.mark.parametrize(
        "url",
        ["127.0.0.1:8080", "ftp://x", "http://", "http://u:p@x", "http://x/?a=b", "http://x/#f"],
    )
    def test_a_url_that_is_none(self, url):
        with pytest.raises(Misconfigured) as caught:
            AsyncClient(url)
        assert "u:p" not in str(caught.value)

    @pytest.mark.parametrize("token", ["a b", "a\r\nb", "käse"])
    def test_a_token_that_is_none(self, token):
        with pytest.raises(Misconfigured) as caught:
            AsyncClient(token=token)
        assert token not in str(caught.value)

    def test_a_transport_that_is_none(self):
        with pytest.raises(Misconfigured, match="sse, websocket"):
            AsyncClient(transport="pigeon")

    async def test_url_and_token_from_the_environment(self, gateway, monkeypatch):
        monkeypatch.setenv("HUBBUB_URL", gateway.url + "/")
        monkeypatch.setenv("HUBBUB_TOKEN", TOKEN)
        async with AsyncClient() as client:
            await client.publish("t", 1)
        assert repr(client) == f"AsyncClient('{gateway.url}', transport='sse')"
        assert gateway.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"

    async def test_only_inside_its_with_block(self, make):
        client = make()
        with pytest.raises(Misconfigured, match="with block"):
            await client.publish("t", 1)
        async with client:
            pass
        with pytest.raises(Misconfigured, match="with block"):
            client.listen("t")

    async def test_closing_ends_what_is_under_way(self, make, gateway):
        gateway.faults += [say_nothing]
        client = make()
        async with client:
            publishing = asyncio.create_task(client.publish("t", 1))
            await gateway.asked(1)
            listening = asyncio.create_task(anext(client.listen("t"), None))
            await gateway.asked(2)
        assert await listening is None
        with pytest.raises(Unreachable):
            await publishing


def make_socket_listener(client: AsyncClient):
    from hubbub.client import websocket
    from hubbub.client.items import Wanted
    from hubbub.client.listener import Listener

    return Listener(client._caller, websocket.connect, Wanted(("t",)), None, client._abandon)


def chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
