from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import apsw
import msgspec
import pytest

from hubbub.core.errors import Corrupt
from hubbub.log.sqlite import checks
from hubbub.log.sqlite.checks import check, damaged, describe, is_final
from hubbub.log.sqlite.database import Database
from hubbub.testing.log import ManualClock


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (apsw.FullError("x"), "disk is full"),
        (OSError(errno.ENOSPC, "x"), "disk is full"),
        (OSError(errno.EDQUOT, "x"), "disk is full"),
        (apsw.ReadOnlyError("x"), "read-only"),
        (OSError(errno.EROFS, "x"), "read-only"),
        (apsw.BusyError("x"), "another program"),
        (apsw.CantOpenError("x"), "put it back"),
        (FileNotFoundError(2, "x"), "put it back"),
        (OSError(errno.EIO, "x"), "(EIO)"),
        (apsw.CorruptError("x"), "damaged"),
        (Corrupt("x"), "damaged"),
        (ValueError("x"), "damaged"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(error: Exception, words: str) -> None:
    assert words in describe(error)
    assert is_final(error) == ("damaged" in words)


def test_codes_of_sqlite_are_named() -> None:
    with pytest.raises(apsw.IOError) as caught:
        raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
    assert "SQLITE_IOERR_FSYNC" in describe(caught.value)


def test_damage_comes_with_the_remedy(tmp_path: Path) -> None:
    error = damaged(tmp_path / "hubbub.db", "page 7")
    assert str(tmp_path / "hubbub.db") in error.detail
    assert "sqlite3 hubbub.db .recover | sqlite3 saved.db" in error.detail


def made(path: Path) -> Path:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE x (y)")
        connection.executemany("INSERT INTO x VALUES (?)", [("z" * 3000,)] * 200)
    connection.close()
    return path


def test_pages_that_do_not_fit_are_found(tmp_path: Path) -> None:
    path = made(tmp_path / "x.db")
    with path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(b"\xff" * 4096)
    database = Database(path, write=True)
    with pytest.raises(Corrupt, match="is damaged"):
        check(database, path, ManualClock())
    database.close()


def test_the_check_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "x.db")
    monkeypatch.setattr(checks, "_CHECK_EVERY", 1)

    class Hurried(ManualClock):
        looks = 0

        def monotonic(self) -> float:
            self.looks += 1
            return float(self.looks)

    clock = Hurried()
    database = Database(path, write=True)
    check(database, path, clock)
    assert clock.looks == 4, "interrupted at the first look beyond the deadline"
    assert database.row("SELECT count(*) FROM x") == (200,), "and usable all the same"
    database.close()


def test_what_cannot_be_decoded_is_damage() -> None:
    assert issubclass(msgspec.DecodeError, checks.DAMAGE)
