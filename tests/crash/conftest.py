"""A log in a file that is not there yet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data" / "hubbub.db"
    shutil.rmtree(tmp_path, ignore_errors=True)
