"""Other people's clients as child processes: what they print, line by line."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

NODE = Path(__file__).resolve().parents[1] / "node"
PATIENCE = 20.0
"""Seconds for a line to come: Node.js takes a while to start on a busy machine."""


class Program:
    """A running child that prints lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        """Return the next line that it prints."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        assert line, "the program ended"
        return line.decode().rstrip("\r\n")

    async def said(self) -> dict[str, Any]:
        """Return the next line as JSON."""
        return json.loads(await self.line())

    async def event(self) -> dict[str, Any]:
        """Return the next event that it prints, whatever else it says before."""
        while "data" not in (said := await self.said()):
            pass
        return said

    async def rest(self) -> str:
        """Return all else that it prints until it ends."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self._process.stdout.read()).decode()

    async def exit_code(self) -> int:
        """Wait for its end."""
        return await self._process.wait()

    async def send(self, what: dict[str, Any]) -> None:
        """Write a line of JSON to its input."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def program(*command: str | Path) -> AsyncIterator[Program]:
    """Run a command until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def needs(tool: str) -> str:
    """Return the path of a tool, or skip."""
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return found


def node_program(name: str) -> list[str | Path]:
    """Return the command of a program of tests/node; its packages are installed once."""
    node, npm = needs("node"), needs("npm")
    wanted = (NODE / "package.json").read_text(encoding="utf-8")
    stamp = NODE / "node_modules" / "installed"
    with (NODE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
            found = subprocess.run(
                command, check=False, cwd=NODE, capture_output=True, text=True, timeout=50
            )
            if found.returncode:
                pytest.skip(f"npm could not install the packages: {found.stderr[-300:]}")
            stamp.write_text(wanted, encoding="utf-8")
    return [node, NODE / name]
