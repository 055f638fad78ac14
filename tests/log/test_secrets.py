from __future__ import annotations

import base64
import os
from pathlib import Path

import msgspec
import pytest

from hubbub.core.errors import Misconfigured
from hubbub.log import LogOptions, secrets_key


def options(path: Path, **more: str) -> LogOptions:
    path.parent.mkdir(parents=True, exist_ok=True)
    return LogOptions(store=f"sqlite://{path}", **more)


def test_the_key_is_made_once_for_the_owner_alone(path: Path) -> None:
    key = secrets_key(options(path), os.urandom)
    file = path.with_name("hubbub.db.key")
    assert len(key) == 32
    assert file.read_bytes() == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert secrets_key(options(path), os.urandom) == key


def test_the_setting_goes_before_the_file(path: Path) -> None:
    given = base64.b64encode(bytes(range(32))).decode()
    assert secrets_key(options(path, secrets_key=given), os.urandom) == bytes(range(32))
    assert not path.with_name("hubbub.db.key").exists()


@pytest.mark.parametrize("given", ["short", "AAAA", "!" * 44])
def test_a_key_of_another_length_is_refused(path: Path, given: str) -> None:
    with pytest.raises(Misconfigured, match="32 bytes"):
        secrets_key(options(path, secrets_key=given), os.urandom)


def test_a_file_that_others_can_read_or_that_is_damaged_is_refused(path: Path) -> None:
    secrets_key(options(path), os.urandom)
    file = path.with_name("hubbub.db.key")
    file.chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        secrets_key(options(path), os.urandom)
    file.chmod(0o600)
    file.write_bytes(b"x")
    with pytest.raises(Misconfigured, match="backup"):
        secrets_key(options(path), os.urandom)


def test_a_log_in_memory_has_a_key_for_as_long_as_it_lives() -> None:
    store = msgspec.structs.replace(LogOptions(), store="memory:")
    assert secrets_key(store, os.urandom) != secrets_key(store, os.urandom)
