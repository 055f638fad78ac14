"""Group commit, and getting up after a failure; real disks that fail are in tests/crash."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from hubbub.core.contracts import Retention
from hubbub.core.errors import Corrupt, Unavailable
from hubbub.log.options import LogOptions
from hubbub.log.sqlite import writer as module
from hubbub.log.sqlite.engine import SqliteLog
from hubbub.log.sqlite.intake import Batch
from hubbub.log.sqlite.store import Store
from hubbub.testing.log.subject import event, events, read_all
from log_engine import Engine

pytestmark = pytest.mark.anyio


class Faults:
    """Makes commits fail, after they were made: nobody can tell then whether they were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.commits: list[int] = []
        monkeypatch.setattr(Store, "append", self.wrap(Store.append))

    def wrap(self, real: Callable[..., list[Any]]) -> object:
        def append(store: Store, batches: Sequence[Batch], along: Any = ()) -> list[Any]:
            head = store._witness.head
            values = real(store, batches, along)
            self.commits.append(sum(len(batch.events) for batch in batches))
            if self.error is not None:
                store._witness.acknowledge(head)  # the failure came before that
                raise self.error
            return values

        return append


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch)


async def opened(sqlite: Engine) -> SqliteLog:
    log = await sqlite.open(LogOptions())
    assert isinstance(log, SqliteLog)
    return log


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not condition():
            await anyio.sleep(0.005)


async def test_what_comes_together_is_committed_together(sqlite: Engine, faults: Faults) -> None:
    log = await opened(sqlite)
    await asyncio.gather(*(log.append(events(1)) for _ in range(300)))
    assert sum(faults.commits) == 300
    assert len(faults.commits) < 30
    await log.close()


async def test_one_commit_is_bounded(
    sqlite: Engine, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 10)
    log = await opened(sqlite)
    await asyncio.gather(*(log.append(events(4)) for _ in range(50)))
    assert sum(faults.commits) == 200
    assert max(faults.commits) <= 12
    await log.close()


async def test_a_failed_commit_is_refused_and_never_seen(
    sqlite: Engine, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    log = await opened(sqlite)
    await log.append([event("a")])
    faults.error = OSError(errno.EIO, "the disk is gone")
    refused = await asyncio.gather(
        *(log.append([event(f"refused-{n}")]) for n in range(5)), return_exceptions=True
    )
    assert all(isinstance(result, Unavailable) for result in refused)
    health = log.health()
    assert not health.ok
    assert "the disk fails (EIO)" in health.reason
    with pytest.raises(Unavailable) as caught:
        await log.append(events(1))
    assert caught.value.retry_after == 1
    assert [r.attributes()["id"] for r in await read_all(log)] == ["a"], "reading goes on"
    with pytest.raises(Unavailable):
        await log.trim(Retention(max_age=0, max_bytes=1))
    faults.error = None
    sqlite.clock.advance(module.RETRY_FIRST)
    await until(lambda: log.health().ok)
    assert "takes no appends" in caplog.text
    assert "takes appends again" in caplog.text
    answers = await log.append([event("refused-1"), event("b"), event("a")])
    assert [answer.duplicate for answer in answers] == [False, False, True]
    epoch = log.epoch
    await log.close()
    log = await opened(sqlite)
    names = [r.attributes()["id"] for r in await read_all(log)]
    assert (log.epoch, names) == (epoch, ["a", "refused-1", "b"])
    await log.close()


async def test_a_failed_commit_is_gone_after_a_restart_too(sqlite: Engine, faults: Faults) -> None:
    log = await opened(sqlite)
    await log.append([event("a")])
    faults.error = OSError(errno.EIO, "the disk is gone")
    with pytest.raises(Unavailable):
        await log.append([event("refused")])
    epoch = log.epoch
    await log.close()
    faults.error = None
    log = await opened(sqlite)
    assert [r.attributes()["id"] for r in await read_all(log)] == ["a"]
    assert log.epoch == epoch, "nothing was lost that was promised"
    await log.close()


async def test_tries_come_less_and_less_often(
    sqlite: Engine,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "RETRY_LAST", 3 * module.RETRY_FIRST)
    log = await opened(sqlite)
    faults.error = OSError(errno.EIO, "the disk is gone")
    tries = 0

    def recover(_: Store) -> None:
        nonlocal tries
        tries += 1
        raise OSError(errno.EIO, "still")

    monkeypatch.setattr(Store, "recover", recover)
    with pytest.raises(Unavailable):
        await log.append(events(1))
    for n, factor in enumerate([1, 2, 3, 3], 1):
        await until(lambda n=n: log._writer._retry_at > sqlite.clock.monotonic() and tries == n - 1)
        assert log._writer._retry_at - sqlite.clock.monotonic() == pytest.approx(
            module.RETRY_FIRST * factor
        )
        sqlite.clock.advance(module.RETRY_FIRST * factor * 1.01)
        await until(lambda n=n: tries == n)
    assert caplog.text.count("the log takes no appends") == 1, "said once"
    await log.close()


@pytest.mark.parametrize("error", [Corrupt("a page is gone"), ValueError("our mistake")])
async def test_what_trying_again_cannot_help_stays(
    sqlite: Engine, faults: Faults, error: Exception
) -> None:
    log = await opened(sqlite)
    await log.append([event("a")])
    faults.error = error
    with pytest.raises(Unavailable, match="damaged") as caught:
        await log.append(events(1))
    assert caught.value.retry_after is None
    sqlite.clock.advance(3600)
    with pytest.raises(Unavailable):
        await log.trim(Retention(max_age=0, max_bytes=1))
    assert not log.health().ok
    assert len(await read_all(log)) == 1
    await log.close()


async def test_a_loop_that_ends_before_its_log(path: Path) -> None:
    code = (
        "import asyncio, os\n"
        "from hubbub.core.clock import SystemClock\n"
        "from hubbub.log.engines import open_engine\n"
        "from hubbub.log.options import LogOptions\n"
        "from hubbub.testing.log.subject import events\n"
        "async def main():\n"
        f"    log = await open_engine(LogOptions(store='sqlite://{path}'),\n"
        "        clock=SystemClock(), entropy=os.urandom)\n"
        "    for _ in range(50): asyncio.ensure_future(log.append(events(100)))\n"
        "    await asyncio.sleep(0)\n"
        "asyncio.run(main())\n"
    )
    result = await anyio.run_process([sys.executable, "-c", code], check=False)
    assert (result.returncode, result.stderr) == (0, b"")
