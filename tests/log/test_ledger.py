"""Every engine, bare and behind a `Tail`, keeps what it promises of documents and deliveries."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubbub.testing.ledger import CHECKS, Check
from log_engine import Engine


@pytest.mark.anyio
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("ring_bytes", [None, 3000])
@pytest.mark.parametrize("store", ["memory:", "sqlite:"])
async def test_promise(store: str, ring_bytes: int | None, check: Check, path: Path) -> None:
    await check(Engine(store if store == "memory:" else f"sqlite://{path}", ring_bytes))
