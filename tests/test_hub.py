"""The gateway in process, and mounted in applications of other frameworks."""

from __future__ import annotations

import asyncio

import fastapi
import pytest
import starlette.applications
from starlette.routing import Mount

from hubbub import Hub
from hubbub.client import AsyncClient
from hubbub.core.errors import Gap, InvalidFilter, InvalidTopic, Misconfigured
from hubbub.observe.metrics import CATALOGUE
from hubbub.web.server import ServerOptions, running

pytestmark = pytest.mark.anyio


async def test_publish_then_listen_from_the_start() -> None:
    async with Hub() as hub:
        first = await hub.publish("orders/42", {"total": 12.5}, type="order.created", id="1")
        again = await hub.publish("orders/42", {"total": 12.5}, type="order.created", id="1")
        await hub.publish("orders/43", b"\x00\xff", subject="s", extensions={"n": 7})
        assert not first.duplicate
        assert again.duplicate
        assert again.position == first.position
        seen = []
        async for event in hub.listen("orders/*", since="earliest"):
            seen.append(event)
            if len(seen) == 2:
                break
    assert [(e.topic, e.type, e.data) for e in seen] == [
        ("orders/42", "order.created", {"total": 12.5}),
        ("orders/43", "hubbub.published", b"\x00\xff"),
    ]
    assert seen[0].position == first.position
    assert seen[1].attributes["n"] == 7


async def test_a_listener_hears_what_comes_live_and_ends_with_the_hub() -> None:
    async with Hub() as hub:
        heard: list[str] = []
        ready = asyncio.Event()

        async def listen() -> None:
            async for event in hub.listen(filter="subject = 'yes'"):
                heard.append(event.id)
                ready.set()

        listening = asyncio.create_task(listen())
        while not hub.streams.open["local"]:
            await asyncio.sleep(0)
        await hub.publish("a", 1, id="no", subject="no")
        await hub.publish("a", 1, id="yes", subject="yes", ephemeral=True)
        await ready.wait()
    await listening
    assert heard == ["yes"]


async def test_a_lost_position_is_an_error_in_process() -> None:
    async with Hub() as hub:
        with pytest.raises(Gap):
            async for _ in hub.listen(since="lost-3"):
                pass


async def test_mistakes_have_names() -> None:
    async with Hub() as hub:
        with pytest.raises(InvalidTopic):
            await hub.publish("a//b")
        with pytest.raises(InvalidFilter):
            await anext(hub.listen(filter="type ="))
        with pytest.raises(Misconfigured):
            await hub.start()


async def test_a_hub_can_be_started_again() -> None:
    hub = Hub()
    for _ in range(2):
        async with hub:
            await hub.publish("a", 1)
            assert hub.log.head == 1


async def test_a_store_on_disk_outlives_the_hub(tmp_path) -> None:
    store = f"sqlite:///{tmp_path}/hubbub.db"
    async with Hub(store=store) as hub:
        published = await hub.publish("a", {"n": 1})
    async with Hub(store=store) as hub:
        event = await anext(hub.listen(since="earliest"))
        assert event.position == published.position


def fastapi_app(hub: Hub) -> fastapi.FastAPI:
    app = fastapi.FastAPI(lifespan=hub.lifespan)
    app.mount("/hub", hub.asgi)
    return app


def starlette_app(hub: Hub) -> starlette.applications.Starlette:
    return starlette.applications.Starlette(routes=[Mount("/hub", hub.asgi)], lifespan=hub.lifespan)


@pytest.mark.parametrize("mounted", [fastapi_app, starlette_app])
@pytest.mark.parametrize("transport", ["sse", "websocket"])
async def test_mounted_under_another_framework(mounted, transport) -> None:
    hub = Hub()
    async with (
        running(mounted(hub), ServerOptions(port=0)) as server,
        AsyncClient(f"{server.url}/hub", transport=transport) as client,
    ):
        await client.publish("orders/1", {"n": 1})
        events = client.listen("orders/*", since="earliest")
        assert (await anext(events)).data == {"n": 1}
        await hub.publish("orders/2", {"n": 2})
        assert (await anext(events)).data == {"n": 2}
        await events.aclose()
        pages = [event.topic async for event in client.history("orders/*")]
        assert pages == ["orders/1", "orders/2"]


async def test_every_metric_of_the_catalogue_is_read_from_somewhere() -> None:
    async with Hub() as hub:
        await hub.publish("a", 1)
        await hub.publish("a", 1, ephemeral=True)
        media_type, body = hub.metrics()
        text = body.decode()
        assert media_type.startswith("text/plain")
        for metric in CATALOGUE:
            assert f"\n# TYPE {metric.name} {metric.kind}\n" in f"\n{text}", metric.name
        assert "hubbub_events_appended_total 1.0" in text
        assert 'hubbub_publishes_total{outcome="ephemeral"} 1.0' in text
        assert "hubbub_publish_seconds_count 2.0" in text
        assert "hubbub_log_writable 1.0" in text
