"""F1: killed at any moment, a log has every event that was acknowledged, and none that was refused."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from .process import Contents, Told, Worker, tracing

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("HUBBUB_CRASH_ROUNDS", "6"))


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_at_random_moments(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    everything: list[Told] = []
    for _ in range(ROUNDS):
        worker = Worker(path, seed=rng.randrange(1000))
        worker.wait_for("ack")
        time.sleep(rng.uniform(0, 0.3))
        worker.kill()
        everything.append(worker.told())
        contents = Contents(path)
        for told in everything:
            contents.check(told)
            assert told.epochs == [contents.epoch], "nothing is lost, so the past is the same"


@pytest.mark.parametrize("nth", range(1, 25))
def test_kill_at_every_sync_of_a_new_log(path: Path, nth: int) -> None:
    worker = Worker(path, under=tracing("fdatasync,fsync", f"signal=KILL:when={nth}"))
    told = worker.told()
    contents = Contents(path)
    contents.check(told)
    if told.epochs:
        assert told.epochs == [contents.epoch]


def test_kill_at_every_sync_of_the_next_start(path: Path) -> None:
    everything: list[Told] = []
    for nth in range(1, 11):
        worker = Worker(path, under=tracing("fdatasync,fsync", f"signal=KILL:when={nth}"))
        everything.append(worker.told())
    contents = Contents(path)
    for told in everything:
        contents.check(told)
    assert len({epoch for told in everything for epoch in told.epochs} | {contents.epoch}) == 1
    assert any(told.acknowledged for told in everything)
