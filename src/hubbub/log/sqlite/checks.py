"""What can be wrong with a disk or a file, found early and said in words that help."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

import apsw
import msgspec

from hubbub.core.clock import Clock
from hubbub.core.errors import Corrupt
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.sql import SQL

CHECK_SECONDS = 2.0
"""Longest check of the whole file: about 2 GB from memory. What it does not reach is checked when it
is read: every record has a checksum, and SQLite checks the pages on the way to it."""

DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError, msgspec.DecodeError)
"""What reading a damaged file raises."""

NO_SPACE = "the disk is full: appends go on by themselves when there is space again"

_CHECK_EVERY = 10_000
"""Steps of SQLite's virtual machine between two looks at the clock: well below a millisecond."""


def damaged(path: Path, what: object) -> Corrupt:
    """Make the error for a file that is not what was written."""
    return Corrupt(
        f"{path} is damaged ({what}). Stop hubbub and copy the file with its -wal and .lock aside; "
        "then put a backup back, or save what can be read with: "
        f"sqlite3 {path.name} .recover | sqlite3 saved.db"
    )


def check(database: Database, path: Path, clock: Clock) -> None:
    """Check the structure of the file for at most `CHECK_SECONDS`. Raises `Corrupt`."""
    connection = database.connection
    deadline = clock.monotonic() + CHECK_SECONDS
    connection.set_progress_handler(lambda: clock.monotonic() > deadline, _CHECK_EVERY)
    try:
        (finding,) = database.row(SQL["check"])
        if finding != "ok":
            raise damaged(path, finding)
    except DAMAGE as error:
        raise damaged(path, error) from None
    except apsw.InterruptError:
        pass  # nothing found in the time there is
    finally:
        connection.set_progress_handler(None)


def is_final(error: Exception) -> bool:
    """Tell whether trying again cannot help: damage, or a mistake of ours."""
    return isinstance(error, (*DAMAGE, Corrupt)) or not isinstance(error, (apsw.Error, OSError))


def describe(error: Exception) -> str:
    """Say what is wrong with the disk and what to do; without paths, because publishers see it."""
    number = getattr(error, "errno", 0)
    if isinstance(error, apsw.FullError) or number in (errno.ENOSPC, errno.EDQUOT):
        return NO_SPACE
    if isinstance(error, apsw.ReadOnlyError) or number == errno.EROFS:
        return "the disk is read-only: appends go on by themselves when it can be written again"
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return "another program keeps the log's file locked: appends go on when it lets go"
    if isinstance(error, (apsw.CantOpenError, FileNotFoundError)):
        return "the log's file cannot be opened: put it back, or restart to see what is missing"
    if is_final(error):
        return "the log is damaged: stop hubbub and restore it, the server's own log says how"
    return f"the disk fails ({_name(error)}): nothing is acknowledged until it works again"


def _name(error: Exception) -> str:
    if isinstance(error, apsw.Error):
        code: int = getattr(error, "extendedresult", 0)
        return str(apsw.mapping_extended_result_codes.get(code, type(error).__name__))
    return errno.errorcode.get(getattr(error, "errno", 0) or 0, type(error).__name__)
