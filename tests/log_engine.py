"""A log under test: an engine on a store of its own, bare or behind a `Tail`."""

from __future__ import annotations

import os

import msgspec

from hubbub.core.contracts import Engine as Opened
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions
from hubbub.log.tail import Tail
from hubbub.testing.log import ManualClock


class Engine:
    """A `Subject` of the conformance suite."""

    def __init__(self, store: str, ring_bytes: int | None = None) -> None:
        self.clock = ManualClock()
        self.keeps = not store.startswith("memory:")
        self.store = store
        self.ring_bytes = ring_bytes

    async def open(self, options: LogOptions) -> Opened:
        options = msgspec.structs.replace(options, store=self.store)
        engine = await open_engine(options, clock=self.clock, entropy=os.urandom)
        return engine if self.ring_bytes is None else await Tail.open(engine, self.ring_bytes)
