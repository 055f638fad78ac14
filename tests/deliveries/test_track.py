from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.event import Record
from hubbub.deliveries.track import Track


def record(offset: int) -> Record:
    return Record(offset, "t", "x", offset * 1000, b"{}")


def test_the_cursor_waits_for_the_oldest_that_is_outstanding() -> None:
    track = Track(0)
    assert [track.hand_out(record(n)) for n in (2, 5, 9)] == [1, 2, 3]
    track.settle(5)
    assert (track.low, track.low_sequence, track.done) == (1, 0, {5})
    track.settle(2)
    assert (track.low, track.low_sequence, track.done) == (8, 2, set())
    track.looked(20)
    track.settle(9)
    assert (track.low, track.low_sequence) == (20, 3)


def test_what_is_not_selected_moves_the_cursor_when_nothing_is_outstanding() -> None:
    track = Track(7)
    track.looked(12)
    assert track.low == 12
    track.hand_out(record(15))
    track.looked(30)
    assert track.low == 14


def test_going_back_hands_out_the_same_numbers_and_leaves_out_what_is_settled() -> None:
    track = Track(0)
    for n in (1, 2, 3, 4):
        track.hand_out(record(n))
    track.settle(1)
    track.settle(3)
    track.rewind()
    assert track.read == 1
    assert [track.hand_out(record(n)) for n in (2, 3, 4)] == [2, 0, 4]
    track.settle(2)
    track.settle(4)
    assert (track.low, track.low_sequence, track.done) == (4, 4, set())


def test_what_is_settled_while_gone_back_is_not_handed_out_again() -> None:
    track = Track(0)
    for n in (1, 2):
        track.hand_out(record(n))
    track.rewind()
    track.settle(1)  # was in flight
    assert track.low == 0
    assert track.hand_out(record(1)) == 0
    assert track.hand_out(record(2)) == 2


@given(
    selected=st.sets(st.integers(1, 60), min_size=1),
    settled=st.lists(st.integers(1, 60)),
    again=st.lists(st.integers(1, 60)),
)
def test_after_a_restart_exactly_what_was_not_settled_comes_with_its_number(
    selected: set[int], settled: list[int], again: list[int]
) -> None:
    track = Track(0)
    numbers = {offset: track.hand_out(record(offset)) for offset in sorted(selected)}
    track.looked(60)
    for offset in settled:
        if offset in selected:
            track.settle(offset)
    restarted = Track(track.low, track.low_sequence, sorted(track.done))
    left = {
        offset: number
        for offset in sorted(selected)
        if offset > restarted.low and (number := restarted.hand_out(record(offset)))
    }
    assert left == {o: n for o, n in numbers.items() if o not in settled}
    for offset in again:
        if offset in left:
            restarted.settle(offset)
    outstanding = [offset for offset in left if offset not in again]
    if outstanding:
        assert restarted.low == outstanding[0] - 1
