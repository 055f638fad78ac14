"""The examples do what they say."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from console.browser import browser, live, needs_chromium
from hubbub.client import AsyncClient
from hubbub.demo.gateway import gateway

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

pytestmark = pytest.mark.anyio


@contextmanager
def worker(url: str, database: Path) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "worker.py"), str(database)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"HUBBUB_URL": url},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def totals(database: Path) -> dict[str, float]:
    return dict(sqlite3.connect(database).execute("SELECT topic, total FROM totals"))


async def test_the_worker_counts_each_order_once_even_if_it_is_killed(tmp_path: Path) -> None:
    database = tmp_path / "totals.db"
    async with gateway(0, tmp_path) as running, AsyncClient(running.url) as client:
        await client.publish_many("orders/1", [{"total": n} for n in (1, 2, 4)])
        with worker(running.url, database) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
        assert all("orders/1" in line for line in lines)
        await client.publish("orders/2", {"total": 8})
        await client.publish("orders/1", {"total": 16})
        with worker(running.url, database) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
        assert [line.split()[1] for line in lines] == ["orders/2", "orders/1"]
    assert totals(database) == {"orders/1": 23.0, "orders/2": 8.0}


@contextmanager
def fastapi_app() -> Generator[str]:
    """Run the example under plain uvicorn; give its URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        arguments = ["--app-dir", str(EXAMPLES), "--fd", str(listening.fileno())]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "fastapi_app:app", *arguments],
            pass_fds=[listening.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            process.kill()
            process.wait()


@needs_chromium
@pytest.mark.browser
async def test_the_fastapi_example_is_live_in_two_windows() -> None:
    with fastapi_app() as url:
        async with browser() as page:
            other = await page.context.new_page()
            for window in (page, other):
                await window.goto(url)
            await page.get_by_role("button", name="Pay order 42").click()
            for window in (page, other):
                await expect(window.locator("li")).to_contain_text("orders/42: shop.order.paid")
            await live(other, f"{url}/hub/")
            await expect(other.locator("#count")).to_have_text("1")
