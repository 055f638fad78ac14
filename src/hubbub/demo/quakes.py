"""The earthquakes of one week as CloudEvents: earthquakes.ndjson, see DATA.md for where it is from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from importlib.resources import files
from typing import Any, Final

import msgspec

SOURCE: Final = "https://earthquake.usgs.gov/earthquakes/feed/v1.0"


class Quake(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """One line of the file, in the words of the U.S. Geological Survey."""

    id: str
    time: str
    """When the ground shook, RFC 3339."""
    updated: str
    net: str
    """The network that reported it: `us` worldwide, `ak` Alaska, `ci` Southern California ..."""
    type: str
    """`earthquake`, `explosion` or `quarry blast`."""
    status: str
    place: str
    mag: float
    longitude: float
    latitude: float
    depth: float
    """Kilometres below the surface."""

    @cached_property
    def seconds(self) -> float:
        """When the ground shook, in seconds since the Unix epoch."""
        return datetime.fromisoformat(self.time).timestamp()

    @property
    def topic(self) -> str:
        """Where it is published: one topic per network."""
        return f"earthquakes/{self.net}"

    def event(self) -> dict[str, Any]:
        """Make a CloudEvent. Filters see attributes only, so the magnitude is one, rounded down."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": SOURCE,
            "type": "gov.usgs." + self.type.replace(" ", "-"),
            "subject": self.place,
            "time": self.time,
            "topic": self.topic,
            "magnitude": math.floor(self.mag),
            "datacontenttype": "application/json",
            "data": {
                "mag": self.mag,
                "place": self.place,
                "longitude": self.longitude,
                "latitude": self.latitude,
                "depth": self.depth,
                "status": self.status,
                "updated": self.updated,
            },
        }


def load() -> Sequence[Quake]:
    """Read the week, in the order in which the ground shook."""
    text = files("hubbub.demo").joinpath("earthquakes.ndjson").read_bytes()
    decode = msgspec.json.Decoder(Quake).decode
    return [decode(line) for line in text.splitlines()]
