"""What operators give, and in which order things fail (sections 3.2 to 3.4, 3.7)."""

from __future__ import annotations

import pytest

from hubbub.core.filters import cesql

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": "com.example",
    "seq": "5",
    "n": 7,
    "flag": True,
    "word": "abc",
}
MIN = "-2147483648"
MAX = "2147483647"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # equality: the left operand takes the type of the right one
        ("seq = 5", True),
        ("seq != 5", False),
        ("5 = seq", True),
        ("n = '7'", True),
        ("n = '07'", False),
        ("'07' = n", True),
        ("seq = n", False),
        ("flag = 'true'", True),
        ("flag = 'TRUE'", False),
        ("'TRUE' = flag", True),
        ("n = TRUE", True),
        ("TRUE = 7", False),
        ("TRUE = 1", True),
        ("word = 'ABC'", False),
        ("word <> 'abd'", True),
        ("word = word", True),
        ('TRUE = "true" AND FALSE = "false"', True),
        ('TRUE = "TRUE" OR FALSE = "FALSE"', False),
        # order
        ("seq < n", True),
        ("n >= '7'", True),
        ("TRUE > FALSE", True),
        ("-1 < 0", True),
        # arithmetic
        ("1 + 2 * 3", 7),
        ("seq * n", 35),
        ("TRUE + TRUE", 2),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 / -2", 3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        ("-7 % -2", -1),
        ("0 / -5", 0),
        (f"{MIN} % -1", 0),
        (f"{MIN} + {MAX}", -1),
        (f"{MAX} - {MAX} - {MAX} - 1", -(2**31)),
        ("5-3", 2),
        ("5 -3", 2),
        ("5+3", 8),
        ("5--3", 8),
        ("n-1", 6),
        ("(5)-3", 2),
        ("-n", -7),
        ("--n", 7),
        ("- -3", 3),
        ("-(3)", -3),
        ("+3", 3),
        ("1 - +3", -2),
        ("-seq", -5),
        ("-flag", -1),
        # logic
        ("NOT flag", False),
        ("NOT 'false'", True),
        ("NOT 10", False),
        ("NOT 0", True),
        ("NOT EXISTS nosuch", True),
        ("'true' AND 1", True),
        ("'false' OR 0", False),
        ("flag XOR flag", False),
        ("flag XOR 'false'", True),
        ("flag XOR flag XOR flag", True),
        ("1 XOR 2", False),
        ("FALSE AND nosuch", False),
        ("TRUE OR nosuch", True),
        ("FALSE AND 1 / 0 = 1", False),
        ("FALSE AND NOSUCH()", False),
        ("FALSE AND nosuch AND nosuch", False),
        ("TRUE AND TRUE AND FALSE AND nosuch", False),
        ("FALSE OR FALSE OR TRUE OR nosuch", True),
        # EXISTS
        ("EXISTS id AND EXISTS source AND EXISTS type AND EXISTS specversion", True),
        ("EXISTS subject", False),
        ("exists WORD", True),
        # LIKE
        ("word LIKE 'a%'", True),
        ("word NOT LIKE 'a%'", False),
        ("n LIKE '7'", True),
        ("flag LIKE 'tr%'", True),
        ("type LIKE 'com._xample'", True),
        ("CONCAT(word, 'd') LIKE '%cd'", True),
        # IN: elements take the type of the operand
        ("seq IN (4, 5)", True),
        ("seq IN ('05')", False),
        ("n IN ('07')", True),
        ("n NOT IN (1, 2, 3)", True),
        ("flag IN ('TRUE')", True),
        ("flag IN (2)", True),
        ("1 IN (TRUE)", True),
        ("word IN (seq, n, word)", True),
        ("word IN ('a', type, 'b')", False),
        ("n IN (1, n, 'no number')", True),
        ("n IN (7, 'no number')", True),
        ("n IN (7, nosuch)", True),
        ("(1 = 1) IN (TRUE)", True),
        # names and keywords in any case
        ("Word = 'abc' and not (N = 8)", True),
        ("word Not In ('x') aNd word nOt LiKe 'x'", True),
    ],
)  # fmt: skip
def test_value(expression: str, expected: object):
    value, error = cesql.evaluate(expression, EVENT)
    assert error is None
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("expression", "kind", "expected"),
    [
        ("nosuch", "missingAttribute", False),
        ("NOT nosuch", "missingAttribute", False),
        ("-nosuch", "missingAttribute", 0),
        ("nosuch = ''", "missingAttribute", False),
        ("nosuch != ''", "missingAttribute", False),
        ("'' = nosuch", "missingAttribute", False),
        ("nosuch = nosuch", "missingAttribute", False),
        ("nosuch LIKE '%'", "missingAttribute", False),
        ("nosuch NOT LIKE 'x'", "missingAttribute", False),
        ("nosuch IN ('x')", "missingAttribute", False),
        ("nosuch NOT IN ('x')", "missingAttribute", False),
        ("word IN ('x', nosuch)", "missingAttribute", False),
        ("nosuch * 5", "missingAttribute", 0),
        ("1 / nosuch", "missingAttribute", 0),
        ("nosuch / 0", "missingAttribute", 0),
        ("'abc' + nosuch", "missingAttribute", 0),
        ("'abc' < nosuch", "missingAttribute", False),
        ("TRUE AND nosuch", "missingAttribute", False),
        ("nosuch AND FALSE", "missingAttribute", False),
        ("nosuch OR TRUE", "missingAttribute", False),
        ("TRUE XOR nosuch", "missingAttribute", False),
        ("'x' XOR nosuch", "missingAttribute", False),
        ("TRUE AND (nosuch = '')", "missingAttribute", False),
        ("NOT (nosuch = '')", "missingAttribute", False),
        ("word = 5", "cast", False),
        ("word != 5", "cast", False),
        ("word = TRUE", "cast", False),
        ("word = n", "cast", False),
        ("n < word", "cast", False),
        ("word + 1", "cast", 0),
        ("1 - word", "cast", 0),
        ("-word", "cast", 0),
        ("NOT word", "cast", False),
        ("word AND TRUE", "cast", False),
        ("FALSE OR word", "cast", False),
        ("flag XOR word", "cast", False),
        ("n IN (1, 'no number', 7)", "cast", False),
        ("n NOT IN ('no number')", "cast", False),
        ("n IN (word, 7)", "cast", False),
        ("flag IN ('maybe')", "cast", False),
        ("1 / 0", "math", 0),
        ("1 % 0", "math", 0),
        ("1 != 1 / 0", "math", False),
        ("n / (n - n)", "math", 0),
        (f"{MAX} + 1", "math", 0),
        (f"{MIN} - 1", "math", 0),
        ("65536 * 65536", "math", 0),
        (f"{MIN} / -1", "math", 0),
        (f"-({MIN})", "math", 0),
        (f"--{MAX} - {MIN}", "math", 0),
    ],
)
def test_error(expression: str, kind: str, expected: object):
    value, error = cesql.evaluate(expression, EVENT)
    assert error is not None
    assert error.kind == kind
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("expression", "position"),
    [
        ("TRUE AND nosuch = 1", 9),
        ("1 + (2 / 0)", 7),
        ("word + 1", 5),
        ("n IN ('x')", 2),
        ("1 + ABS('x')", 4),
    ],
)
def test_errors_tell_where(expression: str, position: int):
    _, error = cesql.evaluate(expression, EVENT)
    assert error is not None
    assert error.position == position
    assert str(error).startswith(f"at character {position}: ")


def test_errors_of_a_set_of_constants_are_fresh_each_time():
    run = cesql.compile(cesql.parse("n IN ('x')"))
    with pytest.raises(cesql.CastError) as first:
        run(EVENT)
    with pytest.raises(cesql.CastError) as second:
        run(EVENT)
    assert first.value is not second.value
