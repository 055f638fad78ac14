"""Memory of a server per idle connection: resident and proportional set size, with minus without.

What the kernel keeps per socket is not in it; that is the same for every server.
"""

from __future__ import annotations

import contextlib
import sys
import time
from argparse import Namespace
from collections.abc import Sequence

from bench import table
from bench.clients import Publisher, audience
from bench.machine import connections_possible
from bench.servers import STARTERS, Missing

FEW = 50
"""Connections that are opened first, so that what a server loads only once is not counted."""


def run(options: Namespace) -> None:
    """Measure and print one table."""
    count = connections_possible(options.idle)
    rows: list[Sequence[object]] = []
    for name in options.servers:
        for transport in options.transports:
            try:
                rows += _weigh(name, transport, count)
            except (Missing, RuntimeError) as reason:
                print(f"skipped: {name}, {transport}: {reason}", file=sys.stderr)
    table.show(
        f"Memory, {count:,} idle connections after one event",
        ["server, transport", "RSS KiB/connection", "PSS KiB/connection", "RSS MiB", "accepts/s"],
        rows,
    )


def _weigh(name: str, transport: str, count: int) -> list[list[object]]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(STARTERS[name]())
        if transport not in server.subscribe:
            return []
        request = server.subscribe[transport]
        with audience(server.port, FEW, transport, request) as few:
            few.wait_ready()
        time.sleep(0.5)
        before = server.process.memory()
        many = stack.enter_context(audience(server.port, count, transport, request))
        seconds = many.wait_ready()
        time.sleep(0.5)
        many.expect(count)
        requests, answers = server.publish(transport, 1)
        with Publisher(server.port) as publisher:
            publisher.send(requests)
            publisher.answers(answers)
            many.wait_done()
        time.sleep(0.5)
        after = server.process.memory()
        each = [(a - b) / count / 1024 for a, b in zip(after, before, strict=True)]
        return [[f"{name}, {transport}", *each, after[0] / 2**20, count / seconds]]
