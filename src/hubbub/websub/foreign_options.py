"""The settings of fetching topics of others, section `[websub.foreign]`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class ForeignOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How topics are fetched that are not ours, after their publisher has pinged."""

    max_bytes: Annotated[int, Meta(ge=1024, le=64 * 1024 * 1024)] = 1024 * 1024
    """Bytes of a topic: every change of it is an event of the log, which holds as much."""
    timeout: Annotated[float, Meta(gt=0, le=300)] = 20.0
    """Seconds for one fetch, redirects included: publishers ping while they are busy saving."""
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 16
    """Fetches at a time."""
    per_host: Annotated[int, Meta(ge=1, le=1000)] = 2
    """Fetches at a time from one host, which has other readers as well."""
    min_interval: Annotated[float, Meta(ge=0, le=3600)] = 1.0
    """Seconds between two fetches of one topic: pings within are one."""
    schedule: Annotated[
        tuple[Annotated[float, Meta(gt=0, le=86_400)], ...], Meta(min_length=1, max_length=20)
    ] = (
        5.0,
        30.0,
        300.0,
        1800.0,
        7200.0,
    )
    """Seconds before each further attempt at a fetch that failed; after the last one there is one a
    day, so that no ping is lost."""
    max_topics: Annotated[int, Meta(ge=1)] = 10_000
    """Topics of others that somebody here is subscribed to."""
