"""Metrics for Prometheus, read off the rooms when somebody scrapes: the hot paths pay nothing.

Rooms count in plain attributes. hub.py hands a reader per metric, and nothing is copied until a
scrape. The catalogue is the whole list: a metric, its labels and every value of a label are written
down here, so neither a topic nor a URL can ever become a series (guarantees T22).
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from hubbub.core.errors import HubbubError

_log = logging.getLogger("hubbub.metrics")

Reader = Callable[[], float | Mapping[str, float]]
"""Reads one metric: a number, or numbers by the value of its label."""


class Described(msgspec.Struct, frozen=True):
    """One metric of the catalogue."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    label: str = ""
    values: tuple[str, ...] = ()
    """The values that its label can have; others count as `other`."""


_STREAMS: Final = ("sse", "websocket", "multiplexed", "local")

CATALOGUE: Final = (
    Described("hubbub_events_appended_total", "counter", "Events made durable in the log."),
    Described(
        "hubbub_publishes_total",
        "counter",
        "Publish requests by how they ended.",
        "outcome",
        ("created", "duplicate", "ephemeral", "refused", "unavailable"),
    ),
    Described(
        "hubbub_publish_seconds",
        "histogram",
        "Seconds from a publish request that was read to its answer.",
    ),
    Described("hubbub_published_bytes_total", "counter", "Bytes of events made durable."),
    Described("hubbub_streams_open", "gauge", "Connections that are open now.", "kind", _STREAMS),
    Described("hubbub_deliveries_total", "counter", "Events handed to streams.", "kind", _STREAMS),
    Described("hubbub_streams_slow", "gauge", "Connections that do not take what was written."),
    Described(
        "hubbub_subscriptions",
        "gauge",
        "Subscriptions by state.",
        "state",
        ("active", "paused", "outage", "disabled", "expired"),
    ),
    Described(
        "hubbub_attempts_total",
        "counter",
        "Attempts to deliver to subscriptions by how they ended.",
        "outcome",
        ("delivered", "failed", "gone"),
    ),
    Described("hubbub_attempts_in_flight", "gauge", "Attempts that are on their way now."),
    Described("hubbub_retries_waiting", "gauge", "Events that wait for another attempt."),
    Described("hubbub_dead_letters", "gauge", "Events that were given up, of all subscriptions."),
    Described(
        "hubbub_ledger_rows_total", "counter", "Rows written for cursors, retries, attempts."
    ),
    Described(
        "hubbub_websub_verifications_total",
        "counter",
        "Questions whether a WebSub subscription is meant, by what came of them.",
        "outcome",
        ("verified", "refused", "retried"),
    ),
    Described("hubbub_websub_pending", "gauge", "WebSub subscriptions to be verified."),
    Described(
        "hubbub_websub_fetches_total",
        "counter",
        "Fetches of WebSub topics of others, by what came of them.",
        "outcome",
        ("changed", "unchanged", "failed"),
    ),
    Described(
        "hubbub_websub_pings_ignored_total",
        "counter",
        "Pings of WebSub topics that nobody is subscribed to here.",
    ),
    Described(
        "hubbub_followed",
        "gauge",
        "Sources that follow a topic of others, by how news come.",
        "state",
        ("pushed", "silent", "pending", "denied", "waiting", "polled", "gone"),
    ),
    Described("hubbub_log_head_offset", "gauge", "Offset of the newest event."),
    Described("hubbub_log_tail_offset", "gauge", "Offset of the oldest event that is kept."),
    Described("hubbub_log_bytes", "gauge", "Bytes of storage that the log takes."),
    Described("hubbub_log_oldest_age_seconds", "gauge", "Age of the oldest event that is kept."),
    Described("hubbub_log_writable", "gauge", "1 while appends are taken, 0 while they are not."),
)
"""Every metric of hubbub, beside `process_*`: CPU, memory, file descriptors, start time."""

LATENCY_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Upper bounds in seconds: from a commit on a fast disk to one that is in trouble."""


class Histogram:
    """Counts of values by bucket, for one thread: a third of the cost of a locked one."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Iterable[float] = LATENCY_BUCKETS) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """Return the cumulative counts by upper bound as Prometheus writes it, and the sum."""
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((bound, total))
        return buckets, self._sum


class Metrics:
    """What `GET /metrics` answers."""

    def __init__(
        self,
        readers: Mapping[str, Reader],
        histograms: Mapping[str, Histogram] | None = None,
    ) -> None:
        """Take readers by the name in the catalogue. Raises `LookupError` for a name outside it."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collected(readers, histograms or {}))
        ProcessCollector(registry=self._registry)

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """Return media type and body: text 0.0.4, or OpenMetrics if `accept` asks for it."""
        encode, media_type = choose_encoder(accept)
        return media_type, encode(self._registry)


class _Collected(Collector):
    def __init__(self, readers: Mapping[str, Reader], histograms: Mapping[str, Histogram]) -> None:
        described = {metric.name: metric for metric in CATALOGUE}
        self._readers = [(described[name], reader) for name, reader in readers.items()]
        self._histograms = [(described[name], found) for name, found in histograms.items()]

    def collect(self) -> Iterator[Metric]:
        for metric, reader in self._readers:
            try:
                value = reader()
            except HubbubError as error:
                _log.warning("no value for %s: %s", metric.name, error.detail)
                continue
            yield _family(metric, value)
        for metric, histogram in self._histograms:
            buckets, total = histogram.read()
            yield HistogramMetricFamily(metric.name, metric.help, buckets, total)


def _family(metric: Described, value: float | Mapping[str, float]) -> Metric:
    labels = [metric.label] if metric.label else []
    made: CounterMetricFamily | GaugeMetricFamily
    if metric.kind == "counter":
        made = CounterMetricFamily(metric.name, metric.help, labels=labels)
    else:
        made = GaugeMetricFamily(metric.name, metric.help, labels=labels)
    if isinstance(value, Mapping):
        for name, number in _bounded(metric, value).items():
            made.add_metric([name], number)
    else:
        made.add_metric([], value)
    return made


def _bounded(metric: Described, values: Mapping[str, float]) -> dict[str, float]:
    """Sum what is not in the catalogue under `other`."""
    found = dict.fromkeys(metric.values, 0.0)
    for name, number in values.items():
        known = name if name in found else "other"
        found[known] = found.get(known, 0.0) + number
    return found
