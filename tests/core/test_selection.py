"""What a reader wants to see: one clause or several, and what makes two the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.event import Record
from hubbub.core.selection import EVERYTHING, Filter, Selection


def record(topic: str, event_type: str = "t", subject: str = "s") -> Record:
    body = b'{"id":"1","source":"/","type":"%b","subject":"%b"}'
    return Record(1, topic, event_type, 0, body % (event_type.encode(), subject.encode()))


def only(subject: str) -> Filter:
    return Filter(f"subject = '{subject}'", lambda values: values.get("subject") == subject)


def test_a_topic_a_type_and_a_filter_must_all_hold() -> None:
    selection = Selection.of(["a/*", "b"], ["t", "u"], only("s"))
    assert selection.matches(record("a/x"))
    assert selection.matches(record("b", "u"))
    assert not selection.matches(record("c"))
    assert not selection.matches(record("b", "v"))
    assert not selection.matches(record("b", "t", "other"))


def test_everything() -> None:
    assert EVERYTHING.matches(record("a/b/c"))
    assert EVERYTHING.by_topic_alone


@pytest.mark.parametrize(
    ("selection", "alone"),
    [
        (Selection.of(["a"]), True),
        (Selection.of(["a"], ["t"]), False),
        (Selection.of(["a"], (), only("s")), False),
        (Selection.of(["a"]).union(Selection.of(["b"], ["t"])), False),
    ],
)
def test_whether_the_topic_decides(selection: Selection, alone: bool) -> None:
    assert selection.by_topic_alone is alone


def test_equal_whatever_the_order_and_the_filter_object() -> None:
    one = Selection.of(["b", "a", "a"], ["u", "t"], only("s"))
    other = Selection.of(["a", "b"], ["t", "u"], only("s"))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Selection.of(["a", "b"], ["t", "u"], only("x"))
    assert only("s") != "subject = 's'"


def test_a_union_is_one_clause_where_it_can_be() -> None:
    union = Selection.of(["a/b"]).union(Selection.of(["a/*"])).union(Selection.of(["c"], ["t"]))
    assert [clause.patterns for clause in union.clauses] == [("a/*",), ("c",)]
    assert union.patterns == ("a/*", "c")


SELECTIONS = st.builds(
    Selection.of,
    st.lists(st.sampled_from(["a", "b", "*", "a/*", "**"]), min_size=1, max_size=3),
    st.lists(st.sampled_from(["t", "u"]), max_size=2),
    st.sampled_from([None, only("s"), only("x")]),
)
RECORDS = [
    record(topic, kind, subject)
    for topic in ("a", "b", "c", "a/b", "a/b/c")
    for kind in ("t", "u", "v")
    for subject in ("s", "x", "y")
]


@given(SELECTIONS, SELECTIONS, SELECTIONS)
def test_a_union_selects_what_either_does(a: Selection, b: Selection, c: Selection) -> None:
    union = a.union(b).union(c)
    assert union == c.union(b).union(a)
    assert hash(union) == hash(c.union(a).union(b))
    for found in RECORDS:
        assert union.matches(found) == any(s.matches(found) for s in (a, b, c))
