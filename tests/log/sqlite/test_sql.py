from __future__ import annotations

import re
from pathlib import Path

import pytest

from hubbub.log import sqlite
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.migrations import migrate
from hubbub.log.sqlite.sql import LEDGER, SQL, named

FOLDER = Path(sqlite.__file__).parent


def test_names_and_statements_are_split() -> None:
    found = named(
        "-- heading, no name\n\n-- one: says what\nSELECT 1\n\n-- two: and\nSELECT\n  2\n"
    )
    assert found == {"one": "SELECT 1", "two": "SELECT\n  2"}


def test_every_statement_is_used_and_every_used_one_is_there() -> None:
    source = "".join(path.read_text() for path in FOLDER.glob("*.py"))
    assert set(re.findall(r'SQL\["([a-z_]+)"\]', source)) == SQL.keys()
    used = set(re.findall(r'LEDGER\["([a-z_]+)"\]', source))
    assert used | {"segments", "failed_segments"} == LEDGER.keys()


def parameters(statement: str) -> int:
    """Count them; numbered ones may be used twice."""
    return len(set(re.findall(r"\?[0-9]+", statement))) or statement.count("?")


@pytest.mark.parametrize("name", sorted((SQL | LEDGER).keys() - {"append_more"}))
def test_every_statement_fits_the_schema(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    database = Database(tmp_path / "x.db", write=True)
    migrate(database)
    for statement in (SQL | LEDGER)[name].split(";"):
        database.connection.execute(f"EXPLAIN {statement}", [None] * parameters(statement))
    database.close()
