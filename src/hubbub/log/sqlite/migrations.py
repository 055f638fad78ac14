"""Bringing a database to this version's schema.

`PRAGMA user_version` counts the migrations that were run; each one sets it. All that are missing run
in one transaction, with the count in it: killed half-way, the database is what it was. A schema of a
newer hubbub is refused, never guessed at.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Final, LiteralString

from hubbub.core.errors import Misconfigured
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.sql import PACKAGE, SQL, script

APPLICATION_ID: Final = 0x68756262
"""`hubb`: what we and file(1) recognise a log by; schema.sql sets it."""

MIGRATIONS: Final[Sequence[LiteralString]] = tuple(
    script(f"migrations/{name}")
    for name in sorted(
        entry.name for entry in (files(PACKAGE) / "migrations").iterdir() if entry.is_file()
    )
)
SCHEMA: Final = script("schema.sql")


def migrate(
    database: Database,
    migrations: Sequence[LiteralString] = MIGRATIONS,
    schema: LiteralString = SCHEMA,
) -> None:
    """Bring the schema up to date. Raises `Misconfigured` for a file that is not ours to touch."""
    version, application, tables = database.row(SQL["version"])
    is_new = not (version or application or tables)
    if not is_new and application != APPLICATION_ID:
        raise Misconfigured(
            "the store is a SQLite database of another program: name another file in log.store"
        )
    if version > len(migrations):
        raise Misconfigured(
            f"the log was written by a newer hubbub (schema {version}, this one knows "
            f"{len(migrations)}): run that version, or restore a backup from before the upgrade"
        )
    missing = (schema,) if is_new else migrations[version:]
    if missing:
        database.run(SQL["begin"])
        for statements in missing:
            database.run(statements)
        database.run(SQL["commit"])
