"""Metrics: read at scrape time, in both formats, with bounded series."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from hubbub.core.errors import Unavailable
from hubbub.observe.metrics import CATALOGUE, LATENCY_BUCKETS, Histogram, Metrics


def samples(metrics: Metrics, accept: str = "") -> dict[tuple[str, ...], float]:
    _, body = metrics.render(accept)
    parse = openmetrics if "openmetrics" in accept else text_string_to_metric_families
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(body.decode())
        for sample in family.samples
    }


def test_values_are_read_when_somebody_scrapes():
    appended = 1
    metrics = Metrics({"hubbub_events_appended_total": lambda: appended})
    assert samples(metrics)["hubbub_events_appended_total",] == 1
    appended = 7
    assert samples(metrics)["hubbub_events_appended_total",] == 7


def test_process_metrics_are_there():
    found = samples(Metrics({}))
    assert found["process_resident_memory_bytes",] > 1e6
    assert found["process_cpu_seconds_total",] > 0


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html;q=0.9,\x00", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
    ],
)
def test_both_formats(accept, media_type):
    metrics = Metrics(
        {"hubbub_events_appended_total": lambda: 3}, {"hubbub_publish_seconds": Histogram()}
    )
    assert metrics.render(accept)[0] == media_type
    found = samples(metrics, accept)
    assert found["hubbub_events_appended_total",] == 3
    assert found["hubbub_publish_seconds_count",] == 0


def test_labels_have_the_values_of_the_catalogue_and_no_others():
    kinds = {"sse": 2.0, "../../etc": 1.0, "orders/42": 1.0}
    found = samples(Metrics({"hubbub_streams_open": lambda: kinds}))
    assert {label[1:]: value for label, value in found.items() if "streams" in label[0]} == {
        ("sse",): 2,
        ("websocket",): 0,
        ("multiplexed",): 0,
        ("local",): 0,
        ("other",): 2,
    }


def test_a_reader_that_cannot_read_does_not_hide_the_others():
    def broken() -> float:
        raise Unavailable("the log is closed")

    found = samples(Metrics({"hubbub_log_bytes": broken, "hubbub_streams_slow": lambda: 1}))
    assert found["hubbub_streams_slow",] == 1
    assert ("hubbub_log_bytes",) not in found


def test_a_metric_outside_the_catalogue_is_a_mistake():
    with pytest.raises(LookupError):
        Metrics({"hubbub_topics": lambda: 1})


def test_names_follow_the_conventions():
    for metric in CATALOGUE:
        assert metric.name.startswith("hubbub_")
        assert metric.name.endswith("_total") is (metric.kind == "counter")
        assert bool(metric.label) is bool(metric.values)
        assert metric.label in ("", "kind", "outcome", "state")
        assert not metric.name.endswith(("_ms", "_milliseconds", "_kb", "_mb"))
        assert metric.help.endswith(".")
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)


@given(st.lists(st.floats(0, 100)))
def test_a_histogram_counts_cumulatively(values):
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    buckets, total = histogram.read()
    assert [count for _, count in buckets] == [
        sum(value <= bound for value in values) for bound in (*LATENCY_BUCKETS, math.inf)
    ]
    assert total == pytest.approx(sum(values))
