"""F1 for deliveries: killed at any moment, a flush is there as a whole or not at all, and if acknowledged it is."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import pytest

from hubbub.core.clock import SystemClock
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions

from .ledger_worker import SUBSCRIPTIONS, flush
from .process import Told, Worker, tracing

pytestmark = pytest.mark.slow

WORKER = Path(__file__).with_name("ledger_worker.py")
ROUNDS = int(os.environ.get("HUBBUB_CRASH_ROUNDS", "6"))


async def _check(path: Path) -> int:
    """Assert that what is there is what some flush left; return its number."""
    options = LogOptions(store=f"sqlite://{path}")
    log = await open_engine(options, clock=SystemClock(), entropy=os.urandom)
    cursors = await log.ledger.cursors()
    number = max((cursor.offset for cursor in cursors.values()), default=0)
    if number:
        last = flush(number)
        assert cursors == last.cursors
        for place, name in enumerate(SUBSCRIPTIONS):
            found = [
                *await log.ledger.parcels(name, dead=True),
                *await log.ledger.parcels(name, dead=False),
            ]
            assert found == [last.parcels[name, number]]
            attempts = await log.ledger.attempts(name, limit=number + 1)
            expected = [f"{n:08d}-{place:03d}" for n in range(number, 0, -1)]
            assert [attempt.id for attempt in attempts] == expected, "each once"
    await log.close()
    return number


def check(path: Path, told: Told) -> int:
    number = asyncio.run(_check(path))
    assert number >= max(told.acknowledged.values(), default=0)
    return number


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_at_random_moments(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    number = 0
    for _ in range(ROUNDS):
        worker = Worker(path, publishers=2, script=WORKER)
        worker.wait_for("ack")
        time.sleep(rng.uniform(0, 0.3))
        worker.kill()
        before, number = number, check(path, worker.told())
        assert number > before


@pytest.mark.parametrize("nth", range(6, 21))
def test_kill_at_every_sync(path: Path, nth: int) -> None:
    under = tracing("fdatasync,fsync", f"signal=KILL:when={nth}")
    check(path, Worker(path, publishers=2, script=WORKER, under=under).told())
