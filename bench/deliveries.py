"""Webhooks: deliveries a second and CPU each, all durable state on; latency; what subscribers cost.

The server is pinned to one core and everything else to the other. Deliveries go to a local receiver
that keeps its connections. The peak: a backlog of events is delivered to 1, 100 and 10,000
subscriptions. Latency: events are published at half of that rate and carry the time they were sent
at. Beside it, in process: what a publish costs among 10,000 subscriptions that want something else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from argparse import Namespace
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import table
from bench.machine import CLIENT_CPU, OUT, SERVER_CPU, find_program
from bench.process import Process, running
from bench.servers import Missing

MANY = 10_000
"""Subscriptions at the most."""

PUBLISHES = 200
"""Of a turn, in process."""

CLOCK_CHECK = 0.02
"""Seconds between two looks whether all has arrived."""


class Gateway:
    """A server and the receiver that it delivers to."""

    def __init__(self, server: Process, receiver: Process, sink: str) -> None:
        self.server = server
        self.receiver = receiver
        self.sink = sink
        while not (found := re.search(r"http://[^:/ ]+:(\d+)", server.read_line())):
            pass
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{found[1]}"

    def call(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> Any:
        """Call the server's API."""
        data = (
            body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        )
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": kind}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def subscribe(self, topic: str, path: str = "/", **config: object) -> None:
        """Deliver a topic to the receiver."""
        config = {"concurrency": 64, **config}
        body = {"sink": self.sink + path, "topics": [topic], "config": config}
        self.call("POST", "/subscriptions", body)

    def publish(self, topic: str, events: int) -> None:
        """Publish that many events at once, with the time."""
        line = json.dumps({"sent": time.monotonic(), "pad": "." * 200})
        body = "\n".join([line] * events).encode()
        self.call("POST", f"/topics/{topic}", body, "application/x-ndjson")

    def ask(self, question: str) -> Any:
        """Ask the receiver something."""
        self.receiver.write_line(question)
        return json.loads(self.receiver.read_line())

    def wait(self, count: int, patience: float = 120.0) -> None:
        """Wait until the receiver has counted that many."""
        deadline = time.monotonic() + patience
        while (got := self.ask("count")["count"]) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{got} of {count} deliveries arrived")
            time.sleep(CLOCK_CHECK)

    def metric(self, name: str) -> float:
        """Read a metric."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.MULTILINE)
        return sum(map(float, found))


@contextlib.contextmanager
def receiver() -> Generator[tuple[Process, str]]:
    """Run a receiver on the clients' core; give its URL as well."""
    with running([sys.executable, "-m", "bench.receiver"], cpu=CLIENT_CPU) as process:
        yield process, f"http://127.0.0.1:{process.read_line().strip()}"


@contextlib.contextmanager
def gateway(
    data: Path | None = None,
    receiving: tuple[Process, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Generator[Gateway]:
    """Run a durable server that may deliver to this machine, on a folder of its own or that one."""
    program = find_program("hubbub")
    if program is None:
        raise Missing("hubbub: install the project in this environment")
    with contextlib.ExitStack() as stack:
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=OUT)))
        environment = {"HUBBUB_EGRESS__ALLOW": "127.0.0.0/8", **(environment or {})}
        command = [sys.executable, program, "serve", "--port", "0", "--data", str(data)]
        server = stack.enter_context(running(command, cpu=SERVER_CPU, environment=environment))
        yield Gateway(server, *(receiving or stack.enter_context(receiver())))


def run(options: Namespace) -> None:
    """Measure and print the tables."""
    total = int(options.seconds * 10_000)
    rows: list[Sequence[object]] = []
    late: list[Sequence[object]] = []
    many = min(MANY, options.others)
    for crowd in (1, min(100, many), many):
        with gateway() as g:
            rate = _peak(g, crowd, total, rows)
            _latency(g, crowd, rate / 2, options.seconds, late)
    table.show(
        "webhook deliveries, one core, durable",
        ["subscriptions", "deliveries/s", "CPU us each", "per CPU second", "rows written each"],
        rows,
    )
    table.show(
        "from publish to receipt at half of that, ms",
        ["subscriptions", "deliveries/s", "p50", "p90", "p99"],
        late,
    )
    with gateway() as g:
        _hanging(g, options.seconds)
    asyncio.run(_crowded(options.rounds, many))


def _peak(g: Gateway, crowd: int, total: int, rows: list[Sequence[object]]) -> float:
    for _ in range(crowd):
        g.subscribe("bench")
    each = max(1, total // crowd)
    g.publish("bench", max(1, each // 10))
    done = crowd * max(1, each // 10)
    g.wait(done)
    writes, cpu, begun = g.metric("hubbub_ledger_rows_total"), g.server.cpu(), time.monotonic()
    sent = 0
    while sent < each:
        some = min(1000, each - sent)
        g.publish("bench", some)
        sent += some
    g.wait(done + each * crowd)
    seconds, spent = time.monotonic() - begun, g.server.cpu() - cpu
    count = each * crowd
    time.sleep(0.5)  # the last flush
    written = (g.metric("hubbub_ledger_rows_total") - writes) / count
    rows.append([crowd, count / seconds, spent / count * 1e6, count / spent, round(written, 4)])
    return count / seconds


def _latency(
    g: Gateway, crowd: int, rate: float, seconds: float, rows: list[Sequence[object]]
) -> None:
    """Publish at a constant rate, in steps of at least 5 ms, and read how long deliveries took."""
    before = g.ask("count")["count"]
    g.ask("latency")
    step = max(0.005, crowd / rate)
    events = max(1, round(rate * step / crowd))
    begun, published = time.monotonic(), 0
    for number in range(max(3, int(3 * seconds / step))):
        time.sleep(max(0.0, begun + number * step - time.monotonic()))
        g.publish("bench", events)
        published += events
    g.wait(before + published * crowd)
    took = time.monotonic() - begun
    told = g.ask("latency")
    rows.append([crowd, published * crowd / took, *(told[p] * 1e3 for p in ("0.5", "0.9", "0.99"))])


def _hanging(g: Gateway, seconds: float) -> None:
    """Measure the latency of some endpoints with and without one that hangs on every call."""
    rows: list[Sequence[object]] = []
    for _ in range(10):
        g.subscribe("bench")
    for what in ("alone", "beside one that hangs"):
        if what != "alone":
            g.subscribe("bench", "/hang", concurrency=10)
        found: list[Sequence[object]] = []
        for _ in range(3):
            _latency(g, 10, 1000, seconds, found)
        for place in (2, 3, 4):
            found.sort(key=lambda row, place=place: row[place])  # type: ignore[arg-type,misc]
        middle = found[1]
        rows.append([what, *middle[1:]])
    table.show(
        "10 endpoints, ms from publish to receipt", ["", "deliveries/s", "p50", "p90", "p99"], rows
    )


async def _crowded(rounds: int, crowd: int) -> None:
    """Measure in process what a publish costs among subscriptions that want something else."""
    from hubbub import Hub  # noqa: PLC0415 - the other benchmarks run without it
    from hubbub.core.grants import EVERYONE  # noqa: PLC0415

    async def publish(hub: Hub) -> float:
        begun = time.process_time()
        for _ in range(PUBLISHES):
            await hub.publish("bench/1", {"n": 1}, type="bench.1")
        return (time.process_time() - begun) / PUBLISHES

    rows: list[Sequence[object]] = []
    for what, topics, types in (
        ("other topics", "bench/{}", ()),
        ("other types of the same topics", "bench/*", ("bench.{}",)),
    ):
        async with Hub(store="memory:") as one, Hub(store="memory:") as many:
            for hub, count in ((one, 1), (many, crowd)):
                for number in range(1, count + 1):
                    document = {
                        "sink": "http://127.0.0.1:9/",
                        "topics": [topics.format(number)],
                        "types": [kind.format(number) for kind in types],
                    }
                    made = await hub.subscriptions.create(document, EVERYONE)
                    await hub.subscriptions.pause(made["id"], EVERYONE)
            costs = [(await publish(one), await publish(many)) for _ in range(rounds * 20)]
        alone, among = (statistics.median(column) for column in zip(*costs, strict=True))
        rows.append([what, alone * 1e6, among * 1e6, among / alone])
    table.show(
        "CPU per publish in process, memory log",
        ["subscriptions to", "us, 1 subscription", f"us, {crowd:,}", "ratio"],
        rows,
    )
