"""The examples do what they say."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

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
