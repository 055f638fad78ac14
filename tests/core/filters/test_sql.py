"""CESQL as a filter: what matches, what is refused, and that nothing else can happen."""

from __future__ import annotations

import inspect
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import InvalidFilter
from hubbub.core.filters import Predicate, compile_sql

EVENT = {
    "specversion": "1.0",
    "id": "42",
    "source": "/s",
    "type": "com.example.paid",
    "subject": "abc",
    "n": 7,
    "flag": True,
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("TRUE", True),
        ("flag", True),
        ("type = 'com.example.paid' AND subject LIKE 'a%'", True),
        ("type = 'com.example.paid' AND subject LIKE 'b%'", False),
        ("n", False),
        ("1", False),
        ("'true'", False),
        ("n + 1", False),
        ("nosuch", False),
        ("nosuch = 'x'", False),
        ("NOT (nosuch = 'x')", False),
        ("nosuch = 'x' OR TRUE", False),
        ("TRUE OR nosuch = 'x'", True),
        ("EXISTS nosuch AND nosuch = 'x' OR n = 7", False),
        ("(EXISTS nosuch AND nosuch = 'x') OR n = 7", True),
        ("1 / 0 = 0", False),
        ("subject = 5", False),
        ("LEFT(subject, -1) = 'abc'", False),
    ],
)
def test_matches_only_on_true_without_error(expression: str, expected: bool):
    assert compile_sql(expression)(EVENT) is expected


@pytest.mark.parametrize(
    ("expression", "position", "says"),
    [
        ("type =", 6, "at character 6: expected an attribute"),
        ("type = 'x' AND NOSUCH(1)", 15, "there is no function NOSUCH; there are ABS, BOOL"),
        ("ABS(1, 2) = 1", 0, "ABS takes 1 arguments, not 2"),
        ("FALSE AND SUBSTRING('a') = ''", 10, "SUBSTRING takes 2 or 3 arguments, not 1"),
        ("CONCAT_WS() = ''", 0, "CONCAT_WS takes 1 and more arguments, not 0"),
        ("n = 1 OR data = 'x'", 9, "not its data"),
        ("EXISTS data", 0, "not its data"),
        (f"{'a' * 65} = 1", 0, "at most 64 characters"),
        ("2147483648 = n", 0, "32 bits"),
    ],
)
def test_refusals_name_the_place(expression: str, position: int, says: str):
    with pytest.raises(InvalidFilter) as caught:
        compile_sql(expression, pointer="/0/sql")
    assert caught.value.status == 400
    assert caught.value.position == position
    assert caught.value.pointer == "/0/sql"
    assert says in caught.value.detail
    assert f"at character {position}: " in caught.value.detail


PIECES = (
    "type", "n", "nosuch", "data", "AND", "OR", "XOR", "NOT", "LIKE", "IN", "EXISTS", "TRUE",
    "(", ")", "(", ")", ",", "=", "<>", "<=", "+", "-", "*", "/", "%", "'a%'", '"b"', "1", "0",
    "2147483648", "ABS", "CONCAT", "LEFT", "f_g", "'", '"', "\\", "!", "\n", "\u00a0",
)  # fmt: skip
soups = st.lists(st.sampled_from(PIECES), max_size=30).flatmap(
    lambda pieces: st.sampled_from(["", " "]).map(lambda space: space.join(pieces))
)


def compiled(text: str) -> Predicate | InvalidFilter:
    try:
        return compile_sql(text)
    except InvalidFilter as error:
        return error


@given(st.text() | soups)
def test_any_text_is_a_predicate_or_an_invalid_filter(text: str):
    result = compiled(text)
    if isinstance(result, InvalidFilter):
        assert result.position is not None
        assert 0 <= result.position <= len(text)
    else:
        assert result(EVENT) in (True, False)
        assert result({}) in (True, False)


DEEP = (
    "(" * 4096,
    "(" * 2000 + "a" + ")" * 2000,
    "NOT " * 1000 + "a",
    "NOT(" * 800 + "a" + ")" * 800,
    "-" * 4000 + "n",
    "- 1" * 1300,
    "1" + "+1" * 2000,
    "n" + "*n" * 2000,
    "a" + "=a" * 2000,
    "a" + " LIKE 'x'" * 400,
    "a" + " IN (a" * 500 + ")" * 500,
    "ABS(" * 800 + "n" + ")" * 800,
    "n AND " * 600 + "n",
    "n AND n OR " * 300 + "n",
    "n OR n = n + n * (" * 200 + "n" + ")" * 200,
    "n OR n = n + n * NOT (" * 150 + "n" + ")" * 150,
    "(" * 40 + "1" + "+1)" * 40,
    "((1+1+1+1+1+1+1+1)" * 100,
)


@pytest.mark.parametrize("text", DEEP, ids=range(len(DEEP)))
def test_no_nesting_exhausts_the_stack(text: str):
    """Whether it is refused or not, a few hundred frames are enough: a server's stack has them."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 450)
    try:
        result = compiled(text)
        if not isinstance(result, InvalidFilter):
            result(EVENT)
    finally:
        sys.setrecursionlimit(limit)
