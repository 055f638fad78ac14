"""A record as a row, with a checksum that SQLite does not have.

SQLite notices a torn page of its own structure, not a flipped bit in a text. Every row therefore
carries a CRC-32 over all that a reader sees, the name of the topic included; one that does not hold
is `Corrupt`, never a wrong event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Final
from zlib import crc32

import msgspec

from hubbub.core.errors import Corrupt
from hubbub.core.event import Record, record_json

COLUMNS: Final = 9
"""Of a row of `record`."""

Stored = tuple[int, int, int, int, int, int, int, str]
"""Offset, recorded, total, topic, brought, checksum, size, type: what `fetch` gives of a record."""

_numbers = Struct("<qqq?").pack
_stored: Final = msgspec.json.Decoder(list[Stored])


def checksum(  # noqa: PLR0913, PLR0917  on the hot path, so positional
    offset: int, recorded: int, total: int, brought: bool, topic: str, type_: str, json: bytes
) -> int:
    """Sum up a record."""
    numbers = _numbers(offset, recorded, total, brought)
    return crc32(json, crc32(numbers, crc32(f"{topic}\n{type_}".encode())))


def records(
    stored: str, blob: bytes, topics: Mapping[int, str], epoch: str, tail: int
) -> Iterator[Record]:
    """Make records of what `fetch` gave; those below `tail` may be gone already. Raises `Corrupt`."""
    start, place = 0, epoch + "-"
    for offset, recorded, total, topic, brought, summed, size, type_ in _stored.decode(stored):
        json = blob[start : start + size]
        start += size
        name = topics.get(topic)
        if name is None:
            if offset < tail:
                continue
            raise Corrupt(f"the record at offset {offset} is of a topic that is not there")
        kept = bool(brought)
        if summed != checksum(offset, recorded, total, kept, name, type_, json):
            raise Corrupt(f"the record at offset {offset} is not what was written")
        json = record_json(json, kept, f"{place}{offset}", recorded)
        yield Record(offset, name, type_, recorded, json)
