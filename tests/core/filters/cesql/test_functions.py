"""The built-in functions, one row per rule of the specification (section 3.5)."""

from __future__ import annotations

import pytest

from hubbub.core.filters import cesql
from hubbub.core.filters.cesql.functions import MAX_TEXT

EVENT = {"id": "1", "n": 7, "flag": True, "word": "abc", "long": "x" * 8000}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("LENGTH('')", 0),
        ("LENGTH('abc')", 3),
        ("LENGTH('é😀')", 2),
        ("LENGTH(n)", 1),
        ("LENGTH(flag)", 4),
        ("CONCAT()", ""),
        ("CONCAT('a')", "a"),
        ("CONCAT('a', n, flag)", "a7true"),
        ("CONCAT_WS(',')", ""),
        ("CONCAT_WS(',', 'a')", "a"),
        ("CONCAT_WS(',', 'a', '', 7)", "a,,7"),
        ("CONCAT_WS(0, 'a', 'b')", "a0b"),
        ("LOWER('AbÉ')", "abé"),
        ("UPPER('aBé')", "ABÉ"),
        ("UPPER(flag)", "TRUE"),
        ("TRIM('  a b ')", "a b"),
        ("TRIM('\t\n\u00a0\u2003a\u3000\u0085')", "a"),
        ("TRIM('\x1f\x00a\x1c')", "\x1f\x00a\x1c"),
        ("TRIM('\u200ba')", "\u200ba"),
        ("LEFT('abc', 2)", "ab"),
        ("LEFT('abc', 3)", "abc"),
        ("LEFT('abc', 9)", "abc"),
        ("LEFT('abc', 0)", ""),
        ("LEFT(1234, '2')", "12"),
        ("RIGHT('abc', 2)", "bc"),
        ("RIGHT('abc', 3)", "abc"),
        ("RIGHT('abc', 9)", "abc"),
        ("RIGHT('abc', 0)", ""),
        ("RIGHT('abc', TRUE)", "c"),
        ("SUBSTRING('abcdef', 1)", "abcdef"),
        ("SUBSTRING('abcdef', 6)", "f"),
        ("SUBSTRING('abcdef', -1)", "f"),
        ("SUBSTRING('abcdef', -6)", "abcdef"),
        ("SUBSTRING('abcdef', 0)", ""),
        ("SUBSTRING('', 0)", ""),
        ("SUBSTRING('abcdef', 2, 3)", "bcd"),
        ("SUBSTRING('abcdef', 2, 0)", ""),
        ("SUBSTRING('abcdef', 5, 9)", "ef"),
        ("SUBSTRING('abcdef', -3, 2)", "de"),
        ("SUBSTRING('abcdef', 0, 2)", ""),
        ("SUBSTRING('abcdef', 1, 2147483647)", "abcdef"),
        ("ABS(-3)", 3),
        ("ABS(3)", 3),
        ("ABS('-2147483647')", 2147483647),
        ("ABS(TRUE)", 1),
        ("INT('-1')", -1),
        ("INT(flag)", 1),
        ("BOOL('TRUE')", True),
        ("BOOL(2)", True),
        ("BOOL(flag)", True),
        ("STRING(n)", "7"),
        ("STRING(TRUE)", "true"),
        ("length(word)", 3),
        ("Concat_Ws ( '-' , word )", "abc"),
        ("UPPER(CONCAT(LEFT(word, 1), RIGHT(word, 1)))", "AC"),
    ],
)
def test_value(expression: str, expected: object):
    value, error = cesql.evaluate(expression, EVENT)
    assert error is None
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("expression", "kind", "expected"),
    [
        ("LEFT('abc', -1)", "functionEvaluation", "abc"),
        ("RIGHT('abc', -1)", "functionEvaluation", "abc"),
        ("LENGTH(LEFT('abc', -1))", "functionEvaluation", 0),
        ("LEFT(LEFT('abc', -1), 1)", "functionEvaluation", ""),
        ("LEFT('abc', -1) = 'abc'", "functionEvaluation", False),
        ("SUBSTRING('abc', 4)", "functionEvaluation", ""),
        ("SUBSTRING('abc', -4)", "functionEvaluation", ""),
        ("SUBSTRING('', 1)", "functionEvaluation", ""),
        ("SUBSTRING('abc', 4, 1)", "functionEvaluation", ""),
        ("SUBSTRING('abc', 1, -1)", "functionEvaluation", ""),
        ("SUBSTRING('abc', 0, -1)", "functionEvaluation", ""),
        ("ABS(-2147483648)", "math", 2147483647),
        ("1 + ABS(-2147483648)", "math", 0),
        ("ABS('a')", "cast", 0),
        ("LEFT('abc', 'x')", "cast", ""),
        ("INT('a')", "cast", 0),
        ("INT('2147483648')", "cast", 0),
        ("INT('')", "cast", 0),
        ("BOOL('a')", "cast", False),
        ("STRING(nosuch)", "missingAttribute", ""),
        ("LENGTH(nosuch)", "missingAttribute", 0),
        ("BOOL(nosuch)", "missingAttribute", False),
        ("LEFT(nosuch, 'x')", "missingAttribute", ""),
        ("LEFT('abc', nosuch)", "missingAttribute", ""),
        ("NOSUCH()", "missingFunction", False),
        ("NOSUCH(nosuch)", "missingFunction", False),
        ("ABS()", "missingFunction", False),
        ("ABS(1, 2)", "missingFunction", False),
        ("CONCAT_WS()", "missingFunction", False),
        ("SUBSTRING('a')", "missingFunction", False),
        ("SUBSTRING('a', 1, 1, 1)", "missingFunction", False),
        ("ABS(NOSUCH(1))", "missingFunction", 0),
        ("CONCAT(CONCAT(long, long, long, long, long), CONCAT(long, long, long, long))", "generic", ""),
    ],
)  # fmt: skip
def test_error(expression: str, kind: str, expected: object):
    value, error = cesql.evaluate(expression, EVENT)
    assert error is not None
    assert error.kind == kind
    assert value == expected
    assert type(value) is type(expected)


def test_a_concatenation_may_just_reach_its_bound():
    at_bound = f"LENGTH(CONCAT_WS({'x' * 1!r}, a, b))"
    event = {"a": "y" * (MAX_TEXT - 6), "b": "y" * 5}
    assert cesql.evaluate(at_bound, event) == (MAX_TEXT, None)
    _, error = cesql.evaluate(at_bound, event | {"b": "y" * 6})
    assert isinstance(error, cesql.LimitExceeded)
