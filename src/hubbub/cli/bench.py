"""`hubbub bench`: a small load on a running server, bounded in time. Not a benchmark of record."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hubbub.cli.options import DEFAULT_URL, Token, Url
from hubbub.cli.outcome import reported, run_async
from hubbub.core.errors import HubbubError

if TYPE_CHECKING:
    from hubbub.cli.load import Target

MAX_SECONDS = 60.0
"""Longest phase: this is for a look at a server, not for a soak."""

DRAIN = 2.0
"""Seconds that the last events may take to arrive."""


@reported
def bench(
    *,
    seconds: Annotated[
        float, typer.Option(help="How long each of the two phases takes.", min=0.1, max=MAX_SECONDS)
    ] = 5.0,
    publishers: Annotated[
        int, typer.Option(help="Connections that publish at the same time.", min=1, max=1000)
    ] = 16,
    listeners: Annotated[
        int, typer.Option(help="Connections that listen in the second phase.", min=1, max=10_000)
    ] = 100,
    rate: Annotated[
        float, typer.Option(help="Events per second in the second phase.", min=0.1, max=10_000)
    ] = 50.0,
    size: Annotated[int, typer.Option(help="Bytes of data in an event.", min=40, max=60_000)] = 256,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Measure a running server for a few seconds.

    First publishers send as fast as they are answered, then one event after another goes to many
    listeners. The events stay in the server's log under bench/.
    """
    run_async(_bench(url, token, Load(seconds, publishers, listeners, rate, size)))


class Load(NamedTuple):
    """How much of what."""

    seconds: float
    publishers: int
    listeners: int
    rate: float
    size: int


class Row(NamedTuple):
    """One line of the result."""

    what: str
    events: int
    per_second: float
    times: list[float]
    note: str = ""


async def _bench(url: str, token: str | None, load: Load) -> None:
    from hubbub.cli.load import Target  # noqa: PLC0415

    run = secrets.token_hex(4)
    published = await _publish(Target.of(url, token, f"bench/{run}/publish"), load)
    delivered = await _fan_out(Target.of(url, token, f"bench/{run}/fan-out"), load)
    _print([published, delivered])


async def _publish(target: Target, load: Load) -> Row:
    from hubbub.cli.load import Poster, connect  # noqa: PLC0415

    posters = [
        await connect(target, lambda: Poster(target, load.size)) for _ in range(load.publishers)
    ]
    began = time.perf_counter()

    async def post(poster: Poster) -> None:
        while time.perf_counter() - began < load.seconds:
            await poster.post()

    try:
        async with asyncio.TaskGroup() as tasks:
            for poster in posters:
                tasks.create_task(post(poster))
    except* HubbubError as group:
        raise group.exceptions[0] from None
    finally:
        for poster in posters:
            poster.transport.close()
    took = time.perf_counter() - began
    times = [one for poster in posters for one in poster.times]
    return Row(f"publish, {load.publishers} at a time", len(times), len(times) / took, times)


async def _fan_out(target: Target, load: Load) -> Row:
    from hubbub.cli.load import Hearer, Poster, connect  # noqa: PLC0415

    hearers = [await connect(target, lambda: Hearer(target)) for _ in range(load.listeners)]
    poster = await connect(target, lambda: Poster(target, load.size))
    try:
        await asyncio.gather(*(hearer.begun for hearer in hearers))
        began = time.perf_counter()
        sent = 0
        while (now := time.perf_counter() - began) < load.seconds:
            if (wait := sent / load.rate - now) > 0:
                await asyncio.sleep(min(wait, load.seconds - now))
                continue
            await poster.post()
            sent += 1
        took = time.perf_counter() - began
        wanted = sent * load.listeners
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                await asyncio.gather(*(hearer.heard(sent) for hearer in hearers))
        got = sum(hearer.events for hearer in hearers)
    finally:
        for one in (*hearers, poster):
            one.transport.close()
    times = [one for hearer in hearers for one in hearer.times]
    note = "" if got == wanted else f"{wanted - got} had not arrived {DRAIN:.0f} s later"
    return Row(f"fan-out to {load.listeners} streams", got, got / took, times, note)


def _print(rows: list[Row]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("", "events", "per second", "p50 ms", "p99 ms", "slowest ms")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        times = sorted(row.times) or [0.0]
        shown = (times[len(times) // 2], times[len(times) * 99 // 100], times[-1])
        table.add_row(
            row.what, str(row.events), f"{row.per_second:.0f}", *(f"{t * 1000:.2f}" for t in shown)
        )
    console = Console()
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"{row.what}: {row.note}")
