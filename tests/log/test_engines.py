from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.errors import Misconfigured
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions


@pytest.mark.anyio
@pytest.mark.parametrize("store", ["", "nothing", "postgres://there/db", "MEMORY:"])
async def test_unknown_schemes_are_refused_with_the_known_ones(store: str) -> None:
    with pytest.raises(Misconfigured, match="memory:, sqlite:"):
        await open_engine(LogOptions(store=store), clock=SystemClock(), entropy=os.urandom)


def test_an_engine_is_imported_only_when_it_is_named() -> None:
    code = "import sys, hubbub.log; print('apsw' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
