from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Appended, Log, Retention
from hubbub.core.errors import Misconfigured
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions
from hubbub.log.sqlite import opening
from hubbub.log.sqlite.opening import path_of
from hubbub.testing.log.subject import event, events, read_all
from log_engine import Engine

pytestmark = pytest.mark.anyio


async def open_at(path: Path) -> Log:
    options = LogOptions(store=f"sqlite://{path}")
    return await open_engine(options, clock=SystemClock(), entropy=os.urandom)


def test_urls_of_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert path_of("sqlite:///var/lib/hubbub/hubbub.db") == Path("/var/lib/hubbub/hubbub.db")
    assert path_of("sqlite:data/hubbub.db") == tmp_path / "data/hubbub.db"
    assert path_of("sqlite:///with%20space%3F.db") == Path("/with space?.db")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert path_of(f"sqlite://{tmp_path}/link/x.db") == tmp_path / "real/x.db", "one name, one lock"


@pytest.mark.parametrize(
    "url", ["sqlite:", "sqlite://", "sqlite://data/x.db", "sqlite:///x.db?mode=ro", "sqlite:///tmp"]
)
def test_what_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match="write sqlite:///var/lib/hubbub"):
        path_of(url)


async def test_nobody_else_may_read_it(path: Path) -> None:
    log = await open_at(path)
    await log.append(events(3))
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    beside = ("hubbub.db", "hubbub.db-shm", "hubbub.db-wal", "hubbub.db.lock", "hubbub.db.reserve")
    assert modes == dict.fromkeys(beside, 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    await log.close()
    assert sorted(file.name for file in path.parent.iterdir()) == sorted(
        {"hubbub.db", "hubbub.db.lock", "hubbub.db.reserve"}
    )


async def test_a_folder_that_cannot_be_used_is_a_setting_that_cannot_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="name another file"):
        await open_at(tmp_path / "file" / "hubbub.db")


async def test_duplicates_are_known_after_a_restart(
    sqlite: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "LOADED_TOGETHER", 7)
    options = LogOptions(dedupe_window=100, dedupe_max=50)
    log = await sqlite.open(options)
    await log.append([event("too-old")])
    sqlite.clock.advance(60)
    await log.append([event("by-number"), *events(10)])
    sqlite.clock.advance(60)
    await log.append([event(f"{n}") if n % 2 else event() for n in range(45)])
    await log.close()
    log = await sqlite.open(options)
    first = log.head - 44
    for n in (1, 21, 43):
        assert await log.append([event(f"{n}")]) == [Appended(first + n, duplicate=True)]
    assert not (await log.append([event("too-old")]))[0].duplicate
    assert not (await log.append([event("by-number")]))[0].duplicate
    await log.close()


async def test_topics_and_sizes_are_known_after_a_restart(sqlite: Engine) -> None:
    log = await sqlite.open(LogOptions())
    await log.append([event(topic=f"t/{n}") for n in range(10)])
    await log.close()
    log = await sqlite.open(LogOptions())
    await log.append([event(topic=f"t/{n}") for n in range(5, 15)])
    assert [r.topic for r in await read_all(log)] == [f"t/{n}" for n in (*range(10), *range(5, 15))]
    size = len(event(topic="t/9").json)
    await log.trim(Retention(max_age=0, max_bytes=size * 12 + 12))
    assert log.tail == 9, "bytes are counted across the restart"
    await log.close()


async def test_the_newest_stamp_is_known_after_a_restart(sqlite: Engine) -> None:
    log = await sqlite.open(LogOptions())
    await log.append(events(1))
    await log.close()
    sqlite.clock.set_by(-86_400)
    log = await sqlite.open(LogOptions())
    await log.append(events(1))
    first, second = await read_all(log)
    assert second.recorded == first.recorded
    await log.close()
