"""A real browser for tests: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WAIT = 30_000  # milliseconds: a deadline for a busy machine, nothing takes that long

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt install chromium"
)

expect.set_options(timeout=WAIT)


@asynccontextmanager
async def browser() -> AsyncGenerator[Page]:
    """Open a page; an error on it, or a breach of its security policy, fails the test."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await (await chromium.new_context()).new_page()
        page.set_default_timeout(WAIT)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
        )
        yield page
        await chromium.close()
        assert complaints == []


async def live(page: Page, url: str) -> None:
    """Open the page at `/` of a gateway and wait until it has caught up."""
    await page.goto(url)
    await expect(page.locator("#state")).to_have_text("live")
