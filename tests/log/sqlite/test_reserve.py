from __future__ import annotations

from pathlib import Path

import pytest

from hubbub.log.sqlite.reserve import RESERVE_BYTES, Reserve


def test_space_is_held_and_given_up(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    reserve = Reserve(path)
    assert reserve.hold()
    assert reserve.hold(), "again costs nothing"
    assert path.stat().st_size == RESERVE_BYTES
    assert path.stat().st_blocks * 512 >= RESERVE_BYTES, "it really takes the space"
    assert path.stat().st_mode & 0o777 == 0o600
    reserve.release()
    reserve.release()
    assert not path.exists()


def test_what_is_there_already_is_completed(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    path.write_bytes(b"x" * 1000)
    assert Reserve(path).hold()
    assert path.stat().st_size == RESERVE_BYTES


def test_other_failures_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Reserve(tmp_path / "none" / "reserve").hold()
