"""F3, F4, F25: a disk that fails, is full, or is slow. Nothing is acknowledged that is not on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .process import Contents, Worker, tracing

pytestmark = pytest.mark.slow

SYNC, WRITE = 20, 100
"""More syncs and writes than a thread makes while a log is opened that is there already."""


@pytest.fixture
def log(path: Path) -> Path:
    """A log that is there already."""
    assert Worker(path, publishers=1, appends=1, seed=3).told().is_closed
    return path


@pytest.mark.parametrize(
    ("calls", "fault"),
    [
        ("fdatasync", f"error=EIO:when={SYNC}"),
        ("fdatasync", f"error=EIO:when={SYNC}+20"),
        ("pwrite64", f"error=EIO:when={WRITE}+300"),
        ("pwrite64", f"error=ENOSPC:when={WRITE}+300"),
        ("pwrite64", f"error=EROFS:when={WRITE}+300"),
    ],
)
def test_a_fault_that_passes(log: Path, calls: str, fault: str) -> None:
    worker = Worker(log, appends=25, under=tracing(calls, fault))
    told = worker.told()
    assert told.is_closed, worker.errors
    assert told.refused, "the fault was hit"
    assert told.health[0].startswith("bad")
    contents = Contents(log)
    contents.check(told)
    assert len(contents.found) == len(told.acknowledged) + 1
    assert told.epochs == [contents.epoch]


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("calls", ["fdatasync", "pwrite64"])
def test_a_fault_that_stays(log: Path, calls: str, error: str) -> None:
    nth = SYNC if calls == "fdatasync" else WRITE
    worker = Worker(log, appends=40, under=tracing(calls, f"error={error}:when={nth}+"))
    worker.wait_for("bad")
    worker.wait_for("no")
    worker.kill()
    told = worker.told()
    if calls == "fdatasync":  # otherwise the note cannot be written either
        _, head, state = log.with_name(log.name + ".lock").read_text().splitlines()[0].split()
        assert state == "doubt"
        assert max(told.acknowledged.values()) <= int(head), "no ack after a failed commit"
    contents = Contents(log)
    contents.check(told)
    assert told.epochs == [contents.epoch]


def test_a_slow_disk_keeps_the_throughput(log: Path) -> None:
    slow = tracing("fdatasync", "delay_enter=300000")
    worker = Worker(log, publishers=100, appends=3, under=slow)
    told = worker.told(timeout=45)  # one after the other they would take 90 seconds
    assert told.is_closed
    assert not told.refused
    assert not told.health
    Contents(log).check(told)
