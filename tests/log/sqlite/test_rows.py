from __future__ import annotations

import pytest

from hubbub.core.errors import Corrupt
from hubbub.core.event import record_json
from hubbub.log.sqlite.rows import checksum, records

JSON = b'{"id":"1","data":{"n":1}}'
ROW = (7, 1_700_000_000_000, 900, False, "orders/1", "made", JSON)


def stored(*, type_: str = "made", recorded: int = ROW[1], topic: int = 3, brought: int = 0) -> str:
    return f'[[7,{recorded},900,{topic},{brought},{checksum(*ROW)},{len(JSON)},"{type_}"]]'


def read(
    text: str, blob: bytes = JSON, names: dict[int, str] | None = None, tail: int = 1
) -> object:
    names = {3: "orders/1", 4: "orders/2"} if names is None else names
    return list(records(text, blob, names, "abcdefgh", tail))


def test_what_was_written_is_read() -> None:
    (record,) = read(stored())  # type: ignore[misc]
    assert (record.offset, record.topic, record.type, record.recorded) == (
        7,
        "orders/1",
        "made",
        ROW[1],
    )
    assert record.json == record_json(JSON, False, "abcdefgh-7", ROW[1])


@pytest.mark.parametrize("changed", [0, 1, 2, 3, 4, 5, 6])
def test_everything_that_a_reader_sees_is_summed_up(changed: int) -> None:
    other = (8, 1_700_000_000_001, 901, True, "orders/2", "paid", JSON.replace(b"1", b"2"))
    row = [*ROW]
    row[changed] = other[changed]
    assert checksum(*row) != checksum(*ROW)


@pytest.mark.parametrize(
    "text",
    [stored(type_="paid"), stored(recorded=1), stored(topic=4), stored(brought=1)],
)
def test_what_does_not_fit_its_checksum_is_refused(text: str) -> None:
    with pytest.raises(Corrupt, match="offset 7"):
        read(text)
    with pytest.raises(Corrupt, match="offset 7"):
        read(stored(), JSON.replace(b"1", b"2"))


def test_a_topic_that_is_not_there_is_damage_unless_the_record_is_gone() -> None:
    with pytest.raises(Corrupt, match="topic"):
        read(stored(), names={})
    assert read(stored(), names={}, tail=8) == []
