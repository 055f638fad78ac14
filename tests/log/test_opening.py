from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Retention
from hubbub.core.errors import Misconfigured
from hubbub.log import LogOptions, Tail, open_log
from hubbub.testing.log import ManualClock
from hubbub.testing.log.subject import events, read_all

pytestmark = pytest.mark.anyio


async def until_trimmed(log: Tail, tail: int) -> None:
    with anyio.fail_after(10):
        while log.tail < tail:
            await anyio.sleep(0.005)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_it_keeps_what_the_policy_says_by_itself(kind: str, path: Path) -> None:
    clock = ManualClock()
    options = LogOptions(
        store="memory:" if kind == "memory" else f"sqlite://{path}",
        retention=Retention(max_age=3600, max_count=7),
        trim_interval=0.01,
    )
    log = await open_log(options, clock=clock, entropy=os.urandom)
    await log.append(events(10))
    await until_trimmed(log, 4)
    assert len(await read_all(log)) == 7
    clock.advance(3601)
    await until_trimmed(log, 11)
    await log.close()


async def test_trimming_outlives_what_goes_wrong(caplog: pytest.LogCaptureFixture) -> None:
    options = LogOptions(store="memory:", trim_interval=0.01)
    log = await open_log(options, clock=ManualClock(), entropy=os.urandom)
    engine = log._engine
    real, wrong = engine.trim, 0

    async def trim(policy: Retention) -> int:
        nonlocal wrong
        wrong += 1
        if wrong < 3:
            raise ValueError("mistake")
        return await real(policy)

    engine.trim = trim  # type: ignore[method-assign]
    with anyio.fail_after(10):
        while wrong < 4:
            await anyio.sleep(0.005)
    assert "trimming failed" in caplog.text
    await log.close()


async def test_without_bounds_nothing_is_trimmed() -> None:
    options = LogOptions(store="memory:", retention=Retention(max_age=0))
    log = await open_log(options, clock=SystemClock(), entropy=os.urandom)
    assert log._trimming is None
    await log.close()
    await log.close()


async def test_a_store_that_cannot_be_opened_is_left_alone(path: Path) -> None:
    options = LogOptions(store=f"sqlite://{path}")
    log = await open_log(options, clock=SystemClock(), entropy=os.urandom)
    with pytest.raises(Misconfigured):
        await open_log(options, clock=SystemClock(), entropy=os.urandom)
    await log.append(events(1))
    await log.close()
