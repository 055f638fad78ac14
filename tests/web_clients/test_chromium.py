"""A real browser: EventSource and WebSocket of Chromium, in pages of the gateway's origin and others."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from client.real import real_gateway, settings
from hubbub.settings import Settings
from hubbub.web.auth.options import AuthOptions
from hubbub.web.options import WebOptions

from .keys import KEY, only

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.slow]

CHROMIUM = shutil.which("chromium")

MADE_UP_NAMES = "--host-resolver-rules=MAP *.example 127.0.0.1"
"""Pages of this machine are let in more easily than those of others, so these come from others."""

LISTEN = """([url, types]) => {
    window.got = [];
    window.source = new EventSource(url, {withCredentials: true});
    for (const type of ["open", "message", "error", ...types]) {
        source.addEventListener(type, (e) => got.push({
            type, data: e.data, id: e.lastEventId, gone: source.readyState === 2,
        }));
    }
}"""

CONNECT = """([url, protocols]) => {
    window.got = [];
    window.socket = new WebSocket(url, protocols);
    socket.onopen = () => got.push({type: "open", protocol: socket.protocol});
    socket.onmessage = (e) => got.push({type: "message", data: e.data});
    socket.onclose = (e) => got.push({type: "close", code: e.code, reason: e.reason});
}"""


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """As everywhere, but once: starting Chromium takes seconds."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", MADE_UP_NAMES]
        )
        yield found
        await found.close()


@asynccontextmanager
async def page_at(browser: Browser, url: str) -> AsyncIterator[Page]:
    """Open a page in a profile of its own."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(url)
    try:
        yield page
    finally:
        await context.close()


@asynccontextmanager
async def blank_site(host: str) -> AsyncIterator[str]:
    """Serve an empty page at an origin of its own, which is returned."""

    async def blank(_: web.Request) -> web.Response:
        return web.Response(
            text="<!doctype html><title>elsewhere</title>", content_type="text/html"
        )

    app = web.Application()
    app.router.add_get("/", blank)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def knowing(site: str) -> Settings:
    """Return settings that let the pages of an origin read answers, and act."""
    return settings(web=WebOptions(cors_origins=(site,)), auth=AuthOptions(origins=(site,)))


async def listen(page: Page, url: str, *types: str) -> None:
    await page.evaluate(LISTEN, [url, list(types)])


async def connect(page: Page, url: str, *protocols: str) -> None:
    await page.evaluate(CONNECT, [url, list(protocols)])


async def got(page: Page, kind: str) -> dict:
    """Wait for the next thing of a kind and forget everything up to it."""
    await page.wait_for_function(
        "kind => got.some(e => e.type === kind)", arg=kind, polling=20, timeout=10_000
    )
    return await page.evaluate(
        "kind => got.splice(0, got.findIndex(e => e.type === kind) + 1).pop()", kind
    )


class TestEventSource:
    async def test_a_page_of_the_gateway_hears_events(self, gateway, publisher, browser):
        async with page_at(browser, gateway.url) as page:
            await listen(page, "/topics/orders/*")
            await got(page, "open")
            for n in range(20):
                published = await publisher.publish("orders/42", {"n": n, "text": "käse\u2028\r\n"})
                event = await got(page, "message")
                assert event["id"] == published.position
                assert json.loads(event["data"])["data"] == {"n": n, "text": "käse\u2028\r\n"}

    async def test_it_comes_back_to_where_it_was(self, gateway, browser):
        """Also when it was cut off before its first event, and what came meanwhile is not lost."""
        async with page_at(browser, gateway.url) as page:
            await listen(page, "/topics/t")
            await got(page, "open")
            for n in range(3):
                await gateway.leave()
                await gateway.hub.publish("t", n)
                await gateway.serve()
                await gateway.hub.publish("t", "and on")
                heard = [json.loads((await got(page, "message"))["data"])["data"] for _ in range(2)]
                assert heard == [n, "and on"]

    async def test_types_data_alone_and_control_events(self, gateway, publisher, browser):
        async with page_at(browser, gateway.url) as page:
            url = "/topics/t?format=data&event=type&control=true"
            await listen(page, url, "order.paid", "hubbub.live")
            await got(page, "hubbub.live")
            text = "one\r\ntwo\rthree\n"
            await publisher.publish("t", text, type="order.paid", content_type="text/plain")
            assert (await got(page, "order.paid"))["data"] == "one\ntwo\nthree\n"

    async def test_a_gap_is_told(self, gateway, publisher, browser):
        await publisher.publish("t", "kept")
        async with page_at(browser, gateway.url) as page:
            await listen(page, "/topics/t?last_event_id=lost-7", "hubbub.gap")
            gap = json.loads((await got(page, "hubbub.gap"))["data"])
            assert gap["requested"] == "lost-7"
            assert json.loads((await got(page, "message"))["data"])["data"] == "kept"

    async def test_a_cookie_lets_in_and_a_refusal_is_for_good(self, browser):
        wanted = settings(auth=only(subscribe="mine"))
        async with real_gateway(wanted) as gateway, page_at(browser, gateway.url) as page:
            await listen(page, "/topics/mine")
            assert (await got(page, "error"))["gone"]
            cookie = {"name": "hubbub_token", "value": KEY, "url": gateway.url}
            await page.context.add_cookies([cookie])
            await listen(page, "/topics/mine")
            await got(page, "open")
            await listen(page, "/topics/theirs")
            assert (await got(page, "error"))["gone"]


class TestOtherOrigins:
    async def test_a_page_on_the_list_hears_events(self, browser):
        async with (
            blank_site("app.example") as site,
            real_gateway(knowing(site)) as gateway,
            page_at(browser, site) as page,
        ):
            await listen(page, f"{gateway.url}/topics/t")
            await got(page, "open")
            await gateway.hub.publish("t", "hello")
            assert json.loads((await got(page, "message"))["data"])["data"] == "hello"
            told = await page.evaluate(
                """async (url) => {
                    const answer = await fetch(url, {
                        method: "POST",
                        body: JSON.stringify("from the page"),
                        headers: {"Content-Type": "application/json", "ce-type": "paged"},
                    });
                    return [answer.status, answer.headers.get("Hubbub-Position")];
                }""",
                f"{gateway.url}/topics/t",
            )
            assert told[0] == 201
            event = json.loads((await got(page, "message"))["data"])
            assert (event["type"], event["data"]) == ("paged", "from the page")

    async def test_a_page_on_the_list_opens_sockets(self, browser):
        async with (
            blank_site("app.example") as site,
            real_gateway(knowing(site)) as gateway,
            page_at(browser, site) as page,
        ):
            await connect(page, f"{gateway.ws}/topics/t", "cloudevents.json")
            assert (await got(page, "open"))["protocol"] == "cloudevents.json"

    async def test_any_other_page_hears_nothing(self, gateway, publisher, browser):
        async with blank_site("evil.example") as site, page_at(browser, site) as page:
            await listen(page, f"{gateway.url}/topics/t")
            assert (await got(page, "error"))["gone"]
            await connect(page, f"{gateway.ws}/topics/t")
            assert (await got(page, "close"))["code"] == 1006
            failed = await page.evaluate(
                "url => fetch(url, {method: 'POST', body: '1', headers: {'ce-id': '1'}})"
                ".then(() => false, () => true)",
                f"{gateway.url}/topics/t",
            )
            assert failed
        assert not [event async for event in publisher.history("t")]


class TestWebSocket:
    async def test_events_come_and_go(self, gateway, publisher, browser):
        """Chromium offers compression; the gateway may take it."""
        async with page_at(browser, gateway.url) as page:
            await connect(page, f"{gateway.ws}/topics/t", "cloudevents.json")
            assert (await got(page, "open"))["protocol"] == "cloudevents.json"
            for n in range(10):
                published = await publisher.publish("t", "ü" * 500 * n)
                event = json.loads((await got(page, "message"))["data"])
                assert (event["position"], event["data"]) == (published.position, "ü" * 500 * n)
            made = {"specversion": "1.0", "id": "1", "source": "/page", "type": "t", "data": 1}
            await page.evaluate("text => socket.send(text)", json.dumps(made))
            assert json.loads((await got(page, "message"))["data"])["source"] == "/page"

    async def test_multiplexed_with_a_token_as_subprotocol(self, browser):
        wanted = settings(auth=only(publish="mine/*", subscribe="mine/*"))
        async with real_gateway(wanted) as gateway, page_at(browser, gateway.url) as page:
            await connect(page, f"{gateway.ws}/ws", "hubbub.v1", f"bearer.{KEY}")
            assert (await got(page, "open"))["protocol"] == "hubbub.v1"
            ops = [
                {"op": "subscribe", "ref": 1, "topics": ["mine/*"]},
                {"op": "publish", "ref": 2, "topic": "mine/1", "data": {"n": 1}},
                {"op": "subscribe", "ref": 3, "topics": ["theirs"]},
            ]
            for op in ops:
                await page.evaluate("text => socket.send(text)", json.dumps(op))
            said = []
            while {"subscribed", "published", "event", "error"} - {answer["op"] for answer in said}:
                said.append(json.loads((await got(page, "message"))["data"]))
            (error,) = [answer for answer in said if answer["op"] == "error"]
            assert (error["ref"], error["status"]) == (3, 403)

    async def test_a_stopping_server_says_goodbye(self, gateway, browser):
        async with page_at(browser, gateway.url) as page:
            await connect(page, f"{gateway.ws}/ws", "hubbub.v1")
            await got(page, "open")
            await gateway.leave()
            closed = await got(page, "close")
            assert closed["code"] in (1001, 1012)
            assert closed["reason"]
