"""The real `hubbub` server as a process on a free port, and commands against it.

Commands that end by themselves run in this process, which saves starting one each; those that are
about signals, pipes and terminals are started.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from hubbub.cli import main
from hubbub.client import Client, Event

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


def run(*args: str, stdin: bytes = b"", cwd: Path | None = None, **env: str) -> Done:
    """Run a command to its end in this process."""
    out, err = io.StringIO(), io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    with (
        mock.patch.dict(os.environ, environment(**env), clear=True),
        mock.patch.object(sys, "argv", ["hubbub", *args]),
        mock.patch.object(sys, "stdin", given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(cwd or Path.cwd()),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return Done(code or 0, out.getvalue(), err.getvalue())


def start(*args: str, env: Mapping[str, str], **how: object) -> subprocess.Popen[str]:
    """Start a command as a process."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **how}
    return subprocess.Popen(
        [sys.executable, "-m", "hubbub", *args], env=environment(**env), **given
    )


def spawn(*args: str, cwd: Path, **env: str) -> Done:
    """Run a command to its end in a process of its own, where it may set up logging."""
    with start(*args, env=env, cwd=cwd) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return Done(process.returncode, out, err)


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

    def run(self, *args: str, stdin: bytes = b"", **env: str) -> Done:
        return run(*args, stdin=stdin, HUBBUB_URL=self.url, **env)

    def start(self, *args: str, **how: object) -> subprocess.Popen[str]:
        return start(*args, env={"HUBBUB_URL": self.url}, **how)

    def events(self, topic: str) -> list[Event]:
        with Client(self.url) as client:
            return list(client.history(topic))


@contextmanager
def serving(*args: str, cwd: Path, **env: str) -> Iterator[Serving]:
    """Run a server until the block ends; its standard error is the file `stderr` in `cwd`."""
    with (
        (cwd / "stderr").open("w") as errors,
        start("serve", "--port", "0", *args, env=env, stderr=errors, cwd=cwd) as process,
    ):
        try:
            assert process.stdout is not None
            greeting = [process.stdout.readline().rstrip() for _ in range(5)]
            assert greeting[-1], (cwd / "stderr").read_text()
            yield Serving(process, greeting)
        finally:
            process.terminate()
            process.wait(PATIENCE)
