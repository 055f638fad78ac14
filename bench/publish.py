"""Durable publishing over HTTP: rate, CPU time of the server per event, latency at half the peak.

A 201 of hubbub means that the event is synced to disk. `bare uvicorn` answers without doing
anything: what the same HTTP server costs alone. NATS JetStream is told to sync before it answers
(`sync_interval: always`), and speaks its own protocol, which is cheaper to read than HTTP. The server is pinned to one core and the publishers
to another, so a rate is a rate per core. The peak is closed loop; latency is open loop at a
constant rate, counted from the moment a request was due.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench import table
from bench.clients import Posted, post
from bench.ingest import bare, nats
from bench.process import Process
from bench.servers import TOPIC, Missing, http, hubbub, payload

BATCH = 100
CONNECTIONS = 64
BATCH_CONNECTIONS = 16


@dataclass
class Case:
    """A way to publish, and what was measured of it."""

    name: str
    process: Process
    port: int
    request: bytes
    events: int
    connections: int
    protocol: str = "http"
    runs: list[tuple[Posted, float]] = field(default_factory=list[tuple[Posted, float]])
    """What the publishers saw, and the server's CPU seconds per event, of each round."""

    def run(self, seconds: float, rate: float | None = None) -> tuple[Posted, float]:
        """Publish for a while."""
        before = self.process.cpu()
        posted = post(
            self.port,
            self.connections,
            self.request,
            seconds,
            rate=rate,
            protocol=self.protocol,
        )
        spent = self.process.cpu() - before
        return posted, spent / max(1, posted.answers * self.events)

    def peak(self) -> float:
        """Return the median of requests per second."""
        return statistics.median(posted.answers / posted.seconds for posted, _ in self.runs)


def run(options: Namespace) -> None:
    """Measure and print two tables."""
    with contextlib.ExitStack() as stack:
        cases = _open(stack, options.servers)
        for case in cases:
            case.run(min(1.0, options.seconds))
        for _ in range(options.rounds):
            for case in cases:
                case.runs.append(case.run(options.seconds))
        _report_peak(cases, options)
        rows: list[Sequence[object]] = []
        for case in cases:
            rate = case.peak() / 2
            posted, cost = case.run(3 * options.seconds, rate)
            times = (posted.p50, posted.p90, posted.p99, posted.p999, posted.longest)
            rows.append(
                [case.name, rate * case.events, posted.answers / posted.seconds * case.events]
                + [time * 1e3 for time in times]
                + [cost * 1e6]
            )
        headers = [
            "half the peak",
            "events/s due",
            "answered",
            "p50 ms",
            "p90",
            "p99",
            "p99.9",
            "max",
        ]
        table.show(
            f"Latency of publishing, open loop, {3 * options.seconds:g} s",
            [*headers, "µs CPU/event"],
            rows,
        )


def _open(stack: contextlib.ExitStack, names: list[str]) -> list[Case]:
    cases: list[Case] = []
    if "hubbub" in names:
        try:
            server = stack.enter_context(hubbub())
        except (Missing, RuntimeError) as reason:
            print(f"skipped: {reason}", file=sys.stderr)
        else:
            cases += [
                Case(f"hubbub, {name}", server.process, server.port, request, events, connections)
                for name, request, events, connections in _requests()
            ]
    process, port = stack.enter_context(bare())
    request = http("POST", "/", payload(), Content_Type="application/json")
    cases.append(Case("bare uvicorn, not durable", process, port, request, 1, CONNECTIONS))
    try:
        process, port, request = stack.enter_context(nats())
    except (Missing, RuntimeError) as reason:
        print(f"skipped: {reason}", file=sys.stderr)
    else:
        cases.append(Case("NATS JetStream, synced", process, port, request, 1, CONNECTIONS, "nats"))
    return cases


def _requests() -> Iterator[tuple[str, bytes, int, int]]:
    path, one = f"/topics/{TOPIC}", payload()
    json = "application/json"
    yield "one event", http("POST", path, one, Content_Type=json), 1, CONNECTIONS
    named = {"ce_id": "bench-" + "#" * 12, "ce_source": "/bench", "ce_type": "bench.made"}
    yield (
        "one event, own id",
        http("POST", path, one, Content_Type=json, **named, ce_specversion="1.0"),
        1,
        CONNECTIONS,
    )
    lines = b"\n".join([one] * BATCH)
    request = http("POST", path, lines, Content_Type="application/x-ndjson")
    yield f"{BATCH} lines of NDJSON", request, BATCH, BATCH_CONNECTIONS
    event = b'{"specversion":"1.0","id":"%d","source":"/bench/%b","type":"bench.made","data":%b}'
    events = b",".join(event % (n, b"#" * 12 if n == 0 else b"0", one) for n in range(BATCH))
    yield (
        f"{BATCH} CloudEvents",
        http("POST", path, b"[%b]" % events, Content_Type="application/cloudevents-batch+json"),
        BATCH,
        BATCH_CONNECTIONS,
    )


def _report_peak(cases: list[Case], options: Namespace) -> None:
    rows: list[Sequence[object]] = []
    for case in cases:
        cost = statistics.median(cost for _, cost in case.runs)
        rows.append(
            [case.name, case.connections, case.peak() * case.events, cost * 1e6, 1 / cost]
            + [
                statistics.median(getattr(posted, part) for posted, _ in case.runs) * 1e3
                for part in ("p50", "p99")
            ]
            + [case.process.memory()[0] / 2**20]
        )
    table.show(
        f"Publishing at the peak, closed loop, {options.rounds} rounds of {options.seconds:g} s",
        [
            "what",
            "connections",
            "events/s",
            "µs CPU/event",
            "events/CPU s",
            "p50 ms",
            "p99 ms",
            "RSS MiB",
        ],
        rows,
    )
