"""The demo as people run it: a process that starts a gateway, replays the week, and cleans up."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TIMEOUT = 50.0


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the demo with its temporary files in `folder`."""
    environment = os.environ | {"TMPDIR": str(folder), "HUBBUB_SERVER__PORT": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "hubbub.demo", "--seconds", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=folder,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=TIMEOUT)


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    """Read the output up to the line that holds `wanted`; the test's own timeout ends the wait."""
    assert process.stdout is not None
    said = ""
    while wanted not in said:
        line = process.stdout.readline()
        assert line, f"ended after: {said}"
        said += line
    return said


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_replays_the_week_stays_up_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path, "--port", "0") as process:
        said = read_until(process, "Ctrl-C ends it")
        assert "All 1,707 are through." in said
        assert "6 Feb" in said
        assert "the strongest 6.4, 22km NNE of Hualian, Taiwan" in said
        url = re.search(r"Watch it: (\S+)/", said)
        child = re.search(r"process (\d+)", said)
        assert url is not None
        assert child is not None
        query = "order=desc&limit=1&filter=magnitude%20%3E%3D%206"
        with urllib.request.urlopen(f"{url[1]}/topics/earthquakes/*?{query}") as answer:
            (event,) = json.load(answer)
            assert answer.headers["Hubbub-Position"].endswith("-1707")
        assert event["subject"] == "22km NNE of Hualian, Taiwan"
        assert event["data"]["mag"] == 6.4
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=TIMEOUT)
        assert (process.returncode, complaints) == (0, "")
        assert "Stopping the gateway" in said
    assert not is_alive(int(child[1]))
    assert list(tmp_path.iterdir()) == []


def test_once_ends_by_itself(tmp_path: Path) -> None:
    with demo(tmp_path, "--port", "0", "--once") as process:
        said, complaints = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, complaints) == (0, "")
    assert "All 1,707 are through." in said
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_told_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with demo(tmp_path, "--port", str(other.getsockname()[1])) as process:
            _, complaints = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert "is taken by another program; choose one with --port" in complaints


def test_a_gateway_that_dies_is_noticed(tmp_path: Path) -> None:
    with demo(tmp_path, "--port", "0") as process:
        said = read_until(process, "process ")
        child = re.search(r"process (\d+)", said)
        assert child is not None
        os.kill(int(child[1]), signal.SIGKILL)
        _, complaints = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "the gateway ended with exit code -9" in complaints
    assert list(tmp_path.iterdir()) == []
