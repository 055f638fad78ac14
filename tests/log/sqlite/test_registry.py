"""Documents between the appends and along with them; what an engine promises is in hubbub.testing.ledger."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hubbub.core.errors import Conflict, Unavailable
from hubbub.log.options import LogOptions
from hubbub.log.sqlite import registry as module
from hubbub.log.sqlite.engine import SqliteLog
from hubbub.log.sqlite.intake import Batch
from hubbub.log.sqlite.store import Store
from hubbub.testing.log.subject import events
from log_engine import Engine

pytestmark = pytest.mark.anyio

LONG = 3600.0


class Commits:
    """Counts the transactions, and makes them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.appends: list[int] = []
        """What went along with each."""
        self.alone = 0
        self.error: Exception | None = None
        append, change = Store.append, Store.change

        def appending(store: Store, batches: Sequence[Batch], along: Sequence[Any]) -> list[Any]:
            if self.error is not None:
                raise self.error
            self.appends.append(len(along))
            return append(store, batches, along)

        def changing(store: Store, call: Callable[[Any], Any]) -> Any:
            self.alone += 1
            return change(store, call)

        monkeypatch.setattr(Store, "append", appending)
        monkeypatch.setattr(Store, "change", changing)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    return Commits(monkeypatch)


@pytest.fixture
async def log(sqlite: Engine) -> Any:
    log = await sqlite.open(LogOptions())
    assert isinstance(log, SqliteLog)
    yield log
    await log.close()


async def names(log: SqliteLog) -> list[str]:
    return [one.name for one in await log.registry.all("k")]


async def begin(*calls: Any) -> list[asyncio.Task[Any]]:
    """Begin calls and let them come to where they wait."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    await asyncio.sleep(0)
    return tasks


async def test_what_can_wait_goes_along_with_an_append(log: SqliteLog, commits: Commits) -> None:
    tasks = await begin(*(log.registry.put("k", f"{n:02}", b"{}", within=LONG) for n in range(10)))
    assert not await names(log)
    await log.append(events(1))
    assert await asyncio.gather(*tasks) == [1] * 10
    assert len(await names(log)) == 10
    tasks = await begin(log.registry.delete("k", "05", within=LONG))
    await log.append(events(1))
    assert await asyncio.gather(*tasks) == [True]
    assert commits.appends == [1, 1]
    assert not commits.alone


async def test_an_append_takes_so_much_along_and_no_more(log: SqliteLog, commits: Commits) -> None:
    count = module.ALONG + 5
    puts = (log.registry.put("k", f"{n:02}", b"{}", within=LONG) for n in range(count))
    tasks = await begin(*puts)
    await log.append(events(1))
    assert len(await names(log)) == module.ALONG
    await log.append(events(1))
    assert len(await names(log)) == count
    assert await asyncio.gather(*tasks) == [1] * count
    assert not commits.alone


async def test_a_commit_takes_no_more_along_however_many_appends_it_has(
    log: SqliteLog, commits: Commits
) -> None:
    count = module.MOST * 3
    puts = (log.registry.put("k", f"{n:03}", b"{}", within=LONG) for n in range(count))
    tasks = await begin(*puts)
    appends = await begin(*(log.append(events(1)) for _ in range(50)))
    await asyncio.gather(*appends)
    assert max(commits.appends) <= module.MOST / module.ALONG
    while not all(task.done() for task in tasks):
        await log.append(events(1))
    assert len(await names(log)) == count


async def test_closed_by_two_at_once(sqlite: Engine) -> None:
    log = await sqlite.open(LogOptions())
    await asyncio.gather(log.close(), log.close())


async def test_the_least_patient_decides(log: SqliteLog, commits: Commits) -> None:
    tasks = await begin(log.registry.delete("k", "a", within=LONG))
    assert await log.registry.put("k", "a", b"1", within=0.001) == 1
    assert await asyncio.gather(*tasks) == [False]
    assert commits.alone == 1


async def test_what_can_wait_does_not_for_ever(log: SqliteLog, commits: Commits) -> None:
    assert await log.registry.put("k", "a", b"{}", within=0.001) == 1
    assert await log.registry.put("k", "a", b"{}", within=0.001) == 2
    assert commits.alone == 2
    assert not commits.appends


async def test_what_cannot_wait_takes_the_others_along(log: SqliteLog, commits: Commits) -> None:
    tasks = await begin(log.registry.put("k", "a", b"1", within=LONG))
    assert await log.registry.put("k", "a", b"2", 1) == 2, "in the order of their coming"
    assert await asyncio.gather(*tasks) == [1]
    assert commits.alone == 1


async def test_a_conflict_harms_nothing_beside_it(log: SqliteLog) -> None:
    await log.registry.put("k", "a", b"1")
    tasks = await begin(
        log.registry.put("k", "a", b"2", 7, within=LONG),
        log.registry.put("k", "b", b"2", within=LONG),
    )
    (appended,) = await log.append(events(1))
    assert not appended.duplicate
    first, second = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, Conflict)
    assert second == 1


async def test_what_goes_along_fails_along(log: SqliteLog, commits: Commits) -> None:
    tasks = await begin(log.registry.put("k", "a", b"1", within=LONG))
    commits.error = OSError(errno.EIO, "the disk is gone")
    late = await begin(log.append(events(1)))
    tasks += await begin(log.registry.put("k", "b", b"1", within=LONG))
    late += await begin(log.append(events(1)))  # perhaps before the failure is known
    ends = await asyncio.gather(*tasks[:1], *late, return_exceptions=True)
    assert all(isinstance(end, Unavailable) for end in ends)
    await log.registry.flush()
    (end,) = await asyncio.gather(*tasks[1:], return_exceptions=True)
    assert isinstance(end, Unavailable)


async def test_whoever_asked_may_be_gone(log: SqliteLog) -> None:
    (task,) = await begin(log.registry.put("k", "a", b"1", within=LONG))
    task.cancel()
    await log.append(events(1))
    assert await names(log) == ["a"]


async def test_closing_writes_what_waits(sqlite: Engine) -> None:
    log = await sqlite.open(LogOptions())
    tasks = await begin(log.registry.put("k", "a", b"1", within=LONG))
    await log.close()
    assert await asyncio.gather(*tasks) == [1]
    log = await sqlite.open(LogOptions())
    assert [one.name for one in await log.registry.all("k")] == ["a"]
    await log.close()
