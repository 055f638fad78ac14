"""The page at `/`, in a real browser, before a real gateway."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from console.browser import browser, live, needs_chromium
from hubbub.client import AsyncClient
from hubbub.core.grants import Grants
from hubbub.demo.gateway import Gateway, gateway
from hubbub.demo.quakes import load
from hubbub.web.auth.mint import mint_key

pytestmark = [pytest.mark.anyio, pytest.mark.browser, needs_chromium]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with gateway(0, tmp_path) as found:
        yield found


@pytest.fixture
async def page() -> AsyncGenerator[Page]:
    async with browser() as found:
        yield found


async def test_it_shows_what_was_and_what_comes(running: Gateway, page: Page) -> None:
    quakes = load()
    async with AsyncClient(running.url) as client:
        await client.publish_events([quake.event() for quake in quakes[:3]])
        await live(page, f"{running.url}/")
        await expect(page.locator("#count")).to_have_text("3")
        await expect(page.locator("#map-panel")).to_be_visible()
        told = await client.publish_event(quakes[3].event())
    first = page.locator("#list li").first
    await expect(first).to_contain_text(quakes[3].place)
    await expect(first).to_contain_text(quakes[3].topic)
    await expect(page.locator("#position")).to_have_text(str(told.position))
    await expect(page.locator("#strongest")).to_have_text(f"{max(q.mag for q in quakes[:4]):.1f}")
    await first.locator("summary").click()
    await expect(first.locator("pre")).to_contain_text(f'"id": "{quakes[3].id}"')


async def test_the_map_is_painted(running: Gateway, page: Page) -> None:
    async with AsyncClient(running.url) as client:
        await client.publish("places/zero", {"longitude": 0, "latitude": 0, "mag": 6})
    await live(page, f"{running.url}/?topic=places/*")
    await expect(page.locator("#map-panel")).to_be_visible()
    await page.wait_for_function(
        """() => {
            const map = document.querySelector("#map");
            const pen = map.getContext("2d");
            const [r, g, b, a] = pen.getImageData(map.width / 2, map.height / 2, 1, 1).data;
            const [sr, sg, sb] = pen.getImageData(map.width / 2 - 40, map.height / 2, 1, 1).data;
            return a === 255 && r > 120 && b < r && !(r === sr && g === sg && b === sb);
        }"""
    )


async def test_payloads_are_text_and_never_markup(running: Gateway, page: Page) -> None:
    hostile = (
        "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    )
    async with AsyncClient(running.url) as client:
        await client.publish("x/<b>", {"text": hostile}, subject=hostile)
        await client.publish("x/plain", hostile.encode(), content_type="text/html")
    await live(page, f"{running.url}/?topic=x/**")
    await expect(page.locator("#list li")).to_have_count(2)
    await page.locator("#list summary").last.click()
    await expect(page.locator("#list pre")).to_contain_text("<img src=x")
    assert await page.locator("#list img, #list b, #list script").count() == 0
    assert await page.title() == "hubbub"


async def test_the_publish_box_publishes(running: Gateway, page: Page) -> None:
    await live(page, f"{running.url}/")
    await page.fill("#publish-topic", "räume/it's")
    await page.fill("#publish-data", '{"a": 1}')
    await expect(page.locator("#publish-curl")).to_have_text(
        f"curl '{running.url}/topics/r%C3%A4ume/it'\\''s' -H 'Content-Type: application/json'"
        " -d '{\"a\": 1}'"
    )
    await page.get_by_role("button", name="Publish").click()
    await expect(page.locator("#published")).to_have_text(re.compile("^201: durable at "))
    await expect(page.locator("#list li")).to_contain_text("räume/it's")
    await page.fill("#publish-topic", "a//b")
    await page.get_by_role("button", name="Publish").click()
    await expect(page.locator("#published")).to_have_text(re.compile("^400: a topic has no empty"))


async def test_a_refusal_is_told_in_words(running: Gateway, page: Page) -> None:
    await page.goto(f"{running.url}/?topic=a&filter=1%20%2B")
    await expect(page.locator("#state")).to_have_text("refused")
    await expect(page.locator("#notice")).to_be_visible()
    await expect(page.locator("#notice")).not_to_have_text("")
    await page.fill("#filter", "")
    await page.get_by_role("button", name="Listen").click()
    await expect(page.locator("#state")).to_have_text("live")
    await expect(page.locator("#notice")).to_be_hidden()


async def test_it_comes_back_after_a_restart_and_misses_nothing(tmp_path: Path) -> None:
    async with browser() as page:
        async with gateway(0, tmp_path) as first:
            port = int(first.url.rpartition(":")[2])
            async with AsyncClient(first.url) as client:
                await client.publish("a", 1)
            await live(page, f"{first.url}/")
            await expect(page.locator("#count")).to_have_text("1")
        await expect(page.locator("#state")).to_have_text("reconnecting")
        async with gateway(port, tmp_path) as second:
            async with AsyncClient(second.url) as client:
                await client.publish("a", 2)
            await expect(page.locator("#count")).to_have_text("2")
            await expect(page.locator("#state")).to_have_text("live")


async def test_the_list_can_be_held(running: Gateway, page: Page) -> None:
    await live(page, f"{running.url}/")
    await page.get_by_role("button", name="Hold the list").click()
    async with AsyncClient(running.url) as client:
        await client.publish("a", 1)
        await expect(page.locator("#count")).to_have_text("1")
        assert await page.locator("#list li").count() == 0
        await page.get_by_role("button", name="Hold the list").click()
        await expect(page.locator("#list li")).to_have_count(1)


async def test_a_token_lets_it_in_for_this_session(tmp_path: Path, page: Page) -> None:
    made = mint_key("page", Grants(publish=("orders/*",), subscribe=("**",)))
    (tmp_path / "hubbub.toml").write_text(
        f'[[auth.keys]]\nname = "page"\nhash = "{made.entry.hash}"\n'
        'grants = { publish = ["orders/*"], subscribe = ["**"] }\n'
    )
    async with gateway(0, tmp_path) as running:
        await page.goto(f"{running.url}/")
        await expect(page.locator("#state")).to_have_text("refused")
        await expect(page.locator("#notice")).to_contain_text("A token is needed here")
        await page.fill("#token", made.key)
        await page.get_by_role("button", name="Use it for this session").click()
        await expect(page.locator("#state")).to_have_text("live")
        await expect(page.locator("#login")).to_be_hidden()
        await page.fill("#publish-topic", "orders/1")
        await page.get_by_role("button", name="Publish").click()
        await expect(page.locator("#published")).to_have_text(re.compile("^201"))
        await page.fill("#publish-topic", "stock/1")
        await page.get_by_role("button", name="Publish").click()
        await expect(page.locator("#published")).to_have_text(re.compile("^403: this token may"))
