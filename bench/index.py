"""What a publish costs when very many others are subscribed to something else.

In process: a hub on the memory log whose audience writes nowhere. Two hubs take turns, one with a
single subscriber to the topic, the other with 100,000 more to other topics and 1,000 patterns that
do not match. CPU time from `publish` to the end of the fan-out, everything but the socket included.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from itertools import count, repeat
from typing import TYPE_CHECKING

from bench import table
from bench.servers import TOPIC, payload

if TYPE_CHECKING:
    from hubbub import Hub

PATTERNS = 1000
PUBLISHES = 200
TURNS = 20
"""Many short turns for each round: what disturbs one hub then disturbs the other, too."""


def run(options: Namespace) -> None:
    """Measure and print one table."""
    import uvloop  # noqa: PLC0415 - only needed here, and not everywhere installed

    uvloop.run(_measure(options.others, options.rounds))


async def _measure(others: int, rounds: int) -> None:
    from hubbub import Hub  # noqa: PLC0415 - the other benchmarks run without it

    async with Hub(store="memory:") as empty, Hub(store="memory:") as crowded:
        alone, among = Room(empty), Room(crowded)
        for room in (alone, among):
            room.subscribe(TOPIC)
            room.subscribe("changing/*")
        for number in range(others):
            among.subscribe(f"other/{number}")
        for number in range(PATTERNS):
            among.subscribe(f"wild/{number}/*" if number % 2 else f"wild/*/{number}/**")
        rows: list[Sequence[object]] = []
        for what, topics in (
            ("the same topic", repeat(TOPIC)),
            ("a new topic each time", (f"changing/{number}" for number in count())),
        ):
            costs = [
                (await alone.publish(topics), await among.publish(topics))
                for _ in range(rounds * TURNS)
            ]
            one, many = (statistics.median(column) for column in zip(*costs, strict=True))
            rows.append([what, one * 1e6, many * 1e6, many / one])
    table.show(
        "CPU per publish in process, memory log",
        ["published to", "µs, 1 subscription", f"µs, {others:,} + {PATTERNS:,} patterns", "ratio"],
        rows,
    )


class Room:
    """A hub with an audience that throws away what it hears."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._heard = 0

    def subscribe(self, pattern: str) -> None:
        """Let one more connection listen to a pattern."""
        from hubbub.core.selection import Selection  # noqa: PLC0415 - as above

        streams = self._hub.streams
        form = streams.encoding("sse", "chunked")
        streams.fanout.join(object(), self._hear, Selection.of([pattern]), form)

    def _hear(self, _: object) -> None:
        self._heard += 1

    async def publish(self, topics: Iterator[str]) -> float:
        """Publish often; return the CPU seconds of one, the end of its fan-out included."""
        data, before = payload(), self._heard
        began = time.process_time()
        for number, topic in zip(range(1, PUBLISHES + 1), topics, strict=False):
            await self._hub.publish(topic, data, content_type="application/json")
            while self._heard < before + number:  # noqa: ASYNC110 - an event would be measured, too
                await asyncio.sleep(0)
        assert self._heard == before + PUBLISHES, "each event is heard once"
        return (time.process_time() - began) / PUBLISHES
