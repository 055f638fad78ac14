"""Find the conformance vectors: public data that stands beside a checkout, not in it.

`HUBBUB_VECTORS` names their folder; the default is `../shared/vectors`. Where they are missing the
tests that read them are skipped with that reason; the rules they check have tests of their own too.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(
    os.environ.get("HUBBUB_VECTORS", Path(__file__).resolve().parents[2] / "shared" / "vectors")
)


def path(*parts: str) -> Path:
    """Return the path of one vector file or folder, or skip the calling module."""
    found = ROOT.joinpath(*parts)
    if not found.exists():
        pytest.skip(f"no vectors at {found}: set HUBBUB_VECTORS", allow_module_level=True)
    return found


def load(*parts: str) -> Any:
    """Read one JSON vector file."""
    return json.loads(path(*parts).read_text(encoding="utf-8"))
