"""The demo's command: `python -m hubbub.demo`, or `make demo` in a checkout."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from hubbub.client import AsyncClient
from hubbub.core.clock import SystemClock
from hubbub.core.errors import HubbubError
from hubbub.demo.gateway import Gateway, gateway
from hubbub.demo.quakes import load
from hubbub.demo.replay import replay
from hubbub.demo.words import Words

STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m hubbub.demo", description=__doc__)
    parser.add_argument(
        "--seconds", type=_seconds, default=75.0, help="how long the week takes (default 75)"
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="where to listen, 0 for any free port (default 8080)"
    )
    parser.add_argument("--once", action="store_true", help="end when the week is over")
    return parser.parse_args()


async def run(options: argparse.Namespace) -> None:
    """Show the demo until it is over or somebody stops it. Raises `HubbubError`."""
    stopped = asyncio.Event()
    for name in STOPPING:
        with suppress(AttributeError, NotImplementedError):  # not every system has them all
            asyncio.get_running_loop().add_signal_handler(getattr(signal, name), stopped.set)
    with tempfile.TemporaryDirectory(prefix="hubbub-demo-") as folder:
        async with gateway(options.port, Path(folder)) as running:
            words = Words(Console(highlight=False))
            await _first(show(words, running, options), stopped.wait(), running.died())
            words.say("Stopping the gateway; its data goes with it.")


async def show(words: Words, running: Gateway, options: argparse.Namespace) -> None:
    """Replay the week, then stay up unless it is for once."""
    quakes = load()
    words.welcome(running, quakes, options.seconds)
    async with AsyncClient(running.url) as client:
        with words.bar(len(quakes)):
            await replay(
                client.publish_event, quakes, options.seconds, words.report, clock=SystemClock()
            )
    words.say(f"All {len(quakes):,} are through.")
    if not options.once:
        words.say("The gateway stays up: try the lines above. Ctrl-C ends it.")
        await asyncio.Event().wait()


async def _first(*ways: Coroutine[Any, Any, object]) -> None:
    """Run until the first of them ends, and raise what it raised."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError
    return value


def main() -> None:
    """Run the demo; exit with 0 however it was ended, with 1 if the gateway failed."""
    try:
        asyncio.run(run(arguments()))
    except HubbubError as error:
        Console(stderr=True, highlight=False, markup=False).print(f"hubbub demo: {error.detail}")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
