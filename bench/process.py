"""A server under test as a process: started, weighed, stopped. Only what was started is killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

PATIENCE = 30.0
"""Seconds a server may take to start, or to stop before it is killed."""

_prctl = ctypes.CDLL(None).prctl
_PR_SET_PDEATHSIG = 1
_CPUCLOCK_SCHED = 2


class Process:
    """A started program and its children."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cpu: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command = command
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process

        def begin() -> None:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # nothing outlives the harness
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})

        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **(environment or {})},
            preexec_fn=begin,  # noqa: PLW1509 - the harness has no threads
        )
        self.pid = self._popen.pid
        self._pending = b""

    def read_line(self, timeout: float = PATIENCE) -> str:
        """Return the next line of its output. Raises `RuntimeError` with its log if none comes."""
        assert self._popen.stdout is not None
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._popen.stdout, selectors.EVENT_READ)
            while b"\n" not in self._pending:
                left = deadline - time.monotonic()
                ready = left > 0 and selector.select(left)
                more = os.read(self._popen.stdout.fileno(), 65536) if ready else b""
                if not more:
                    raise RuntimeError(f"{self.command[0]} said nothing.\n{self.log()}")
                self._pending += more
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode(errors="replace")

    def write_line(self, line: str) -> None:
        """Put a line on its standard input."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(line.encode() + b"\n")
        self._popen.stdin.flush()

    def log(self) -> str:
        """Return the end of what it wrote to standard error."""
        self._log.seek(0)
        return self._log.read()[-4000:].decode(errors="replace")

    def alive(self) -> bool:
        """Tell whether it still runs."""
        return self._popen.poll() is None

    def family(self) -> list[int]:
        """Return the process ids of it and its descendants."""
        pids = [self.pid]
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    pids.extend(map(int, task.read_text().split()))
        return pids

    def cpu(self) -> float:
        """Return the CPU seconds of it, all its threads and its living descendants so far.

        It is what /proc/PID/stat counts as utime and stime, read in nanoseconds from the
        process's CPU clock instead of in ticks of ten milliseconds.
        """
        total = 0.0
        for pid in self.family():
            with contextlib.suppress(OSError):
                total += time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
        return total

    def memory(self) -> tuple[int, int]:
        """Return resident and proportional set size in bytes, descendants included."""
        rss = pss = 0
        for pid in self.family():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    rss += int(line.split()[1]) * 1024
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) * 1024
        return rss, pss

    def stop(self) -> None:
        """Ask it to end, then make it."""
        if self._popen.poll() is None:
            self._popen.terminate()
            try:
                self._popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout, self._log):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextlib.contextmanager
def running(
    command: Sequence[str], *, cpu: int | None = None, environment: Mapping[str, str] | None = None
) -> Generator[Process]:
    """Start a program and stop it at the end of the block."""
    process = Process(command, cpu=cpu, environment=environment)
    try:
        yield process
    finally:
        process.stop()


def free_port() -> int:
    """Find a loopback port that nobody listens on, for servers that cannot be told `any`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_listening(process: Process, port: int) -> None:
    """Wait until a port answers. Raises `RuntimeError` with the process's log when it ended."""
    deadline = time.monotonic() + PATIENCE
    while process.alive() and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.command[0]} did not start: {process.log()}")
