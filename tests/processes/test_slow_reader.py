"""A reader that stops reading costs next to nothing, holds nobody up, and loses nothing.

In a real server process, because it is the process's memory that is measured.
"""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path

import pytest

from serving import serving

pytestmark = pytest.mark.slow

ROUNDS = 40
EVENTS = 200
SIZE = 4000
"""Bytes of an event: 32 MB in all while the reader reads nothing, many times what sockets and buffers on the way can hold."""

MAX_COST = 1024 * 1024


def connect(url: str, path: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    sock = socket.create_connection((host, int(port)))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    sock.settimeout(30)
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode()
    )
    assert sock.recv(4096).startswith(b"HTTP/1.1 200")
    return sock


def publish(url: str, round_number: int) -> None:
    lines = (json.dumps({"n": round_number * EVENTS + n, "pad": "x" * SIZE}) for n in range(EVENTS))
    request = urllib.request.Request(
        f"{url}/topics/slow",
        data="\n".join(lines).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def numbers(sock: socket.socket, count: int) -> list[int]:
    """Read the events' numbers until there are enough."""
    found: list[int] = []
    rest = b""
    while len(found) < count:
        got = sock.recv(262_144)
        assert got, "the server ended the stream"
        *lines, rest = (rest + got).split(b"\n")
        found += [json.loads(line[6:])["data"]["n"] for line in lines if line.startswith(b"data: ")]
    return found


def test_a_reader_that_stops_reading_costs_little_and_then_gets_everything(tmp_path) -> None:
    with serving(cwd=tmp_path, HUBBUB_LOG__RING_BYTES="1000000") as server:
        for n in range(ROUNDS):  # the process grows to its working size first
            publish(server.url, n)
        stalled = connect(server.url, "/topics/slow")
        before = memory(server.process.pid)
        for n in range(ROUNDS, 2 * ROUNDS):
            publish(server.url, n)
        cost = memory(server.process.pid) - before
        expected = list(range(ROUNDS * EVENTS, 2 * ROUNDS * EVENTS))
        assert numbers(stalled, len(expected)) == expected
        stalled.close()
    assert cost < MAX_COST
