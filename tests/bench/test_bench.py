"""Each benchmark runs at a tiny size and prints its table: no numbers are judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = (
    *("--connections", "20", "--idle", "60", "--rounds", "1", "--deliveries", "60"),
    *("--seconds", "0.2", "--records", "1000", "--clients", "20", "--others", "200"),
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the tools use epoll and /proc"),
]


def bench(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments, *TINY],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Linux" in done.stdout.splitlines()[0]
    assert "skipped: hubbub" not in done.stderr, done.stderr
    return done.stdout


def rows(output: str) -> list[str]:
    """First cells of the lines of all tables."""
    return [line.split("|")[1].strip() for line in output.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("transport", ["sse", "ws", "ws-deflate"])
def test_fanout_delivers_everything_and_prints_a_table(transport: str) -> None:
    output = bench("fanout", "--servers", "hubbub,floor", "--transports", transport)
    assert rows(output) == ["server", "------", "hubbub", "floor"] * 2


def test_memory_weighs_every_transport() -> None:
    output = bench("memory", "--servers", "hubbub")
    assert [row for row in rows(output) if row.startswith("hubbub")] == [
        "hubbub, sse",
        "hubbub, ws",
        "hubbub, ws-deflate",
    ]


def test_publish_measures_single_events_and_batches() -> None:
    output = bench("publish", "--servers", "hubbub")
    assert rows(output).count("hubbub, one event") == 2
    assert rows(output).count("hubbub, 100 CloudEvents") == 2


def test_catchup_reads_everything() -> None:
    output = bench("catchup", "--servers", "hubbub")
    assert "One client reads 1,000 records" in output
    assert "Clients resume at once" in output


def test_index_compares_empty_and_crowded() -> None:
    assert "the same topic" in rows(bench("index"))


def test_deliveries() -> None:
    output = bench("deliveries")
    assert "beside one that hangs" in rows(output)
    assert "other topics" in rows(output)


def test_websub() -> None:
    output = bench("websub")
    assert rows(output).count("json-feed, signed") == 3
    assert {"publishes in the storm", "subscriptions", "pings, until 204"} <= set(rows(output))
    assert "Starting with them" in output


def test_a_benchmark_that_does_not_exist_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "fanuot"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "no benchmark named fanuot" in done.stderr
