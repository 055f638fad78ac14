"""A process that publishes to a log and tells on stdout what it was told, until it is killed.

    python worker.py STORE SEED PUBLISHERS APPENDS

Lines: `pid PID`, `open EPOCH HEAD`, `ack OFFSET ID`, `no ID` for what was refused, `bad REASON` and `good` as
the health changes. Each line is one write, so that what was told outlives the process. After
APPENDS calls of each publisher (0: never) the log is closed and `closed HEAD` is the last line.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Log, Retention
from hubbub.core.errors import Unavailable
from hubbub.core.event import Event, compose
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def event(name: str, size: int) -> Event:
    attributes = {"specversion": "1.0", "id": name, "source": "/crash", "type": "made"}
    attributes["datacontenttype"] = "application/json"
    topic = f"t/{len(name) % 3}/{size % 50}"
    return compose(attributes, topic, b'"%b"' % (b"x" * size), named=True)


class Publisher:
    def __init__(self, log: Log, seed: int, number: int) -> None:
        self.log = log
        self.rng = random.Random(seed * 1000 + number)
        self.name = f"{os.getpid()}-{number}"
        self.count = 0

    async def run(self, appends: int) -> None:
        while not appends or self.count < appends:
            await self.publish()

    async def publish(self) -> None:
        self.count += 1
        names = [f"{self.name}-{self.count}-{n}" for n in range(self.rng.choice([1, 1, 1, 5, 40]))]
        events = [event(name, self.rng.choice([10, 200, 3000])) for name in names]
        try:
            answers = await self.log.append(events)
        except Unavailable:
            for name in names:
                tell("no", name)
            await asyncio.sleep(0.01)
            return
        for name, answer in zip(names, answers, strict=True):
            tell("ack", answer.offset, name)


async def watch(log: Log) -> None:
    """Tell of changes of health, and trim at times."""
    was_ok = True
    while True:
        health = log.health()
        if health.ok != was_ok:
            was_ok = health.ok
            tell("good" if was_ok else f"bad {health.reason}")
        if log.head - log.tail > 20_000:
            await log.trim(Retention(max_count=15_000))
        await asyncio.sleep(0.005)


async def main(store: str, seed: int, publishers: int, appends: int) -> None:
    tell("pid", os.getpid())
    log = await open_engine(LogOptions(store=store), clock=SystemClock(), entropy=os.urandom)
    tell("open", log.epoch, log.head)
    watching = asyncio.ensure_future(watch(log))
    await asyncio.gather(*(Publisher(log, seed, n).run(appends) for n in range(publishers)))
    watching.cancel()
    await asyncio.wait([watching])
    await log.close()
    tell("closed", log.head)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
