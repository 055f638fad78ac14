"""Publish the week again: in its order, in its rhythm, only faster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from hubbub.core.clock import Clock
from hubbub.demo.quakes import Quake

Publish = Callable[[Mapping[str, Any]], Awaitable[object]]
Report = Callable[[Quake], None]
Sleep = Callable[[float], Awaitable[None]]


async def replay(  # noqa: PLR0913  what is replayed, how fast, and the means
    publish: Publish,
    quakes: Sequence[Quake],
    seconds: float,
    report: Report,
    *,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Publish all quakes within about `seconds`, 0 for at once; each is durable when reported.

    Where publishing is slower than the rhythm nothing is left out: it takes longer. Raises what
    `publish` does.
    """
    first, last = quakes[0].seconds, quakes[-1].seconds
    scale = seconds / max(last - first, 1.0)
    began = clock.monotonic()
    for quake in quakes:
        due = began + scale * (quake.seconds - first)
        if (early := due - clock.monotonic()) > 0:
            await sleep(early)
        await publish(quake.event())
        report(quake)
