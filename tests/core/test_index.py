"""The topic index answers what `core.topic.matches` says, whatever came and went before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubbub.core import index
from hubbub.core.index import TopicIndex
from hubbub.core.topic import matches

SEGMENTS = st.sampled_from("abc")
TOPICS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
PATTERNS = st.tuples(
    st.lists(st.sampled_from(["a", "b", "c", "*"]), max_size=3),
    st.sampled_from(["a", "b", "*", "**"]),
).map(lambda parts: "/".join([*parts[0], parts[1]]))


@given(st.lists(st.tuples(st.booleans(), PATTERNS), max_size=40), st.lists(TOPICS, min_size=1))
def test_answers_what_the_patterns_say(changes: list[tuple[bool, str]], topics: list[str]) -> None:
    known: TopicIndex[str] = TopicIndex()
    filed: set[str] = set()
    for add, pattern in changes:
        if add and pattern not in filed:
            known.add(pattern, pattern)
            filed.add(pattern)
        elif not add and pattern in filed:
            known.remove(pattern, pattern)
            filed.discard(pattern)
        for topic in topics:
            assert set(known.match(topic)) == {p for p in filed if matches(p, topic)}


def test_an_item_under_several_patterns_comes_once() -> None:
    known: TopicIndex[str] = TopicIndex()
    for pattern in ("a/b", "a/*", "**"):
        known.add(pattern, "x")
    assert known.match("a/b") == ("x",)


def test_nothing_stays_behind() -> None:
    known: TopicIndex[int] = TopicIndex()
    for n in range(100):
        known.add(f"a/{n}/*/c", n)
        known.add(f"a/{n}", n)
    for n in range(100):
        known.remove(f"a/{n}/*/c", n)
        known.remove(f"a/{n}", n)
    assert known._root.is_empty()
    assert not known._exact


def test_remembered_answers_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(index, "MAX_REMEMBERED", 10)
    known: TopicIndex[str] = TopicIndex()
    known.add("**", "x")
    for n in range(35):
        assert known.match(f"t/{n}") == ("x",)
    assert len(known._remembered) <= 10


def test_a_new_exact_subscription_forgets_one_answer_only() -> None:
    known: TopicIndex[str] = TopicIndex()
    known.add("**", "x")
    for topic in ("a", "b"):
        known.match(topic)
    known.add("a", "y")
    assert list(known._remembered) == ["b"]
    assert set(known.match("a")) == {"x", "y"}
