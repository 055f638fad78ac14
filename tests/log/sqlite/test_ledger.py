"""What the ledger does when the disk fails, and what it costs; its promises are in hubbub.testing.ledger."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from hubbub.core.contracts import Flush
from hubbub.core.errors import Closing, Conflict, Corrupt, Unavailable
from hubbub.core.subscription import Attempt, Cursor, Parcel
from hubbub.log.options import LogOptions
from hubbub.log.sqlite import ledger, writer
from hubbub.log.sqlite import ledger as module
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.engine import SqliteLog
from hubbub.log.sqlite.sql import LEDGER
from hubbub.log.sqlite.store import Store
from hubbub.testing.log.subject import events, read_all
from log_engine import Engine

pytestmark = pytest.mark.anyio


def attempt(number: int, subscription: str = "a") -> Attempt:
    return Attempt(id=f"id-{number:06d}", subscription=subscription, message="m", at=number)


def flush(number: int) -> Flush:
    cursors = {name: Cursor("e", number, number) for name in ("a", "b")}
    parcels = {("a", number): Parcel("a", number, 1, 1, 5, 1), ("a", number - 1): None}
    return Flush(cursors, parcels, [attempt(10 * number + n) for n in range(3)])


async def opened(sqlite: Engine) -> SqliteLog:
    log = await sqlite.open(LogOptions())
    assert isinstance(log, SqliteLog)
    return log


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not condition():
            await anyio.sleep(0.005)


def fails(monkeypatch: pytest.MonkeyPatch, *, after: bool) -> Callable[[], None]:
    """Have changes fail, before or after they were committed; return how to mend it."""
    real = Store.change

    def change(store: Store, call: Callable[[Database], object]) -> object:
        if after:
            real(store, call)
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(Store, "change", change)
    return lambda: monkeypatch.setattr(Store, "change", real)


@pytest.mark.parametrize("after", [False, True])
async def test_what_was_refused_is_written_again(
    sqlite: Engine, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    log = await opened(sqlite)
    await log.append(events(3))
    await log.ledger.write(flush(1))
    mend = fails(monkeypatch, after=after)
    with pytest.raises(Unavailable, match="the disk fails"):
        await log.ledger.write(flush(2))
    assert log.ledger.ledger_writes == 4
    await until(lambda: not log.health().ok)
    for call in (log.ledger.write(flush(2)), log.registry.put("k", "a", b"1"), log.append([])):
        with pytest.raises(Unavailable):
            await call
    assert len(await log.ledger.attempts("a")) >= 3, "reading goes on"
    mend()
    sqlite.clock.advance(writer.RETRY_FIRST)
    await until(lambda: log.health().ok)
    again = flush(2)
    again.attempts.append(attempt(29))
    await log.ledger.write(again)
    assert [one.id[-2:] for one in await log.ledger.attempts("a")] == [
        "29", "22", "21", "20", "12", "11", "10"
    ], "and nothing is there twice"  # fmt: skip
    assert await log.ledger.cursors() == again.cursors
    assert [one.offset for one in await log.ledger.parcels("a", dead=False)] == [2]
    assert len(await read_all(log)) == 3
    await log.close()


async def test_what_cannot_be_written_does_not_harm_the_log(sqlite: Engine) -> None:
    log = await opened(sqlite)
    bad = Attempt(id="1", subscription="a", message="m", at=1, detail="\udcff")
    with pytest.raises(UnicodeEncodeError):
        await log.ledger.write(Flush(attempts=[bad]))
    await log.registry.put("k", "a", b"1")
    with pytest.raises(Conflict):
        await log.registry.put("k", "a", b"2", 0)
    await log.append(events(1))
    assert log.health().ok
    await log.close()


async def test_a_file_that_was_replaced_is_noticed(sqlite: Engine, path: Path) -> None:
    log = await opened(sqlite)
    await log.ledger.write(flush(1))
    path.rename(path.with_name("gone.db"))
    path.touch()
    with pytest.raises(Unavailable):
        await log.ledger.write(flush(2))
    await log.close()


async def test_the_attempts_of_a_flush_are_one_row(sqlite: Engine, path: Path) -> None:
    log = await opened(sqlite)
    attempts = [attempt(n, "ab"[n % 2]) for n in range(500)]
    await log.ledger.write(Flush({"a": Cursor("e", 1, 1), "b": Cursor("e", 1, 1)}, {}, attempts))
    assert log.ledger.ledger_writes == 2, "0.004 for each delivery"
    await log.close()
    database = Database(path, write=False)
    assert database.row("SELECT count(*), sum(count) FROM segment") == (1, 500)
    database.close()


async def test_flushes_appends_and_reads_do_not_disturb_each_other(sqlite: Engine) -> None:
    log = await opened(sqlite)

    async def publish() -> None:
        for _ in range(50):
            await log.append(events(5))

    async def deliver() -> None:
        for number in range(1, 41):
            await log.ledger.write(flush(number))
            found = await log.ledger.attempts("a", limit=1000)
            assert len(found) == 3 * number
            assert set((await log.ledger.cursors()).values()) == {Cursor("e", number, number)}

    await asyncio.gather(publish(), publish(), deliver())
    assert log.head == 500
    await log.close()


async def test_a_rare_subscription_is_found_behind_many_segments(sqlite: Engine) -> None:
    log = await opened(sqlite)
    for number in range(3 * module.SEGMENTS):
        some = [
            attempt(10 * number, "often"),
            attempt(10 * number + 1, "rare" if not number else "x"),
        ]
        await log.ledger.write(Flush(attempts=some))
    assert [one.id for one in await log.ledger.attempts("rare", limit=1)] == ["id-000001"]
    assert await log.ledger.attempts("rare", before="id-000001") == []
    assert len(await log.ledger.attempts("often", limit=3 * module.SEGMENTS)) == 3 * module.SEGMENTS
    await log.close()


async def test_much_is_forgotten_in_steps(sqlite: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORGOTTEN", 7)
    monkeypatch.setattr(module, "TRIMMED", 3)
    log = await opened(sqlite)
    parcels = {(s, n): Parcel(s, n, n, 1, n % 2, 1) for s in ("a", "b") for n in range(1, 51)}
    await log.ledger.write(Flush({"a": Cursor("e", 1, 1)}, {**parcels}))
    for number in range(20):
        await log.ledger.write(Flush(attempts=[attempt(10 * number + n) for n in range(5)]))
    await log.ledger.forget("a")
    assert await log.ledger.cursors() == {}
    assert await log.ledger.dead_letters() == {"b": 25}
    assert await log.ledger.trim_attempts(50, 1000) == 25
    trimmed = await asyncio.gather(*(log.ledger.trim_attempts(0, 20) for _ in range(3)))
    assert sum(trimmed) == 55
    assert len(await log.ledger.attempts("a", limit=1000)) == 20
    assert await log.ledger.trim_attempts(10**9, 1000) == 20
    assert await log.ledger.attempts("a") == []
    await log.close()


async def test_damaged_attempts_are_said_to_be(sqlite: Engine, path: Path) -> None:
    log = await opened(sqlite)
    await log.ledger.write(flush(1))
    await log.close()
    database = Database(path, write=True)
    database.run("UPDATE segment SET body = x'00'")
    database.close()
    log = await opened(sqlite)
    with pytest.raises(Corrupt) as caught:
        await log.ledger.attempt("id-000010")
    assert str(path) not in str(caught.value)
    await log.close()


async def test_what_is_asked_after_closing_is_refused(sqlite: Engine) -> None:
    log = await opened(sqlite)
    await log.close()
    for call in (
        log.ledger.write(flush(1)),
        log.ledger.cursors(),
        log.ledger.attempts("a"),
        log.ledger.forget("a"),
        log.registry.put("k", "a", b"1"),
        log.registry.all("k"),
    ):
        with pytest.raises(Closing):
            await call


@pytest.mark.parametrize(
    "name",
    ["parcels", "parcel", "dead_letters", "segment_of", "old_segments", "oldest_segments",
     "attempt_count", "replace_segment", "forget_parcels", "delete_parcels"],
)  # fmt: skip
async def test_nothing_looks_through_a_whole_table(sqlite: Engine, path: Path, name: str) -> None:
    await (await opened(sqlite)).close()
    database = Database(path, write=True)
    plan = [row[3] for row in database.rows(f"EXPLAIN QUERY PLAN {LEDGER[name]}", _nulls(name))]
    database.close()
    tables = [step for step in plan if "segment" in step or "parcel" in step]
    assert tables
    assert all(
        "SEARCH" in step
        or "COVERING INDEX" in step
        or "segment_age" in step
        or name == "dead_letters"
        for step in tables
    ), plan


def _nulls(name: str) -> list[None]:
    statement = LEDGER[name]
    return [None] * (1 if "?1" in statement else statement.count("?"))


async def test_moved_cursors_are_written_together_and_now_and_then_as_a_whole(
    sqlite: Engine, path: Path
) -> None:
    log = await opened(sqlite)
    for n in range(2 * ledger.COMPACTED):
        await log.ledger.write(Flush({f"s{n % 7}": Cursor("e", n, n), "x": Cursor("e", n, 0)}))
    await log.ledger.forget("s3")
    expected = await log.ledger.cursors()
    assert len(expected) == 7
    assert expected["x"] == Cursor("e", 2 * ledger.COMPACTED - 1, 0)
    await log.close()
    database = Database(path, write=False)
    (rows,) = database.row("SELECT count(*) FROM cursors")
    database.close()
    assert rows <= ledger.COMPACTED + 1, "and the one that forgets"
    log = await opened(sqlite)
    assert await log.ledger.cursors() == expected
    await log.close()
