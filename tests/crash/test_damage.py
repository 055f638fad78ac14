"""F7, F8, F23: files that are not what was written. Refused or told; a wrong event is never served."""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Log, Retention
from hubbub.core.errors import Corrupt, Misconfigured, Unavailable
from hubbub.core.event import Record
from hubbub.core.selection import Selection
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions
from hubbub.testing.log.subject import event, events, read_all, read_all_back

from .process import Worker

pytestmark = pytest.mark.anyio


async def open_at(path: Path) -> Log:
    options = LogOptions(store=f"sqlite://{path}")
    return await open_engine(options, clock=SystemClock(), entropy=os.urandom)


async def written(path: Path) -> tuple[str, list[Record]]:
    """Make a log of some pages."""
    log = await open_at(path)
    for n in range(10):
        await log.append([*events(20, f"orders/{n}"), event(data=b'"%b"' % (b"x" * 9000))])
    records = await read_all(log)
    await log.close()
    return log.epoch, records


async def crashed(path: Path, copy: Path) -> tuple[str, int]:
    """Leave at `copy` what a process that was killed leaves behind."""
    log = await open_at(path)
    for n in range(30):
        await log.append(events(3, f"orders/{n}"))
    copy.mkdir(mode=0o700)
    for name in (".db", ".db-wal", ".db.lock"):
        shutil.copyfile(path.with_suffix(name), copy / f"hubbub{name}")
    await log.close()
    return log.epoch, log.head


async def readable(path: Path) -> list[Record] | Corrupt:
    """Read everything in every way, or return what was said of the damage."""
    log: Log | None = None
    try:
        log = await open_at(path)
        records = await read_all(log)
        assert await read_all_back(log) == records[::-1]
        for topic in {record.topic for record in records}:
            some = [record for record in records if record.topic == topic]
            assert await read_all(log, Selection.of([topic])) == some
        await log.append([event("after")])
        await log.trim(Retention(max_age=0, max_count=5))
    except Corrupt as error:
        if log is not None:
            health = log.health()
            assert not health.ok
            assert "damaged" in health.reason
            with pytest.raises(Unavailable, match="damaged"):
                await log.append([event()])
        return error
    else:
        return records
    finally:
        if log is not None:
            await log.close()


def flip(path: Path, place: int, size: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        before = file.read(size)
        file.seek(place)
        file.write(bytes(byte ^ 0x55 for byte in before))


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 4096])
async def test_flipped_bytes_are_never_served(path: Path, tmp_path: Path, size: int) -> None:
    _, records = await written(path)
    rng = random.Random(size)
    pristine = shutil.copytree(path.parent, tmp_path / "pristine")
    found = 0
    for _ in range(25):
        shutil.copytree(pristine, path.parent, dirs_exist_ok=True)
        place = rng.randrange(path.stat().st_size // size) * size
        flip(path, place, size)
        result = await readable(path)
        if isinstance(result, Corrupt):
            found += 1
            assert ("restore" in result.detail) or (".recover" in result.detail)
        else:
            assert result == records, f"wrong events after a flip at {place}"
    assert found > 12


async def test_an_event_that_was_changed_is_not_served(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await written(path)
    for found in re.finditer(rb'"order.created"', path.read_bytes()):
        flip(path, found.start() + 3)
    result = await readable(path)
    assert isinstance(result, Corrupt)
    assert str(path) not in result.detail, "readers need not know where it is"
    assert f"{path} is damaged (the record at offset" in caplog.text
    assert "is not what was written). Stop hubbub" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"not a database at all, but long enough" * 200),
        lambda path: os.truncate(path, 3 * 4096),
    ],
)
async def test_a_file_that_cannot_be_it_is_refused(
    path: Path, damage: Callable[[Path], object]
) -> None:
    await written(path)
    damage(path)
    for _ in range(2):  # and nothing was made worse by looking
        with pytest.raises(Corrupt, match=r"hubbub\.db"):
            await open_at(path)


async def test_a_database_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="another program"):
        await open_at(path)
    assert path.read_bytes()[100:] == before[100:], "it was left alone"


@pytest.mark.parametrize("cut", [1, 100, 5000])
async def test_a_cut_write_ahead_log_changes_the_epoch(
    path: Path, tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    epoch, head = await crashed(path, tmp_path / "copy")
    copy = tmp_path / "copy" / "hubbub.db"
    wal = copy.with_suffix(".db-wal")
    os.truncate(wal, wal.stat().st_size - cut)
    log = await open_at(copy)
    assert 0 < log.head < head
    assert log.epoch != epoch, "acknowledged records are gone"
    assert "records may be gone" in caplog.text
    assert len(await read_all(log)) == log.head
    await log.append([event()])
    await log.close()
    again = await open_at(copy)
    assert again.epoch == log.epoch, "and that is that"
    await again.close()


async def test_a_flipped_byte_in_the_write_ahead_log(path: Path, tmp_path: Path) -> None:
    epoch, head = await crashed(path, tmp_path / "copy")
    copy = tmp_path / "copy" / "hubbub.db"
    flip(copy.with_suffix(".db-wal"), 60_000)
    log = await open_at(copy)
    assert log.epoch != epoch
    assert len(await read_all(log)) == log.head < head
    await log.close()


async def test_a_whole_copy_is_the_same_log(path: Path, tmp_path: Path) -> None:
    epoch, head = await crashed(path, tmp_path / "copy")
    log = await open_at(tmp_path / "copy" / "hubbub.db")
    assert (log.epoch, log.head) == (epoch, head), "the -shm is made anew"
    await log.close()


async def test_an_older_copy_put_back_changes_the_epoch(path: Path, tmp_path: Path) -> None:
    epoch, _ = await written(path)
    shutil.copyfile(path, tmp_path / "backup")
    log = await open_at(path)
    await log.append(events(5))
    await log.close()
    shutil.copyfile(tmp_path / "backup", path)
    log = await open_at(path)
    assert log.epoch != epoch
    await log.close()


async def test_a_database_alone_changes_the_epoch(path: Path, tmp_path: Path) -> None:
    epoch, records = await written(path)
    copy = tmp_path / "elsewhere.db"
    shutil.copyfile(path, copy)
    log = await open_at(copy)
    assert log.epoch != epoch, "nobody knows what was acknowledged after the copy"
    assert [r.data() for r in await read_all(log)] == [r.data() for r in records]
    await log.close()


async def test_a_database_replaced_while_it_is_open(path: Path, tmp_path: Path) -> None:
    await written(path)
    shutil.copyfile(path, tmp_path / "backup")
    log = await open_at(path)
    count = len(await read_all(log))
    await log.append(events(5))
    shutil.copyfile(tmp_path / "backup", tmp_path / "new")
    (tmp_path / "new").replace(path)
    with pytest.raises(Unavailable, match="damaged"):
        await log.append(events(1))
    assert not log.health().ok
    await log.close()
    log = await open_at(path)
    assert log.head >= count
    await log.close()


async def test_two_processes_on_one_log(path: Path) -> None:
    log = await open_at(path)
    with pytest.raises(Misconfigured, match=f"process {os.getpid()} has the log"):
        await open_at(path)
    other = Worker(path)
    assert not other.told().epochs
    assert "stop it first" in other.errors
    await log.append(events(1))
    await log.close()
    log = await open_at(path)
    assert log.head == 1
    await log.close()
