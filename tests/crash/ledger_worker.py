"""A process that writes flushes and tells on stdout which were acknowledged, until it is killed.

    python ledger_worker.py STORE SEED PUBLISHERS FLUSHES

Lines: `pid PID`, `open NUMBER` with the last flush that is there, `ack NUMBER NUMBER`. Flush N moves every
cursor to N, makes the parcel N of each subscription, settles those of N - 1, and brings one attempt
for each. Publishers append beside it.
"""

from __future__ import annotations

import asyncio
import os
import sys

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Flush, Log
from hubbub.core.subscription import Attempt, Cursor, Parcel
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions
from hubbub.testing.log.subject import events

SUBSCRIPTIONS = [f"s{n}" for n in range(40)]


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def flush(number: int) -> Flush:
    made = Flush()
    for place, name in enumerate(SUBSCRIPTIONS):
        made.cursors[name] = Cursor("e", number, number)
        made.parcels[name, number] = Parcel(name, number, number, 1, number % 2, 1, "x" * 50)
        made.parcels[name, number - 1] = None
        id_ = f"{number:08d}-{place:03d}"
        made.attempts.append(Attempt(id=id_, subscription=name, message=id_, at=number))
    return made


async def publish(log: Log) -> None:
    while True:
        await log.append(events(3))


async def main(store: str, publishers: int, flushes: int) -> None:
    tell("pid", os.getpid())
    log = await open_engine(LogOptions(store=store), clock=SystemClock(), entropy=os.urandom)
    cursors = await log.ledger.cursors()
    number = max((cursor.offset for cursor in cursors.values()), default=0)
    tell("open", number)
    publishing = [asyncio.ensure_future(publish(log)) for _ in range(publishers)]
    last = number + flushes
    while not flushes or number < last:
        number += 1
        await log.ledger.write(flush(number))
        tell("ack", number, number)
    for task in publishing:
        task.cancel()
    await asyncio.wait(publishing)
    await log.close()
    tell("closed", number)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[3:])))
