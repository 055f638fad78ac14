"""The grammar of topics and patterns, and what covers what."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core import topic
from hubbub.core.errors import InvalidTopic
from hubbub.core.topic import check_pattern, check_topic, covers, matches, reduce_patterns

TOPICS = [
    "a",
    "orders/42",
    "A b",
    "größe/日本/😀",
    "a.b/..c/d..",
    "x" * 255,
    "é" * 127,
    "~!@#$%^&()",
]
NEITHER = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/./b",
    "../a",
    "a/..",
    "a\nb",
    "a\x00",
    "a\x7f",
    "a\x85b",
    "a\u200bb",
    "\ufeffa",
    "a\u202eb",
    "\ud800",
    "x" * 256,
    "é" * 128,
]
PATTERNS = ["*", "**", "a/*", "*/b", "a/*/c", "a/**", "*/**", "*/*"]
NO_PATTERNS = ["a*", "*a", "a/b*/c", "**/a", "a/**/b", "***", "a/***", "**/**"]


@pytest.mark.parametrize("text", TOPICS)
def test_topics(text: str) -> None:
    assert check_topic(text) == check_pattern(text) == text
    assert not topic.is_pattern(text)


@pytest.mark.parametrize("text", NEITHER)
def test_neither(text: str) -> None:
    for check in (check_topic, check_pattern):
        with pytest.raises(InvalidTopic):
            check(text)


@pytest.mark.parametrize("text", PATTERNS)
def test_patterns(text: str) -> None:
    assert check_pattern(text) == text
    assert topic.is_pattern(text)
    with pytest.raises(InvalidTopic, match="reading"):
        check_topic(text)


@pytest.mark.parametrize("text", NO_PATTERNS)
def test_no_patterns(text: str) -> None:
    with pytest.raises(InvalidTopic, match="segment"):
        check_pattern(text)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a/b", ["a/b"], ["a", "a/b/c", "A/b"]),
        ("*", ["a", "b"], ["a/b"]),
        ("a/*", ["a/b", "a/c"], ["a", "a/b/c", "b/a"]),
        ("*/b", ["a/b"], ["b", "a/c", "a/a/b"]),
        ("a/*/c", ["a/b/c"], ["a/c", "a/b/b/c"]),
        ("**", ["a", "a/b/c"], []),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab/c"]),
        ("*/b/**", ["a/b/c", "x/b/c/d"], ["a/b", "a/c/d"]),
    ],
)
def test_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [matches(pattern, t) for t in yes] == [True] * len(yes)
    assert [matches(pattern, t) for t in no] == [False] * len(no)


SEGMENTS = ("a", "b", "*")
ALL_PATTERNS = [
    "/".join(parts) for length in (1, 2, 3) for parts in itertools.product(SEGMENTS, repeat=length)
] + ["/".join((*parts, "**")) for n in (0, 1, 2) for parts in itertools.product(SEGMENTS, repeat=n)]
ALL_TOPICS = [
    "/".join(parts) for length in (1, 2, 3, 4) for parts in itertools.product("abc", repeat=length)
]


def test_covers_is_what_matches_says_of_every_topic() -> None:
    under = {p: frozenset(t for t in ALL_TOPICS if matches(p, t)) for p in ALL_PATTERNS}
    wrong = [
        (wider, narrower)
        for wider in ALL_PATTERNS
        for narrower in ALL_PATTERNS
        if covers(wider, narrower) != (under[wider] >= under[narrower])
    ]
    assert not wrong


@given(st.lists(st.sampled_from(ALL_PATTERNS), max_size=6))
def test_reduced_patterns_match_the_same(patterns: list[str]) -> None:
    reduced = reduce_patterns(patterns)
    assert list(reduced) == sorted(set(reduced))
    for text in ALL_TOPICS:
        assert any(matches(p, text) for p in patterns) == any(matches(p, text) for p in reduced)
    assert not any(covers(a, b) for a, b in itertools.permutations(reduced, 2))


def test_a_reader_names_a_bounded_number_of_patterns() -> None:
    many = [f"t/{n}" for n in range(topic.MAX_PATTERNS)]
    assert len(reduce_patterns(many + many)) == topic.MAX_PATTERNS
    with pytest.raises(InvalidTopic, match="wildcards"):
        reduce_patterns([*many, "one/more"])


@pytest.mark.parametrize(
    ("pattern", "prefix"), [("a/b", "a/b"), ("a/*", "a/"), ("**", ""), ("a/*/c", "a/")]
)
def test_literal_prefix(pattern: str, prefix: str) -> None:
    assert topic.literal_prefix(pattern) == prefix


@given(st.text(max_size=40))
def test_any_text_is_a_topic_or_refused(text: str) -> None:
    for check in (check_topic, check_pattern):
        try:
            assert check(text) == text
        except InvalidTopic as error:
            assert error.status == 400
