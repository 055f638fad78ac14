"""Engines by the scheme of their URL; a module is imported only when its scheme is named.

An engine is a module with `async def open_engine(options, *, clock, entropy) -> Engine`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from hubbub.core.clock import Clock
from hubbub.core.contracts import Engine
from hubbub.core.errors import Misconfigured
from hubbub.log.options import LogOptions

Entropy = Callable[[int], bytes]
"""Gives that many random bytes: `os.urandom`."""

ENGINES: Final = {"memory": "hubbub.log.memory", "sqlite": "hubbub.log.sqlite"}


async def open_engine(options: LogOptions, *, clock: Clock, entropy: Entropy) -> Engine:
    """Open the log at `options.store`. Raises `Misconfigured` or `Corrupt`."""
    scheme = options.store.partition(":")[0]
    if scheme not in ENGINES:
        known = ", ".join(f"{name}:" for name in ENGINES)
        raise Misconfigured(f"log.store: no engine for {scheme!r}; a store begins with {known}")
    log: Engine = await import_module(ENGINES[scheme]).open_engine(
        options, clock=clock, entropy=entropy
    )
    return log
