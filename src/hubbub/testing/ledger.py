"""What every engine's registry and ledger promise, as checks: `await check(subject)` for each.

    from hubbub.testing.ledger import CHECKS

A subject is that of `hubbub.testing.log`: it opens one storage, again and again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, cast

from hubbub.core.contracts import Engine, Flush
from hubbub.core.errors import Conflict
from hubbub.core.subscription import Attempt, Cursor, Parcel
from hubbub.log.options import LogOptions
from hubbub.testing.log import Subject

Check = Callable[[Subject], Awaitable[None]]

OPTIONS: Final = LogOptions()


async def _open(subject: Subject) -> Engine:
    return cast("Engine", await subject.open(OPTIONS))


def _attempt(number: int, subscription: str = "a", outcome: str = "delivered") -> Attempt:
    return Attempt(
        id=f"id-{number:06d}",
        subscription=subscription,
        message=f"m{number}",
        offsets=(number,),
        at=number * 1000,
        outcome=outcome,  # type: ignore[arg-type]
        response_body=b"\x00\xff",
        response_headers=[("a", "b"), ("a", "c")],
    )


async def documents_have_versions(subject: Subject) -> None:
    """Count the versions of a document, and refuse a change of another version."""
    engine = await _open(subject)
    try:
        registry = engine.registry
        assert await registry.all("k") == []
        assert await registry.put("k", "b", b"1", 0) == 1
        assert await registry.put("k", "a", b"2") == 1
        assert await registry.put("k", "b", b"3", 1) == 2  # noqa: PLR2004
        assert await registry.put("other", "b", b"4") == 1
        for stale in (0, 1, 3):
            try:
                await registry.put("k", "b", b"5", stale)
            except Conflict:
                continue
            raise AssertionError(stale)
        assert await registry.all("k") == [("a", 1, b"2"), ("b", 2, b"3")]
        assert await registry.delete("k", "a")
        assert not await registry.delete("k", "a")
        assert [one.name for one in await registry.all("k")] == ["b"]
        assert [one.body for one in await registry.all("other")] == [b"4"]
    finally:
        await engine.close()


async def a_flush_replaces_what_was_known(subject: Subject) -> None:
    """Know of cursors and parcels what the last flush said, whatever was before."""
    engine = await _open(subject)
    try:
        ledger = engine.ledger
        first, second = Cursor("e", 5, 3, (7, 9)), Cursor("e", 8, 4, (), (1, 4))
        dead, waiting = Parcel("a", 2, 1, 10, 0, 99, "x"), Parcel("a", 3, 2, 1, 50, 9, "y")
        other = Parcel("b", 2, 1, 1, 7, 1)
        await ledger.write(
            Flush({"a": first}, {("a", 2): dead, ("a", 3): waiting, ("b", 2): other})
        )
        assert await ledger.cursors() == {"a": first}
        assert await ledger.parcels("a", dead=True) == [dead]
        assert await ledger.parcels("a", dead=False) == [waiting]
        assert await ledger.parcels("a", dead=False, after=3) == []
        assert await ledger.dead_letters() == {"a": 1}
        assert await ledger.waiting() == {"a", "b"}
        assert await ledger.parcel("a", 2) == dead
        revived = Parcel("a", 2, 1, 0, 60, 99, "x")
        await ledger.write(Flush({"a": second}, {("a", 2): revived, ("a", 3): None}))
        assert await ledger.cursors() == {"a": second}
        assert await ledger.parcels("a", dead=False) == [revived]
        assert await ledger.parcels("a", dead=True) == []
        assert await ledger.parcel("a", 3) is None
        assert await ledger.dead_letters() == {}
        assert await ledger.waiting() == {"a", "b"}
        await ledger.forget("a")
        assert await ledger.waiting() == {"b"}
        assert await ledger.cursors() == {}
        assert await ledger.parcel("a", 2) is None
        assert await ledger.parcel("b", 2) == other
        assert ledger.ledger_writes > 0
    finally:
        await engine.close()


async def parcels_come_in_pages(subject: Subject) -> None:
    """Return parcels lowest first, as many as asked for."""
    engine = await _open(subject)
    try:
        parcels = {("a", n): Parcel("a", n, n, 1, 5, 1) for n in range(1, 30)}
        await engine.ledger.write(Flush(parcels={**parcels}))
        page = await engine.ledger.parcels("a", dead=False, after=4, limit=10)
        assert [one.offset for one in page] == list(range(5, 15))
    finally:
        await engine.close()


async def attempts_come_newest_first(subject: Subject) -> None:
    """Find attempts by subscription, outcome, time and id, across flushes."""
    engine = await _open(subject)
    try:
        ledger = engine.ledger
        for start in range(1, 200, 5):
            attempts = [
                _attempt(n, "ab"[n % 2], "failed" if n % 10 == 0 else "delivered")
                for n in range(start, start + 5)
            ]
            await ledger.write(Flush(attempts=attempts))
        mine = [n for n in range(200, 0, -1) if n % 2 == 0]

        def numbers(found: list[Attempt]) -> list[int]:
            return [one.offsets[0] for one in found]

        assert numbers(await ledger.attempts("a", limit=1000)) == mine
        assert numbers(await ledger.attempts("a", limit=7)) == mine[:7]
        assert numbers(await ledger.attempts("a", before="id-000100", limit=3)) == [98, 96, 94]
        assert numbers(await ledger.attempts("a", since=190_000)) == [200, 198, 196, 194, 192, 190]
        failed = await ledger.attempts("a", outcomes=("failed", "gone"), limit=3)
        assert numbers(failed) == [200, 190, 180]
        assert await ledger.attempts("nobody") == []
        assert await ledger.attempt("id-000042") == _attempt(42)
        assert await ledger.attempt("id-999999") is None
    finally:
        await engine.close()


async def a_flush_may_be_written_twice(subject: Subject) -> None:
    """Take a flush again of which nobody knew whether it was written, with what came since."""
    engine = await _open(subject)
    try:
        ledger = engine.ledger
        flush = Flush({"a": Cursor("e", 5, 3)}, {("a", 2): Parcel("a", 2, 1, 1, 7, 9)})
        flush.attempts = [_attempt(1), _attempt(2)]
        await ledger.write(flush)
        flush.attempts = [*flush.attempts, _attempt(3)]
        await ledger.write(flush)
        assert [one.offsets[0] for one in await ledger.attempts("a")] == [3, 2, 1]
        assert await ledger.parcels("a", dead=False) == [Parcel("a", 2, 1, 1, 7, 9)]
        assert await ledger.attempt("id-000002") == _attempt(2)
    finally:
        await engine.close()


async def old_attempts_are_forgotten(subject: Subject) -> None:
    """Forget attempts by age and by number."""
    engine = await _open(subject)
    try:
        ledger = engine.ledger
        for number in range(1, 101):
            await ledger.write(Flush(attempts=[_attempt(number)]))
        assert await ledger.trim_attempts(21_000, 1000) == 20  # noqa: PLR2004
        assert await ledger.trim_attempts(0, 30) == 50  # noqa: PLR2004
        left = await ledger.attempts("a", limit=1000)
        assert [one.offsets[0] for one in left] == list(range(100, 70, -1))
    finally:
        await engine.close()


async def all_of_it_is_there_again(subject: Subject) -> None:
    """Find what was written after opening again, where the store keeps anything."""
    if not subject.keeps:
        return
    engine = await _open(subject)
    cursor, parcel = Cursor("e", 5, 3), Parcel("a", 2, 1, 10, 0, 99)
    await engine.registry.put("k", "a", b"1")
    await engine.ledger.write(Flush({"a": cursor}, {("a", 2): parcel}, [_attempt(1)]))
    await engine.close()
    engine = await _open(subject)
    try:
        assert await engine.registry.all("k") == [("a", 1, b"1")]
        assert await engine.ledger.cursors() == {"a": cursor}
        assert await engine.ledger.parcel("a", 2) == parcel
        assert await engine.ledger.attempts("a") == [_attempt(1)]
    finally:
        await engine.close()


CHECKS: Final[tuple[Check, ...]] = (
    documents_have_versions,
    a_flush_replaces_what_was_known,
    parcels_come_in_pages,
    attempts_come_newest_first,
    a_flush_may_be_written_twice,
    old_attempts_are_forgotten,
    all_of_it_is_there_again,
)
"""Every check."""
