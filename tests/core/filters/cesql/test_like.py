"""LIKE against a matcher that is slow and obviously right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.filters.cesql.like import compile_like


def reference(pattern: str, text: str) -> bool:
    """Dynamic programming over (pattern element, text length): which prefixes are matched."""
    elements: list[tuple[str, str]] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\" and at + 1 < len(pattern) and pattern[at + 1] in "%_":
            elements.append(("is", pattern[at + 1]))
            at += 1
        elif pattern[at] in "%_":
            elements.append((pattern[at], ""))
        else:
            elements.append(("is", pattern[at]))
        at += 1
    matched = [True] + [False] * len(text)
    for kind, character in elements:
        if kind == "%":
            matched = [any(matched[: n + 1]) for n in range(len(text) + 1)]
        else:
            matched = [False] + [
                matched[n] and (kind == "_" or text[n] == character) for n in range(len(text))
            ]
    return matched[-1]


patterns = st.text(alphabet="ab%_\\", max_size=12)
texts = st.text(alphabet="ab%_\\", max_size=16)


@given(patterns, texts)
def test_agrees_with_the_reference(pattern: str, text: str):
    assert compile_like(pattern)(text) is reference(pattern, text)


@given(st.lists(st.sampled_from(["a", "ab", "_", "%", "a_b", "__", "%_%"]), max_size=6), texts)
def test_agrees_on_patterns_of_several_pieces(parts: list[str], text: str):
    pattern = "".join(parts)
    assert compile_like(pattern)(text) is reference(pattern, text)


@given(texts)
def test_a_text_matches_itself_with_some_characters_hidden(text: str):
    escaped = text.replace("%", r"\%").replace("_", r"\_")
    if not text.endswith("\\") and "\\%" not in text and "\\_" not in text:
        assert compile_like(escaped)(text)
    assert compile_like("_" * len(text))(text)
    assert compile_like("%")(text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("%", "", True),
        ("%%", "", True),
        ("_", "", False),
        ("_%", "", False),
        ("%_", "a", True),
        ("a%a", "a", False),
        ("a%a", "aa", True),
        ("%aab%", "aaaab", True),
        ("%a_b%", "aaxb", True),
        ("%a_b%b", "a-b", False),
        ("%a_b%b", "a-bb", True),
        ("a_c", "abc", True),
        ("a_c%", "a\nc\n\n", True),
        ("_b*", "ab*", True),
        ("_b*", "abc", False),
        (r"a\b", r"a\b", True),
        (r"\\%", r"\%", True),
        (r"a\%", "a%", True),
        (r"a\%", r"a\b", False),
        ("A%", "abc", False),
        ("%é_", "xé😀", True),
        ("_", "😀", True),
    ],
)
def test_cases(pattern: str, text: str, expected: bool):
    assert compile_like(pattern)(text) is expected


@pytest.mark.parametrize("piece", ["a%", "a_%", "_a", "%a_b"])
def test_patterns_that_ruin_backtracking_matchers(piece: str):
    matches = compile_like("%" + piece * (4000 // len(piece)) + "c")
    assert not matches("a" * 8192)
    assert not matches("a" * 8191 + "c" * 2 + "b")
