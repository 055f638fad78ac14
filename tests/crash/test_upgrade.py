"""F22: an upgrade that is killed half-way is finished by the next one; there is no way back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Log
from hubbub.core.errors import Misconfigured
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions
from hubbub.log.sqlite.database import Database
from hubbub.testing.log.subject import events, read_all

from .process import tracing

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

RECORDS = 400


async def open_at(path: Path) -> Log:
    options = LogOptions(store=f"sqlite://{path}")
    return await open_engine(options, clock=SystemClock(), entropy=os.urandom)


def upgrade(path: Path, under: list[str]) -> bool:
    script = [sys.executable, str(Path(__file__).with_name("upgrade.py")), str(path)]
    return b"done" in subprocess.run([*under, *script], check=False, capture_output=True).stdout


def state(path: Path) -> tuple[int, int]:
    """Return the version of the schema and the rows of its new table."""
    database = Database(path, write=True)
    (version,) = database.row("PRAGMA user_version")
    tables = database.rows("SELECT name FROM sqlite_schema WHERE name = 'label'")
    rows = database.row("SELECT count(*) FROM label")[0] if tables else 0
    database.close()
    return version, rows


async def test_killed_at_every_turn(path: Path) -> None:
    log = await open_at(path)
    await log.append(events(RECORDS))
    records = await read_all(log)
    await log.close()
    turns = [("fdatasync", n) for n in (1, 2)] + [("pwrite64", n) for n in (1, 2, 3, 20, 60)]
    before_commit = 0
    for calls, nth in turns:
        finished = upgrade(path, tracing(calls, f"signal=KILL:when={nth}"))
        version, rows = state(path)
        assert (version, rows) in ((2, 0), (3, RECORDS)), "all of it or nothing"
        if version == 2:
            before_commit += 1
            assert not finished
            log = await open_at(path)
            assert await read_all(log) == records
            await log.close()
    assert before_commit >= 3
    assert upgrade(path, [])
    assert state(path) == (3, RECORDS)
    with pytest.raises(Misconfigured, match="newer hubbub"):
        await open_at(path)
    assert state(path) == (3, RECORDS)
