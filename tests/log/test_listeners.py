from __future__ import annotations

from collections.abc import Sequence

import pytest

from hubbub.core.event import Record
from hubbub.log.listeners import Listeners

RECORDS = [Record(1, "a", "t", 0, b"{}")]


def test_they_are_told_in_order_until_they_leave() -> None:
    listeners = Listeners()
    told: list[str] = []
    leave = listeners.add(lambda _: told.append("first"))
    listeners.add(lambda _: told.append("second"))
    listeners.tell(RECORDS)
    leave()
    leave()
    listeners.tell(RECORDS)
    assert told == ["first", "second", "second"]
    assert len(listeners) == 1


def test_one_may_leave_while_being_told() -> None:
    listeners = Listeners()
    told: list[Sequence[Record]] = []
    leave = listeners.add(lambda _: leave())
    listeners.add(told.append)
    listeners.tell(RECORDS)
    assert told == [RECORDS]


def test_the_mistake_of_one_is_not_the_others(caplog: pytest.LogCaptureFixture) -> None:
    listeners = Listeners()
    told: list[Sequence[Record]] = []

    def wrong(_: Sequence[Record]) -> None:
        raise ValueError("mistake")

    listeners.add(wrong)
    listeners.add(told.append)
    listeners.tell(RECORDS)
    assert told == [RECORDS]
    assert "mistake" in caplog.text
