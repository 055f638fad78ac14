"""The data of the demo is what it says it is."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from hubbub.demo.quakes import load
from hubbub.wire.cloudevents import Address, from_json

QUAKES = load()


def test_the_week_is_whole_and_in_order() -> None:
    assert len(QUAKES) == 1707
    assert len({quake.id for quake in QUAKES}) == 1707
    assert all(a.time <= b.time for a, b in pairwise(QUAKES))
    assert (QUAKES[0].time, QUAKES[-1].time) == (
        "2018-01-31T01:49:59.650Z",
        "2018-02-07T01:26:13.840Z",
    )


def test_seconds_are_those_of_the_printed_time() -> None:
    assert QUAKES[-1].seconds == 1517966773.840


def test_each_is_a_cloudevent_that_keeps_its_values() -> None:
    for quake in QUAKES:
        event = from_json(msgspec.json.encode(quake.event()), Address())
        assert (event.id, event.topic) == (quake.id, f"earthquakes/{quake.net}")


def test_the_strongest_can_be_filtered_by_its_magnitude() -> None:
    strongest = max(QUAKES, key=lambda quake: quake.mag)
    event = strongest.event()
    assert (event["subject"], event["magnitude"], event["data"]["mag"]) == (
        "22km NNE of Hualian, Taiwan",
        6,
        6.4,
    )
    weakest = min(QUAKES, key=lambda quake: quake.mag)
    assert weakest.event()["magnitude"] == -1, "rounded down, also below zero"


def test_types_are_names_that_need_no_encoding() -> None:
    assert {quake.event()["type"] for quake in QUAKES} == {
        "gov.usgs.earthquake",
        "gov.usgs.explosion",
        "gov.usgs.quarry-blast",
    }
