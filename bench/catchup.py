"""Catching up: one client reads the whole log; thousands resume at once after a restart.

The first is records per second over one SSE connection from `since=earliest`. In the second the
clients come back with `Last-Event-ID` from positions near the end, as they would after a restart.
"""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from argparse import Namespace
from pathlib import Path

from bench import table
from bench.clients import Publisher, audience
from bench.machine import OUT, connections_possible
from bench.servers import TOPIC, Server, http, hubbub, payload

BATCH = 500
SPREAD = 200
"""How far apart the clients that resume were when the server went away, in records."""


def run(options: Namespace) -> None:
    """Measure and print two tables."""
    if "hubbub" not in options.servers:
        return
    with tempfile.TemporaryDirectory(prefix="bench-", dir=OUT) as place:
        with hubbub(Path(place)) as server:
            epoch = _fill(server, options.records)
            rows = [_read_all(server, options) for _ in range(min(3, options.rounds))]
            table.show(
                f"One client reads {options.records:,} records by SSE, since=earliest",
                ["round", "records/s", "seconds", "MB/s", "µs CPU/record", "RSS MiB"],
                [[str(number + 1), *row] for number, row in enumerate(rows)],
            )
        headers = ["clients", "records", "seconds", "CPU s", "µs CPU/client", "µs CPU/record"]
        table.show(
            f"Clients resume at once after a restart, each up to {SPREAD} records behind",
            [*headers, "engine reads"],
            [_resume(Path(place), epoch, options)],
        )


def _fill(server: Server, records: int) -> str:
    """Append that many records; return the epoch of their positions."""
    body = b"\n".join([payload()] * BATCH)
    request = http("POST", f"/topics/{TOPIC}", body, Content_Type="application/x-ndjson")
    answer = b""
    with Publisher(server.port) as publisher:
        for _ in range(records // BATCH):
            publisher.send(request)
            answer = publisher.answers(1)
    epoch, last = json.loads(answer)["events"][-1]["position"].rsplit("-", 1)
    assert int(last) == records // BATCH * BATCH
    return epoch


def _read_all(server: Server, options: Namespace) -> list[object]:
    records = options.records // BATCH * BATCH
    request = http("GET", f"/topics/{TOPIC}?since=earliest", Accept="text/event-stream")
    before = server.process.cpu()
    began = time.monotonic_ns()
    with audience(server.port, 1, "sse", request, expect=records) as client:
        done = client.wait_done(600)
    seconds = (done.last - began) / 1e9
    spent = server.process.cpu() - before
    rss = server.process.memory()[0] / 2**20
    return [records / seconds, seconds, done.bytes / 1e6 / seconds, spent / records * 1e6, rss]


def _resume(place: Path, epoch: str, options: Namespace) -> list[object]:
    clients = connections_possible(options.clients)
    head = options.records // BATCH * BATCH
    first = head - SPREAD
    expected = sum(head - (first + client % SPREAD) for client in range(clients))
    position = f"{epoch}-" + "#" * len(str(first))
    request = http("GET", f"/topics/{TOPIC}", Accept="text/event-stream", Last_Event_ID=position)
    with hubbub(place) as server:
        reads = _engine_reads(server)
        before = server.process.cpu()
        began = time.monotonic_ns()
        with audience(
            server.port, clients, "sse", request, expect=expected, first=first, span=SPREAD
        ) as crowd:
            done = crowd.wait_done(300)
            seconds = (done.last - began) / 1e9
            spent = server.process.cpu() - before
            after = _engine_reads(server)
    read = "not told" if reads is None or after is None else str(int(after - reads))
    return [
        f"{clients:,}",
        expected,
        seconds,
        spent,
        spent / clients * 1e6,
        spent / expected * 1e6,
        read,
    ]


def _engine_reads(server: Server) -> float | None:
    """Ask the server how often its engine was read, by whatever metric says `log` and `reads`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            name, _, value = line.partition(" ")
            if "log" in name and "reads_total" in name:
                return float(value)
    return None
