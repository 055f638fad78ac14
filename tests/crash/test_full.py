"""F3: a full disk. Publishing is refused, reading and trimming go on, and it heals by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Engine, Flush, Log, Retention
from hubbub.core.errors import Unavailable
from hubbub.core.subscription import Attempt, Cursor
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions
from hubbub.testing.log.subject import event, read_all

pytestmark = [pytest.mark.slow, pytest.mark.anyio]


def mount(*arguments: str) -> bool:
    return not subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    if not mount("-t", "tmpfs", "-o", "size=32m", "tmpfs", str(tmp_path)):
        pytest.skip("no file system may be mounted here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


async def open_on(disk: Path) -> Engine:
    options = LogOptions(store=f"sqlite://{disk}/hubbub.db")
    return await open_engine(options, clock=SystemClock(), entropy=os.urandom)


async def fill(log: Log) -> int:
    """Append until it stays refused; return how many were acknowledged."""
    before = log.head
    refusal = None
    while refusal is None and log.head < before + 1000:
        try:
            await log.append([event(data=b'"%b"' % (b"x" * 50_000))])
        except Unavailable as error:
            await anyio.sleep(0.5)  # emptied into the file, the write-ahead log may leave some room
            refusal = None if log.health().ok else error
    assert refusal is not None
    assert "full" in refusal.detail
    assert refusal.retry_after
    return log.head - before


async def until(condition: Callable[[], bool], during: Callable[[], Awaitable[object]]) -> None:
    with anyio.fail_after(20):
        while not condition():
            await during()
            await anyio.sleep(0.02)


async def nothing() -> None: ...


async def test_a_full_disk_heals_when_it_grows(disk: Path) -> None:
    log = await open_on(disk)
    count = await fill(log)
    assert 100 < count < 1000
    assert not log.health().ok
    assert "full" in log.health().reason
    assert len(await read_all(log)) == log.head == count, "reading goes on"
    with pytest.raises(Unavailable):
        await log.append([event()])
    assert mount("-o", "remount,size=64m", str(disk))
    await until(lambda: log.health().ok, nothing)
    assert [answer.offset for answer in await log.append([event()])] == [count + 1]
    assert len(await read_all(log)) == count + 1
    await log.close()


async def test_retention_makes_room_on_a_full_disk(disk: Path) -> None:
    log = await open_on(disk)
    count = await fill(log)
    await until(
        lambda: log.health().ok, lambda: trimmed(log, Retention(max_age=0, max_count=count // 2))
    )
    assert log.tail > count // 3
    assert await fill(log) > 10
    assert len(await read_all(log)) == log.head - log.tail + 1
    await log.close()


async def trimmed(log: Log, policy: Retention) -> None:
    with suppress(Unavailable):  # for a moment, until the file was opened again
        await log.trim(policy)


async def test_a_log_opens_on_a_full_disk(disk: Path) -> None:
    log = await open_on(disk)
    await log.append([event()] * 10)
    await log.close()
    (disk / "other").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
    log = await open_on(disk)
    assert len(await read_all(log)) == 10
    assert await fill(log) < 100
    (disk / "other").unlink()
    await until(lambda: log.health().ok, nothing)
    await log.append([event()])
    assert len(await read_all(log)) == log.head > 10
    await log.close()


async def test_deliveries_are_recorded_again_when_there_is_space(disk: Path) -> None:
    log = await open_on(disk)
    attempts = [Attempt(id=f"{n:03d}", subscription="a", message="m", at=n) for n in range(100)]
    await log.ledger.write(Flush({"a": Cursor(log.epoch, 1, 1)}, {}, attempts))
    count = await fill(log)
    more = Flush({"a": Cursor(log.epoch, 2, 2)})
    with pytest.raises(Unavailable, match="full"):
        await log.ledger.write(more)
    assert (await log.ledger.cursors())["a"].offset == 1
    assert len(await log.ledger.attempts("a")) == 100, "reading goes on"
    assert await log.ledger.trim_attempts(100, 1000) == 100, "what frees space is done"
    await until(
        lambda: log.health().ok, lambda: trimmed(log, Retention(max_age=0, max_count=count // 2))
    )
    await log.ledger.write(more)
    assert (await log.ledger.cursors())["a"].offset == 2
    await log.close()
