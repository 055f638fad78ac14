from __future__ import annotations

import pytest

from hubbub.core.contracts import Appended
from hubbub.core.errors import Unavailable
from hubbub.log.clock import LogClock
from hubbub.log.options import LogOptions
from hubbub.log.sqlite import intake as module
from hubbub.log.sqlite.fingerprints import Fingerprints
from hubbub.log.sqlite.intake import Batch, Identity, Intake
from hubbub.log.sqlite.rows import COLUMNS, checksum
from hubbub.log.sqlite.topics import Topics
from hubbub.testing.log import ManualClock
from hubbub.testing.log.subject import START, event, events

NOW = int(START * 1000)


def intake(head: int = 10, total: int = 1000) -> Intake:
    return Intake(
        LogOptions(dedupe_window=60, dedupe_max=100),
        head=head,
        total=total,
        clock=LogClock(ManualClock()),
        topics=Topics([(1, "orders/1")], head),
        fingerprints=Fingerprints(b"s" * 16, 60, 100),
    )


def admitted(
    made: Intake, *given: object, known: dict[int, Identity | None] | None = None
) -> Batch:
    batch = made.admit(list(given), known or {})  # type: ignore[arg-type]
    assert isinstance(batch, Batch)
    return batch


def test_rows_are_ready_to_be_written() -> None:
    made = intake()
    one, two = event("a"), event(topic="new", recordedtime="2020-01-01T00:00:00Z")
    batch = admitted(made, one, two)
    assert (batch.first, batch.last, batch.size) == (11, 12, len(one.json) + len(two.json))
    assert batch.topics == [(2, "new")]
    first, second = batch.rows[:COLUMNS], batch.rows[COLUMNS:]
    total = 1000 + len(one.json)
    mark = made._fingerprints.of(one)
    summed = checksum(11, NOW, total, False, one.topic, one.type, one.json)
    assert first == [11, NOW, total, 1, mark, False, summed, one.type, one.json]
    total += len(two.json)
    summed = checksum(12, NOW, total, True, two.topic, two.type, two.json)
    assert second == [12, NOW, total, 2, None, True, summed, two.type, two.json]
    assert batch.answers == [Appended(11, False), Appended(12, False)]
    assert admitted(made, event(topic="new")).topics == []


def test_commits_move_the_head() -> None:
    made = intake()
    batches = [admitted(made, event("a")), admitted(made, event(), event())]
    assert (made.head, made.newest, list(made.waiting)) == (10, 13, batches)
    made.committed(batches)
    assert (made.head, made.newest, list(made.waiting)) == (13, 13, [])
    assert made.total == 1000 + sum(batch.size for batch in batches)


def test_a_failure_takes_everything_back() -> None:
    made = intake()
    durable = admitted(made, event("a"))
    lost = [admitted(made, event("b"), event(topic="new")), admitted(made, event("c"))]
    made.committed([durable])
    assert made.failed() == lost
    assert (made.head, made.newest, list(made.waiting)) == (11, 11, [])
    again = admitted(made, event("c"), event("b", topic="new"))
    assert again.answers == [Appended(12, False), Appended(13, False)]
    assert again.topics == [(3, "new")], "it was not written the first time"
    assert made.failed() == [again]


def test_a_duplicate_of_what_waits_waits_with_it() -> None:
    made = intake()
    first = admitted(made, event("a"))
    second = admitted(made, event("a"))
    assert second.answers == [Appended(11, True)]
    assert second.is_waiting
    assert list(made.waiting) == [first, second]
    made.committed([first, second])
    assert made.head == 11


def test_a_stored_suspect_has_to_be_known() -> None:
    made = intake()
    made.committed([admitted(made, event("a"))])
    assert made.admit([event("b"), event("a")], {}) == [11]
    batch = admitted(made, event("a"), known={11: ("/shop", "a", NOW)})
    assert (batch.answers, batch.is_waiting) == ([Appended(11, True)], False)
    other = admitted(made, event("a"), known={11: ("/shop", "not a", NOW)})
    assert other.answers == [Appended(12, False)], "the same fingerprint is not the same name"
    made.failed()
    assert admitted(made, event("a"), known={11: None}).answers == [Appended(12, False)]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    made = intake()
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1000)
    batch = admitted(made, *events(20))
    assert batch.size > 1000
    with pytest.raises(Unavailable, match="does not keep up") as caught:
        made.admit(events(1), {})
    assert caught.value.retry_after == 1
    made.committed([batch])
    admitted(made, *events(1))
