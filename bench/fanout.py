"""Fan-out: one publisher, many connections, CPU time of the server per delivery.

An event is published, and the next only when every connection has it. A burst is ten events that
are published at once: hubbub and Centrifugo get them as one batch, Nchan as ten pipelined requests,
the floor as one write. All servers are up at once and take turns, round by round.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import table
from bench.clients import Audience, Publisher, audience
from bench.machine import connections_possible
from bench.servers import STARTERS, Missing, Server

BURST = 10
BUDGET = 25.0
"""Seconds after which no further round of a scenario begins, however many were asked for."""


@dataclass
class Case:
    """One server with its audience, and what was measured of it."""

    server: Server
    audience: Audience
    cpu: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    """Server CPU seconds per delivery of each round, by events per publish."""
    latency: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    """Seconds from publishing to the last arrival, by events per publish."""


def run(options: Namespace) -> None:
    """Measure and print a table per transport and audience."""
    for transport in options.transports:
        for wanted in options.connections:
            count = connections_possible(wanted)
            _scenario(transport, count, options)


def _scenario(transport: str, count: int, options: Namespace) -> None:
    with contextlib.ExitStack() as stack:
        cases: list[Case] = []
        for name in options.servers:
            try:
                cases.append(_open(stack, name, transport, count))
            except (Missing, RuntimeError) as reason:
                print(f"skipped: {name}: {reason}", file=sys.stderr)
        publishes = max(3, options.deliveries // count)
        deadline = time.monotonic() + BUDGET
        for turn in range(options.rounds):
            if turn and time.monotonic() > deadline:
                break
            for case in cases.copy():
                try:
                    for burst in (1, BURST):
                        _round(case, transport, burst, publishes)
                except RuntimeError as reason:
                    cases.remove(case)
                    name, log = case.server.name, case.server.process.log()
                    print(f"given up: {name}: {reason}\n{log}", file=sys.stderr)
        _report(transport, count, publishes, cases)


def _open(stack: contextlib.ExitStack, name: str, transport: str, count: int) -> Case:
    with contextlib.ExitStack() as mine:
        server = mine.enter_context(STARTERS[name]())

        if transport not in server.subscribe:
            raise Missing(f"does not speak {transport}")
        heard = mine.enter_context(
            audience(server.port, count, transport, server.subscribe[transport])
        )
        heard.wait_ready()
        case = Case(server, heard)
        time.sleep(0.5)  # a subscription may begin a moment after its first bytes
        with Publisher(server.port) as publisher:
            for burst in (1, BURST) * 2:
                _publish(case, publisher, transport, burst)
        stack.push(mine.pop_all())
        return case


def _publish(case: Case, publisher: Publisher, transport: str, burst: int) -> float:
    """Publish, wait until everybody has it; return the seconds that took."""
    requests, answers = case.server.publish(transport, burst)
    case.audience.expect(case.audience.connections * burst)
    began = time.monotonic_ns()
    publisher.send(requests)
    done = case.audience.wait_done()
    publisher.answers(answers)
    return (done.last - began) / 1e9


def _round(case: Case, transport: str, burst: int, publishes: int) -> None:
    process = case.server.process
    before = process.cpu()
    with Publisher(case.server.port) as publisher:
        latencies = [_publish(case, publisher, transport, burst) for _ in range(publishes)]
    time.sleep(0.02)  # what the server still does when the last event has arrived is its cost too
    spent = process.cpu() - before
    deliveries = publishes * burst * case.audience.connections
    case.cpu.setdefault(burst, []).append(spent / deliveries)
    case.latency.setdefault(burst, []).extend(latencies)


def _report(transport: str, count: int, publishes: int, cases: Sequence[Case]) -> None:
    if not cases:
        return
    for burst in (1, BURST):
        cost = {case.server.name: statistics.median(case.cpu[burst]) for case in cases}
        base = cost.get("floor")
        rows: list[Sequence[object]] = []
        for case in cases:
            mine = cost[case.server.name]
            row = [case.server.name, mine * 1e6, mine / base if base else "", 1 / mine]
            row += [table.quantile(case.latency[burst], part) * 1e3 for part in (0.5, 0.99)]
            lost = case.audience.stat()["lost"]
            rows.append([*row, case.server.process.memory()[0] / 2**20, lost])
        kind = "one event" if burst == 1 else f"{burst} events"
        headers = ["server", "µs CPU/delivery", "x floor", "deliveries/CPU s", "p50 ms", "p99 ms"]
        table.show(
            f"Fan-out of {kind} at a time, {transport}, {count:,} connections, "
            f"{len(cases[0].cpu[burst])} rounds of {publishes} publishes",
            [*headers, "RSS MiB", "lost"],
            rows,
        )
