"""The real `hubbub` process, on a free port, and the command line run against it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PATIENCE = 30.0


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """Ours without anybody's settings of hubbub."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("HUBBUB_")}
    return clean | more


def run(*args: str, stdin: str | bytes = "", cwd: Path | None = None, **env: str) -> Done:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", *args],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=PATIENCE,
        cwd=cwd,
        env=environment(**env),
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


class Serving:
    """A server process whose greeting was read."""

    def __init__(self, process: subprocess.Popen[str], greeting: list[str]) -> None:
        self.process = process
        self.greeting = greeting
        found = re.search(r"http://\S+(?=/$)", greeting[0])
        assert found, greeting
        self.url = found[0]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def run(self, *args: str, stdin: str | bytes = "", **env: str) -> Done:
        return run(*args, stdin=stdin, HUBBUB_URL=self.url, **env)


@contextmanager
def serving(*args: str, cwd: Path, **env: str) -> Iterator[Serving]:
    """Run a server until the block ends; its standard error is the file `stderr` in `cwd`."""
    with (
        (cwd / "stderr").open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "hubbub", "serve", "--port", "0", *args],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=cwd,
            env=environment(**env),
        ) as process,
    ):
        try:
            assert process.stdout is not None
            greeting = [process.stdout.readline().rstrip() for _ in range(5)]
            assert greeting[-1], (cwd / "stderr").read_text()
            yield Serving(process, greeting)
        finally:
            process.terminate()
            process.wait(PATIENCE)


