"""What a reader asks to see and from where: the parts that no other test looks at."""

from __future__ import annotations

import pytest

from hubbub.core.errors import Forbidden, InvalidPosition
from hubbub.core.grants import EVERYONE, Grants, Principal
from hubbub.core.position import EPOCH_LENGTH, Position
from hubbub.core.start import EARLIEST, LATEST, After, Last
from hubbub.web.selections import UNKNOWN, begin_at, resume_at, select


def test_no_topics_mean_all_that_may_be_read() -> None:
    anna = Principal("anna", Grants(subscribe=("b", "a/*")))
    assert select(anna, []).patterns == ("a/*", "b")
    assert select(EVERYONE, []).patterns == ("**",)
    with pytest.raises(Forbidden, match="nothing"):
        select(Principal("berta", Grants(publish=("**",))), [])


def test_filters_are_compiled_once() -> None:
    first, second = (select(EVERYONE, ["a"], (), "type = 'x'") for _ in range(2))
    assert first.clauses[0].filter is second.clauses[0].filter


def test_starts() -> None:
    assert begin_at(None, None, 0, EARLIEST) == EARLIEST
    assert begin_at("latest", None, 0, EARLIEST) == LATEST
    assert begin_at(None, "7", 0, EARLIEST) == Last(7)
    with pytest.raises(InvalidPosition, match="not both"):
        begin_at("latest", "7", 0, EARLIEST)


@pytest.mark.parametrize("text", ["", "garbage", "k3f9x2ab", "k3f9x2ab-x", "\x00", "é", "-" * 9999])
def test_an_id_that_is_none_of_ours_is_a_lost_position(text: str) -> None:
    assert resume_at(text) is UNKNOWN
    assert len(UNKNOWN.position.epoch) != EPOCH_LENGTH


def test_an_id_of_ours() -> None:
    assert resume_at("k3f9x2ab-7") == After(Position("k3f9x2ab", 7))
