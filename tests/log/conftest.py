"""A log in a file that is not there yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from log_engine import Engine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "hubbub.db"


@pytest.fixture
def sqlite(path: Path) -> Engine:
    return Engine(f"sqlite://{path}")
