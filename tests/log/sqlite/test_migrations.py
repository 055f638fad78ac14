from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hubbub.core.contracts import Flush
from hubbub.core.errors import Misconfigured
from hubbub.core.subscription import Cursor
from hubbub.log.options import LogOptions
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.migrations import APPLICATION_ID, MIGRATIONS, SCHEMA, migrate
from hubbub.testing.log.subject import events, read_all
from log_engine import Engine

BACK_TO_THE_FIRST = """
DROP TABLE document; DROP TABLE cursors; DROP TABLE parcel; DROP TABLE segment;
PRAGMA user_version = 1
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "schema.db"
    path.touch()
    database = Database(path, write=True)
    yield database
    database.close()


def shape(database: Database) -> list[tuple[str, str, str]]:
    rows = database.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
    return [(kind, name, " ".join((sql or "").split())) for kind, name, sql in rows]


def version(database: Database) -> tuple[int, int]:
    return (
        database.row("PRAGMA user_version")[0],
        database.row("PRAGMA application_id")[0],
    )


def test_the_schema_is_the_sum_of_the_migrations(database: Database, tmp_path: Path) -> None:
    migrate(database)
    (tmp_path / "stepwise.db").touch()
    stepwise = Database(tmp_path / "stepwise.db", write=True)
    for migration in MIGRATIONS:
        stepwise.run(migration)
    assert shape(stepwise) == shape(database)
    assert version(stepwise) == version(database) == (len(MIGRATIONS), APPLICATION_ID)
    stepwise.close()


def test_each_migration_counts_itself(database: Database) -> None:
    for number, migration in enumerate(MIGRATIONS, 1):
        database.run(migration)
        assert version(database)[0] == number


def test_what_is_missing_is_run_and_nothing_twice(database: Database) -> None:
    migrate(database)
    before = shape(database)
    migrate(database)
    assert shape(database) == before
    more = (*MIGRATIONS, "CREATE TABLE one (x INT); PRAGMA user_version = 3")
    more = (*more, "ALTER TABLE one ADD COLUMN y INT; PRAGMA user_version = 4")
    migrate(database, more)
    assert version(database)[0] == 4
    assert ("table", "one", "CREATE TABLE one (x INT, y INT)") in shape(database)


def test_one_that_fails_leaves_everything_as_it_was(database: Database) -> None:
    migrate(database)
    before = shape(database)
    broken = (*MIGRATIONS, "CREATE TABLE one (x INT); CREATE TABLE one (x INT)")
    with pytest.raises(apsw.SQLError):
        migrate(database, broken)
    database.run("ROLLBACK")
    assert (shape(database), version(database)[0]) == (before, len(MIGRATIONS))


def test_a_newer_schema_is_refused(database: Database) -> None:
    migrate(database, (*MIGRATIONS, ""), SCHEMA + "PRAGMA user_version = 3")
    with pytest.raises(Misconfigured, match=r"newer hubbub \(schema 3, this one knows 2\)"):
        migrate(database)


@pytest.mark.parametrize("foreign", ["CREATE TABLE x (y)", "PRAGMA user_version = 7"])
def test_the_database_of_another_program_is_refused(database: Database, foreign: str) -> None:
    database.connection.execute(foreign)
    with pytest.raises(Misconfigured, match="another program"):
        migrate(database)


@pytest.mark.anyio
async def test_a_log_of_the_first_schema_is_the_same_log(
    sqlite: Engine, path: Path, database: Database
) -> None:
    log = await sqlite.open(LogOptions())
    await log.append(events(50))
    epoch, records = log.epoch, await read_all(log)
    await log.close()
    old = Database(path, write=True)
    old.run(BACK_TO_THE_FIRST)
    database.run(MIGRATIONS[0])
    assert (shape(old), version(old)) == (shape(database), version(database))
    old.close()
    log = await sqlite.open(LogOptions())
    assert (log.epoch, await read_all(log)) == (epoch, records)
    await log.ledger.write(Flush({"a": Cursor(epoch, 50, 1)}))
    assert await log.registry.put("subscription", "a", b"{}", 0) == 1
    await log.close()
    log = await sqlite.open(LogOptions())
    assert await log.ledger.cursors() == {"a": Cursor(epoch, 50, 1)}
    await log.close()
