"""WebSub: subscribers notified next to webhooks; verifications and other topics beside publishes; pings.

All state is durable, the server is on one core and everything else on the other. What is compared
takes turns in the same run, and medians of the turns are printed. Publishes and requests to the hub
are open loop: a latency counts from the moment a request was due.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from argparse import Namespace
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode

from bench import table
from bench.clients import Posted, Publisher, post, posted, posting
from bench.deliveries import Gateway, gateway, receiver
from bench.machine import OUT
from bench.servers import http, payload
from bench.subscribers import Crowd, prepare

MANY = 10_000
"""Subscribers of one topic at the most."""

CASES = [
    ("webhook", "", True),
    *(
        (form, form, signed)
        for form in ("json", "atom", "json-feed", "latest")
        for signed in (0, 1)
    ),
]
"""Name, representation and whether it is signed, of those who are notified."""

SHARE, SHARE_ALONE = 0.4, 0.008
"""Of the deliveries of a round, in a turn; with one subscriber fewer, for each waits for the last."""

STORM, RATE, PINGS, CROWDED = 1000, 200, 100, 500
"""Requests a second: subscriptions, publishes beside them, pings, publishes beside 100,000."""

CONNECTIONS = 64
FORM = "application/x-www-form-urlencoded"
NO_BOUND = {
    "HUBBUB_WEBSUB__MAX_PENDING": "1000000",
    "HUBBUB_WEBSUB__MAX_PENDING_PER_ADDRESS": "1000000",
    "HUBBUB_WEBSUB__MAX_PENDING_PER_HOST": "1000000",
    "HUBBUB_DELIVERIES__MAX_SUBSCRIPTIONS": "1000000",
    "HUBBUB_EGRESS__ALLOW_FETCH": "127.0.0.0/8",
}

PATIENCE = 60.0
"""Seconds for what was begun to come to an end."""


def run(options: Namespace) -> None:
    """Measure and print the tables."""
    many = min(MANY, options.others)
    crowds = sorted({1, min(100, many), many})
    with _folder() as data, receiver() as receiving:
        prepare(
            data,
            receiving[1],
            (
                Crowd(_topic(name, signed, crowd), crowd, form, bool(signed))
                for crowd in crowds
                for name, form, signed in CASES
            ),
        )
        with gateway(data, receiving, NO_BOUND) as g:
            for crowd in crowds:
                _notified(g, crowd, options)
    with gateway(environment=NO_BOUND) as g:
        _storm(g, options)
    with gateway(environment=NO_BOUND) as g:
        _pinged(g, options)
    _crowded(options)


def _topic(name: str, signed: object, crowd: int) -> str:
    return f"{name}-{int(bool(signed))}-{crowd}"


@contextlib.contextmanager
def _folder() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=OUT) as data:
        yield Path(data)


# Subscribers of one topic.


class Turn(NamedTuple):
    """What one turn of deliveries cost."""

    cpu: float
    """Seconds of each."""
    rate: float
    size: float
    """Bytes of a body."""


def _notified(g: Gateway, crowd: int, options: Namespace) -> None:
    """Publish one event after the other, each when all have the last, and count what was sent."""
    share = SHARE if crowd > 1 else SHARE_ALONE
    events = max(1, round(options.deliveries * share / crowd))
    turns: dict[str, list[Turn]] = {}
    with Publisher(g.port) as publisher:
        for number in range(options.rounds + 1):
            for name, _, signed in CASES:
                topic = _topic(name, signed, crowd)
                turn = _turn(g, publisher, topic, crowd, events if number else 1)
                if number:  # the first one opens the connections
                    turns.setdefault(topic, []).append(turn)
    base = statistics.median(turn.cpu for turn in turns[_topic("webhook", True, crowd)])
    rows: list[Sequence[object]] = []
    for name, _, signed in CASES:
        cpu, rate, size = (
            statistics.median(column)
            for column in zip(*turns[_topic(name, signed, crowd)], strict=True)
        )
        what = f"{name}, signed" if signed else name
        rows.append([what, int(size), rate, cpu * 1e6, 1 / cpu, cpu / base])
    table.show(
        f"WebSub subscribers of one topic, {crowd:,}, {options.rounds} rounds of {events:,} events",
        ["to each", "bytes", "deliveries/s", "µs CPU each", "per CPU second", "x webhook"],
        rows,
    )


def _turn(g: Gateway, publisher: Publisher, topic: str, crowd: int, events: int) -> Turn:
    request = http("POST", f"/topics/{topic}", payload(), Content_Type="application/json")
    before, cpu, begun = g.ask("count"), g.server.cpu(), time.monotonic()
    for number in range(1, events + 1):
        publisher.send(request)
        publisher.answers(1)
        due = before["count"] + number * crowd
        while (told := g.ask("count"))["count"] < due:
            time.sleep(0.0005 if crowd == 1 else 0.01)
            if time.monotonic() > begun + PATIENCE:
                raise RuntimeError(f"{told['count']} of {due} deliveries arrived")
    count = told["count"] - before["count"]
    seconds = time.monotonic() - begun
    time.sleep(0.3)  # the last flush is part of the price
    size = (told["received"] - before["received"]) / count
    return Turn((g.server.cpu() - cpu) / count, count / seconds, size)


# Verifications beside publishes.


def _publishing(topic: str) -> bytes:
    return http("POST", f"/topics/{topic}", payload(), Content_Type="application/json")


def _subscribing(g: Gateway, topic: str, callback: str) -> bytes:
    fields = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback}
    # A run of # becomes a number in every request (post.c): it is what makes callbacks distinct.
    body = "&".join(f"{name}={quote(value, safe='#')}" for name, value in fields.items())
    request = http("POST", "/hub", body.encode(), Content_Type=FORM)
    return request.replace(b"Host: 127.0.0.1\r\n", b"Host: 127.0.0.1:%d\r\n" % g.port)


def _storm(g: Gateway, options: Namespace) -> None:
    """Let windows with and without a storm take turns, the last one over before the next begins."""
    seconds = 2 * options.seconds
    storm = _subscribing(g, f"{g.url}/topics/elsewhere", f"{g.sink}/{'#' * 18}")
    alone: list[Posted] = []
    among: list[Posted] = []
    asked: list[Posted] = []
    rates: list[float] = []
    costs: list[float] = []
    for number in range(options.rounds + 1):
        cpu = g.server.cpu()
        quiet = post(g.port, CONNECTIONS, _publishing("news"), seconds, rate=RATE)
        publishing = g.server.cpu() - cpu
        before, begun, cpu = g.ask("count")["verified"], time.monotonic(), g.server.cpu()
        with posting(g.port, CONNECTIONS, storm, seconds, rate=STORM) as process:
            loud = post(g.port, CONNECTIONS, _publishing("news"), seconds, rate=RATE)
            stormed = posted(process, seconds)
        soon, took = g.ask("count")["verified"] - before, time.monotonic() - begun
        while g.metric("hubbub_websub_pending"):
            time.sleep(0.1)
            if time.monotonic() > begun + seconds + PATIENCE:
                raise RuntimeError("the verifications do not come to an end")
        count = g.ask("count")["verified"] - before
        if number:  # the first ones open connections
            alone.append(quiet)
            among.append(loud)
            asked.append(stormed)
            rates.append(soon / took)
            costs.append((g.server.cpu() - cpu - publishing) / count)
    rows: list[Sequence[object]] = [
        _latency("publishes alone", RATE, alone),
        _latency("publishes in the storm", RATE, among),
    ]
    ratios = [_median(among, part) / _median(alone, part) for part in ("p50", "p90", "p99")]
    rows += [
        ["ratio", "", *ratios, ""],
        _latency("subscribing, until 202", STORM, asked),
    ]
    table.show(
        f"{STORM:,} subscriptions a second beside {RATE} publishes,"
        f" {options.rounds} windows of {seconds:g} s each",
        ["ms", "due a second", "p50", "p90", "p99", "max"],
        rows,
    )
    cost = statistics.median(costs)
    table.show(
        "Verifications in these windows",
        ["", "verified/s", "µs CPU each", "per CPU second"],
        [
            ["subscriptions", statistics.median(rates), cost * 1e6, 1 / cost],
        ],
    )


def _median(found: Sequence[Posted], part: str) -> float:
    return statistics.median(getattr(one, part) for one in found)


def _latency(name: str, rate: int, found: Sequence[Posted]) -> list[object]:
    return [name, rate, *(_median(found, part) * 1e3 for part in ("p50", "p90", "p99", "longest"))]


# Pings of a topic of others.


def _pinged(g: Gateway, options: Namespace) -> None:
    """Ping a topic that one callback is subscribed to; it is different whenever it is fetched."""
    seconds = 3 * options.seconds
    topic = f"{g.sink}/feed"
    callback = http("POST", "/hub", _form("subscribe", topic, f"{g.sink}/cb"), Content_Type=FORM)
    with Publisher(g.port) as publisher:
        publisher.send(callback)
        publisher.answers(1)
    begun = time.monotonic()
    while not g.metric("hubbub_subscriptions"):
        time.sleep(0.05)
        if time.monotonic() > begun + PATIENCE:
            raise RuntimeError("the subscription to be pinged was not verified")
    ping = http("POST", "/hub", _form("publish", topic), Content_Type=FORM)
    post(g.port, 8, ping, min(1.0, seconds), rate=PINGS)
    before, cpu = g.ask("count"), g.server.cpu()
    found = post(g.port, 8, ping, seconds, rate=PINGS)
    told, spent = g.ask("count"), g.server.cpu() - cpu
    fetched = told["fetched"] - before["fetched"]
    table.show(
        f"Pings of a topic of others, open loop, {seconds:g} s",
        ["ms", "due a second", "p50", "p90", "p99", "max", "fetched", "delivered", "µs CPU/ping"],
        [
            [
                *_latency("pings, until 204", PINGS, [found]),
                fetched,
                told["count"] - before["count"],
                spent / max(1, found.answers) * 1e6,
            ]
        ],
    )


def _form(mode: str, topic: str, callback: str = "") -> bytes:
    fields = {"hub.mode": mode, "hub.topic": topic}
    if callback:
        fields["hub.callback"] = callback
    return urlencode(fields).encode()


# Very many subscriptions to other topics.


def _crowded(options: Namespace) -> None:
    """Publish to two servers in turns: one has subscriptions to other topics, one has none."""
    runs: dict[bool, list[tuple[Posted, float]]] = {False: [], True: []}
    rows: list[Sequence[object]] = []
    with contextlib.ExitStack() as stack:
        receiving = stack.enter_context(receiver())
        servers: dict[bool, Gateway] = {}
        for is_crowded in (False, True):
            data = stack.enter_context(_folder())
            count = options.others if is_crowded else 0
            prepare(data, receiving[1], [Crowd("other/{}", count, "json")])
            begun = time.monotonic()
            g = stack.enter_context(gateway(data, receiving, NO_BOUND))
            took, cpu = time.monotonic() - begun, g.server.cpu()
            servers[is_crowded] = g
            rows.append([f"{count:,}", took, cpu, g.server.memory()[0]])
        for number in range(options.rounds + 1):
            for is_crowded, g in servers.items():
                cpu = g.server.cpu()
                found = post(
                    g.port, CONNECTIONS, _publishing("news"), options.seconds, rate=CROWDED
                )
                if number:
                    runs[is_crowded].append((found, (g.server.cpu() - cpu) / found.answers))
    costs = {
        is_crowded: statistics.median(cost for _, cost in found)
        for is_crowded, found in runs.items()
    }
    shown: list[Sequence[object]] = [
        [f"{options.others if is_crowded else 0:,}", costs[is_crowded] * 1e6]
        + [_median([one for one, _ in found], part) * 1e3 for part in ("p50", "p90", "p99")]
        for is_crowded, found in runs.items()
    ]
    shown.append(["ratio", *(b / a for a, b in zip(*(row[1:] for row in shown), strict=True))])
    table.show(
        f"Publishing beside subscriptions to other topics, {CROWDED} a second,"
        f" {options.rounds} rounds of {options.seconds:g} s",
        ["subscriptions", "µs CPU each", "p50 ms", "p90", "p99"],
        shown,
    )
    (_, _, idle, empty), (_, _, cpu, full) = rows
    table.show(
        "Starting with them",
        [
            "subscriptions",
            "seconds to the first request",
            "CPU s",
            "RSS MiB",
            "µs CPU each",
            "KiB each",
        ],
        [
            [*row[:3], row[3] / 2**20, *more]
            for row, more in zip(
                rows,
                (
                    ("", ""),
                    ((cpu - idle) / options.others * 1e6, (full - empty) / options.others / 1024),
                ),
                strict=True,
            )
        ],
    )
