"""Every engine, bare and behind a `Tail` with rings of several sizes, keeps every promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubbub.testing.log import CHECKS, Check
from log_engine import Engine

STORES = ["memory:", "sqlite:"]
RINGS = [None, 0, 3_000, 1 << 20]
"""No `Tail`; one whose ring is always empty, one that holds a few records, one that holds all."""


@pytest.mark.anyio
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("ring_bytes", RINGS)
@pytest.mark.parametrize("store", STORES)
async def test_promise(store: str, ring_bytes: int | None, check: Check, path: Path) -> None:
    await check(Engine(store if store == "memory:" else f"sqlite://{path}", ring_bytes))
