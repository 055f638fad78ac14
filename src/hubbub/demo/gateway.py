"""`hubbub serve` as a child process, with a data directory of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import aiohttp

from hubbub.core.errors import Misconfigured, Unavailable

HOST: Final = "127.0.0.1"

START_TIMEOUT = 30.0
"""Seconds to become ready: a cold start of Python on a slow machine takes a few."""

STOP_TIMEOUT = 15.0
"""Seconds to stop in order: longer than the server's own `drain_timeout`."""

POLL = 0.05
"""Seconds between looks at /health/ready."""

LOG_TAIL = 2000
"""Characters of the server's log that are shown if it dies."""


class Gateway:
    """A running gateway."""

    def __init__(self, port: int, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.url = f"http://{HOST}:{port}"
        self.folder = folder
        self.process = process

    async def died(self) -> None:
        """Wait until the process ends by itself. Raises `Unavailable` with its own last words."""
        code = await self.process.wait()
        said = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")
        raise Unavailable(f"the gateway ended with exit code {code}:\n{said[-LOG_TAIL:].strip()}")


@asynccontextmanager
async def gateway(port: int, folder: Path) -> AsyncGenerator[Gateway]:
    """Run a gateway on a port of loopback, 0 for any free one; everything it writes is in `folder`.

    Raises `Misconfigured` if the port is taken, `Unavailable` if the gateway does not come up.
    """
    port = _free(port)
    running = Gateway(port, folder, await _spawn(port, folder))
    try:
        await _ready(running)
        yield running
    finally:
        await _stop(running.process)


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise Misconfigured(
                f"port {port} is taken by another program; choose one with --port, "
                'for example make demo ARGS="--port 8081"'
            ) from None
        return probe.getsockname()[1]


async def _spawn(port: int, folder: Path) -> asyncio.subprocess.Process:
    """Start it without the settings of this user and this folder, away from the terminal's Ctrl-C."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HUBBUB_")}
    arguments = ["serve", "--host", HOST, "--port", str(port), "--data", str(folder / "data")]
    with (folder / "server.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hubbub",
            *arguments,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


async def _ready(running: Gateway) -> None:
    died = asyncio.create_task(running.died())
    up = asyncio.create_task(_wait_until_ready(running.url))
    try:
        await asyncio.wait({died, up}, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        if died.done():
            died.result()
        if not up.done():
            raise Unavailable(f"the gateway was not ready after {START_TIMEOUT:.0f} seconds")
    finally:
        died.cancel()
        up.cancel()


async def _wait_until_ready(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(url + "/health/ready") as answer:
                    if answer.ok:
                        return
            await asyncio.sleep(POLL)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
    except TimeoutError:
        process.kill()
        await process.wait()
