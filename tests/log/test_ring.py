from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.contracts import Page
from hubbub.core.event import Record
from hubbub.core.selection import EVERYTHING, Filter, Selection
from hubbub.log import ring
from hubbub.log.ring import OVERHEAD, Ring

TOPICS = ["a", "a/b", "a/c", "b"]
EVEN = Filter("even", lambda attributes: attributes["n"] in (0, 2, 4, 6, 8))

SELECTIONS = [
    EVERYTHING,
    Selection.of(["a"]),
    Selection.of(["none"]),
    Selection.of(["a", "b"]),
    Selection.of(["a/*"]),
    Selection.of(["a/*", "b"], ["t1"]),
    Selection.of(["**"], [], EVEN),
]


def record(offset: int, topic: str = "a", size: int = 0) -> Record:
    json = b'{"n":%d,"x":"%b"}' % (offset % 10, b"x" * size)
    return Record(offset, topic, f"t{offset % 2}", offset * 10, json)


def filled(count: int, max_bytes: int = 1 << 20, first: int = 1) -> Ring:
    made = Ring(max_bytes, first - 1)
    made.add([record(first + n, TOPICS[n % 4]) for n in range(count)])
    return made


@given(
    st.integers(0, 60),
    st.integers(0, 80),
    st.integers(1, 30),
    st.sampled_from(SELECTIONS),
    st.integers(0, 20_000),
)
def test_pages_are_what_a_search_would_find(
    count: int, place: int, limit: int, selection: Selection, max_bytes: int
) -> None:
    kept = filled(count, max_bytes, first=11)
    records = kept.after(kept.first - 1)
    assert [r.offset for r in records] == list(range(kept.first, kept.last + 1))
    if place >= kept.first - 1:
        page = kept.page(place, limit, selection)
        wanted = [r for r in records if r.offset > place and selection.matches(r)]
        assert page.records == wanted[:limit]
        assert page.next == (
            wanted[limit - 1].offset if len(wanted) >= limit else max(place, kept.last)
        )
    if place > kept.first:
        page = kept.page_back(place, limit, selection)
        wanted = [r for r in records[::-1] if r.offset < place and selection.matches(r)]
        assert page.records == wanted[:limit]
        assert page.next == (wanted[limit - 1].offset if len(wanted) >= limit else kept.first)


def test_it_is_bounded_in_bytes_and_in_records() -> None:
    kept = Ring(100 * (OVERHEAD + 100), 0)
    for start in range(1, 1001, 10):
        kept.add([record(start + n, size=1000) for n in range(10)])
        assert len(kept) * (OVERHEAD + 1000) <= 100 * (OVERHEAD + 100)
    assert (kept.last, kept.after(990)) == (
        1000,
        [record(990 + n, size=1000) for n in range(1, 11)],
    )
    small = Ring(10 * OVERHEAD, 0)
    small.add([record(n) for n in range(1, 100)])
    assert len(small) < 10
    nothing = Ring(0, 5)
    nothing.add([record(6)])
    assert (len(nothing), nothing.first, nothing.last) == (0, 7, 6)
    assert nothing.page(6, 10, EVERYTHING) == Page([], 6)


def test_topics_that_are_gone_take_no_memory() -> None:
    kept = Ring(20 * (OVERHEAD + 20), 0)
    for n in range(1, 500):
        kept.add([record(n, f"t/{n}")])
    assert len(kept._lanes) == len(kept)
    kept.drop_below(kept.last + 1)
    assert (len(kept), kept._lanes, kept._bytes) == (0, {}, 0)


def test_one_call_looks_at_a_bounded_number_of_records() -> None:
    kept = Ring(1 << 30, 0)
    kept.add([record(n, "a/b") for n in range(1, 2 * ring.LOOK + 10)])
    assert kept.page(0, 10, Selection.of(["b/*"])) == Page([], ring.LOOK)
    assert (
        kept.page_back(kept.last + 1, 10, Selection.of(["b/*"])).next == kept.last - ring.LOOK + 1
    )
    never = Selection.of(["**"], [], Filter("never", lambda _: False))
    assert kept.page(0, 10, never) == Page([], ring.LOOK_FILTERED)
    assert kept.page(0, 10, Selection.of(["b"])) == Page([], kept.last), "a lane needs no look"


def test_verdicts_are_bounded() -> None:
    kept = Ring(1 << 30, 0)
    kept.add([record(n, f"a/{n}") for n in range(1, 100)])
    for limit in (ring.MAX_VERDICTS - 5, 0):
        kept._verdict_count += limit
        assert len(kept.page(0, 200, Selection.of(["a/*"])).records) == 99
    assert sum(map(len, kept._verdicts.values())) <= 99


def test_time_is_found_where_the_ring_can_tell() -> None:
    kept = filled(20, first=11)
    assert kept.find(110) is None, "older ones may be from then as well"
    assert kept.find(111) == 11
    assert kept.find(200) == 19
    assert kept.find(10**6) == 30
    assert Ring(100, 5).find(7) is None
