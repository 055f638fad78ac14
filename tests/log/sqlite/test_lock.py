from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubbub.core.errors import Misconfigured
from hubbub.log.sqlite.lock import Witness


def test_it_remembers_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    witness = Witness(path)
    assert (witness.epoch, witness.head, witness.is_in_doubt) == ("", 0, False)
    witness.vouch("abcdefgh", 5)
    witness.acknowledge(6)
    witness.close()
    witness = Witness(path)
    assert (witness.epoch, witness.head, witness.is_in_doubt) == ("abcdefgh", 6, False)
    witness.doubt()
    witness.close()
    witness = Witness(path)
    assert (witness.epoch, witness.head, witness.is_in_doubt) == ("abcdefgh", 6, True)
    witness.vouch("abcdefgh", 7)
    witness.close()
    assert path.read_text().splitlines()[0] == "abcdefgh 0000000000000000007 known"
    assert path.stat().st_mode & 0o777 == 0o600


def test_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    first = Witness(path)
    with pytest.raises(Misconfigured, match="another process has the log"):
        Witness(path)
    first.vouch("abcdefgh", 0)
    with pytest.raises(Misconfigured, match=f"process {os.getpid()} has .* stop it first"):
        Witness(path)
    first.close()
    Witness(path).close()


@pytest.mark.parametrize("text", [b"", b"garbage", b"abcdefgh 12 known\n", b"\0" * 100])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x.lock"
    path.write_bytes(text)
    witness = Witness(path)
    assert witness.epoch == ""
    witness.close()
