from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from hubbub.core.errors import Corrupt, Unavailable
from hubbub.log.options import LogOptions
from hubbub.log.sqlite import pool as module
from hubbub.log.sqlite.engine import SqliteLog
from hubbub.log.sqlite.reader import Reader
from hubbub.testing.log.subject import events, read_all
from log_engine import Engine

pytestmark = pytest.mark.anyio


async def opened(sqlite: Engine) -> SqliteLog:
    log = await sqlite.open(LogOptions())
    assert isinstance(log, SqliteLog)
    await log.append(events(3))
    return log


async def test_reads_wait_side_by_side(sqlite: Engine) -> None:
    log = await opened(sqlite)
    barrier = threading.Barrier(module.THREADS, timeout=10)
    used = [
        log._readers.run(lambda _: (barrier.wait(), threading.get_ident())[1])
        for _ in range(module.THREADS)
    ]
    assert len(set(await asyncio.gather(*used))) == module.THREADS
    await log.close()


async def test_a_read_that_nobody_waits_for_is_left_out(sqlite: Engine) -> None:
    log = await opened(sqlite)
    gate = threading.Event()
    busy = [
        asyncio.ensure_future(log._readers.run(lambda _: gate.wait(10)))
        for _ in range(module.THREADS)
    ]
    calls: list[Reader] = []
    gone = asyncio.ensure_future(log._readers.run(calls.append))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    gate.set()
    await asyncio.gather(*busy)
    await log._readers.run(lambda _: None)
    assert not calls
    await log.close()


async def test_a_file_that_is_gone_is_unavailable_and_comes_back(
    sqlite: Engine, path: Path
) -> None:
    log = await opened(sqlite)
    path.rename(path.with_suffix(".aside"))
    with pytest.raises(Unavailable):
        await asyncio.gather(*(read_all(log) for _ in range(8)))
    path.with_suffix(".aside").rename(path)
    assert len(await read_all(log)) == 3
    await log.close()


async def test_damage_is_told_with_the_file(sqlite: Engine, path: Path) -> None:
    log = await opened(sqlite)

    def read(_: Reader) -> None:
        raise Corrupt("the record at offset 1 is not what was written")

    with pytest.raises(Corrupt, match=f"{path} is damaged .the record at offset 1"):
        await log._readers.run(read)
    await log.close()


async def test_a_mistake_reaches_who_made_it(sqlite: Engine) -> None:
    log = await opened(sqlite)
    with pytest.raises(ZeroDivisionError):
        await log._readers.run(lambda _: 1 // 0)
    assert len(await read_all(log)) == 3
    await log.close()


async def test_threads_end_with_the_log(sqlite: Engine) -> None:
    before = threading.active_count()
    log = await opened(sqlite)
    assert threading.active_count() > before
    await log.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("hubbub-log") for name in names)
