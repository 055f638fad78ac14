"""Running `worker.py`, and comparing what it was told with what is in the log afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Log
from hubbub.core.selection import EVERYTHING
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions

WORKER = Path(__file__).with_name("worker.py")
STRACE = shutil.which("strace")


@cache
def tracing(calls: str, injection: str) -> list[str]:
    """Return the command that does something to system calls, or skip where that cannot be."""
    if STRACE is None:
        pytest.skip("strace is not there to inject faults with")
    command = [STRACE, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here")
    return [*command, "-e", f"inject={calls}:{injection}"]


class Told:
    """What a worker was told."""

    def __init__(self, output: str) -> None:
        self.lines = [line.split(" ") for line in output.splitlines() if output]
        self.acknowledged = {line[2]: int(line[1]) for line in self.lines if line[0] == "ack"}
        self.refused = {line[1] for line in self.lines if line[0] == "no"}
        self.health = [" ".join(line) for line in self.lines if line[0] in ("bad", "good")]
        self.epochs = [line[1] for line in self.lines if line[0] == "open"]
        self.is_closed = bool(self.lines) and self.lines[-1][0] == "closed"


class Worker:
    """A running worker."""

    def __init__(
        self,
        path: Path,
        *,
        seed: int = 1,
        publishers: int = 8,
        appends: int = 0,
        under: Sequence[str] = (),
        script: Path = WORKER,
    ) -> None:
        self._under = under
        self._output = path.parent.parent / f"told-{uuid.uuid4()}"
        self._errors = self._output.with_suffix(".err")
        numbers = map(str, (seed, publishers, appends))
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*under, sys.executable, str(script), f"sqlite://{path}", *numbers],
                stdout=output,
                stderr=errors,
            )

    def kill(self) -> None:
        """Kill the worker itself: a tracer that dies lets go of it, and ends when it does."""
        if self.process.poll() is not None:
            return
        for line in Told(self._output.read_text()).lines:
            if line[0] == "pid":
                with suppress(ProcessLookupError):
                    os.kill(int(line[1]), signal.SIGKILL)
        if not self._under:
            self.process.kill()
        self.process.wait(30)

    def wait_for(self, word: str, timeout: float = 30) -> None:
        """Wait until it has told a line that begins with a word."""
        deadline = time.monotonic() + timeout
        while not any(line[0] == word for line in Told(self._output.read_text()).lines):
            assert time.monotonic() < deadline, f"{word!r} was never told: {self.errors}"
            assert self.process.poll() is None, f"it died before {word!r}: {self.errors}"
            time.sleep(0.002)

    def told(self, timeout: float = 45) -> Told:
        """Wait for the end and return what was told."""
        try:
            self.process.wait(timeout)
        finally:
            self.kill()  # at the latest
        return Told(self._output.read_text())

    @property
    def errors(self) -> str:
        return self._errors.read_text()


async def _contents(path: Path) -> tuple[str, dict[str, int], Log]:
    log = await open_engine(
        LogOptions(store=f"sqlite://{path}"), clock=SystemClock(), entropy=os.urandom
    )
    found: dict[str, int] = {}
    at = log.tail - 1
    while at < log.head:
        page = await log.read(at, 1000, EVERYTHING)
        assert [r.offset for r in page.records] == list(range(at + 1, page.next + 1)), "no holes"
        for record in page.records:
            name = str(record.attributes()["id"])
            assert name not in found, "nothing is there twice"
            found[name] = record.offset
        at = page.next
    await log.close()
    return log.epoch, found, log


class Contents:
    """What is in a log, opened in this process."""

    def __init__(self, path: Path) -> None:
        self.epoch, self.found, log = asyncio.run(_contents(path))
        self.head, self.tail = log.head, log.tail

    def check(self, told: Told) -> None:
        """Assert that every acknowledged event is kept at its place, and no refused one is."""
        kept = {name: at for name, at in told.acknowledged.items() if at >= self.tail}
        assert {name: self.found.get(name) for name in kept} == kept
        assert not told.refused & self.found.keys()
