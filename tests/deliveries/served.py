"""Subscriptions as the API has them: the real service over the real engine, with real secrets."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec

from deliveries.rig import Rig, Time, settle
from hubbub.core.grants import EVERYONE, Principal
from hubbub.core.subscription import Policy
from hubbub.deliveries.documents import selection
from hubbub.deliveries.engine import Engine
from hubbub.deliveries.secrets import Vault
from hubbub.deliveries.service import Subscriptions
from hubbub.log.memory import MemoryLog
from hubbub.log.options import LogOptions

SINK = "https://shop.example/hooks"


class Served(Rig):
    """Real deliveries with real secrets, to a receiver that does as it is told."""

    def make(self) -> Engine:
        counter = itertools.count(1)
        self.vault = Vault([b"k" * 32], self.time, lambda n: next(counter).to_bytes(n, "big"))
        numbers = itertools.count(1)

        def new_id() -> str:
            return f"{int(self.time.now() * 1000):013d}-{next(numbers):06d}"

        engine = Engine(
            log=self.log,
            registry=self.registry,
            ledger=self.ledger,
            channels={"HTTP": self.receiver},
            secrets=self.vault,
            select=selection,
            policy=lambda one: msgspec.convert({"jitter": 0, **one.config}, Policy),
            publish=self.publish,
            options=self.options,
            clock=self.time,
            timers=self.time,
            rng=Random(1),
            new_id=new_id,
        )
        self.service = Subscriptions(
            engine=engine,
            ledger=self.ledger,
            log=self.log,
            vault=self.vault,
            clock=self.time,
            entropy=lambda n: next(counter).to_bytes(n, "big"),
            new_id=new_id,
        )
        return engine

    async def made(self, principal: Principal = EVERYONE, **members: Any) -> str:
        told = await self.service.create({"sink": SINK, **members}, principal)
        await settle()
        return told["id"]


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    time = Time()
    log = MemoryLog(LogOptions(store="memory:"), clock=time, entropy=lambda n: b"\x07" * n)
    rig = Served(log, log.registry, log.ledger, time)
    await rig.engine.start()
    try:
        yield rig
    finally:
        await rig.engine.stop()
