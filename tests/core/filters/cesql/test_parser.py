"""The grammar: shapes of trees, precise refusals, bounds, and notices."""

from __future__ import annotations

import pytest

from hubbub.core.filters.cesql import ParseError, parse, warnings
from hubbub.core.filters.cesql.nodes import Attribute, Call, Literal, Logic, Negate, walk
from hubbub.core.filters.cesql.parser import MAX_DEPTH, MAX_ITEMS, MAX_LENGTH


@pytest.mark.parametrize(
    ("text", "means"),
    [
        # one level for AND, OR and XOR, from the right
        ("a AND b OR c", "a AND (b OR c)"),
        ("a OR b AND c", "a OR (b AND c)"),
        ("a XOR b AND c OR d", "a XOR (b AND (c OR d))"),
        ("a AND b AND c OR d OR e AND f", "a AND b AND (c OR d OR (e AND f))"),
        # everything else from the left
        ("a - b - c", "(a - b) - c"),
        ("a / b * c", "(a / b) * c"),
        ("a = b = c", "(a = b) = c"),
        ("a < b != c", "(a < b) != c"),
        ("a + b * c - d", "(a + (b * c)) - d"),
        ("a = b + c AND d < e", "(a = (b + c)) AND (d < e)"),
        ("a LIKE 'x' IN (TRUE)", "(a LIKE 'x') IN (TRUE)"),
        # unary operators bind tightest
        ("NOT a = b", "(NOT a) = b"),
        ("NOT a LIKE 'x'", "(NOT a) LIKE 'x'"),
        ("NOT a IN (b)", "(NOT a) IN (b)"),
        ("NOT a AND b", "(NOT a) AND b"),
        ("-a * b", "(-a) * b"),
        ("a * -b", "a * (-b)"),
        ("NOT -a", "NOT (-a)"),
        ("NOT EXISTS a", "NOT (EXISTS a)"),
        ("EXISTS a = b", "(EXISTS a) = b"),
        ("1 + a LIKE '2'", "1 + (a LIKE '2')"),
        ("a * b IN (c)", "a * (b IN (c))"),
        # signs
        ("5-3", "5 - 3"),
        ("5 -3", "5 - 3"),
        ("5+-3", "5 + (-3)"),
        ("a-1", "a - 1"),
        ("1-a", "1 - a"),
        # white space and case
        ("a\tAND\r\nb", "a AND b"),
        ("NOT(a)", "NOT a"),
        ("'x'LIKE'y'", "'x' LIKE 'y'"),
        ("abs (A)", "ABS(a)"),
        ("a In(b)aNd TRUE", "(a IN (b)) AND true"),
    ],
)
def test_precedence(text: str, means: str):
    assert repr(parse(text)) == repr(parse(means))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it''s'", "it's"),
        (r"'it\'s'", "it's"),
        ('"say ""hi"""', 'say "hi"'),
        (r'"say \"hi\""', 'say "hi"'),
        ('\'say ""hi""\'', 'say ""hi""'),
        (r"'a\%b\\c\d'", r"a\%b\\c\d"),
        (r'"\'"', r"\'"),
        ("''", ""),
        ("''''", "'"),
        ("'AND\n\t'", "AND\n\t"),
        ("0", 0),
        ("007", 7),
        ("-2147483648", -(2**31)),
        ("+2147483647", 2**31 - 1),
        ("-0", 0),
        ("0" * 100 + "1", 1),
        ("TRUE", True),
        ("fAlSe", False),
    ],
)
def test_literals(text: str, value: object):
    assert repr(parse(text)) == repr(Literal(value))  # type: ignore[arg-type]


def test_names():
    assert parse("SoUrCe") == Attribute("source")
    assert parse("2fa") == Attribute("2fa")
    assert parse("concat_ws()") == Call("CONCAT_WS", ())
    assert parse("- 5") == Negate(Literal(5))


def test_a_run_of_one_operator_is_one_node():
    node = parse("a AND b AND c")
    assert node == Logic("AND", (Attribute("a"), Attribute("b"), Attribute("c")))
    assert parse("a AND (b AND c)") != node


def test_positions_are_those_of_the_operators():
    tree = parse("a = 1 AND NOT EXISTS b")
    assert [(type(node).__name__, node.position) for node, _ in walk(tree)] == [
        ("Logic", 6),
        ("Compare", 2),
        ("Attribute", 0),
        ("Literal", 4),
        ("Not", 10),
        ("Exists", 14),
    ]


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 0, "found the end of the expression"),
        ("  ", 2, "found the end of the expression"),
        ("type =", 6, "expected an attribute, a text in quotes"),
        ("type = = 'x'", 7, "found '='"),
        ("type == 'x'", 6, "found '='"),
        ("a b", 2, "expected an operator or the end of the expression, found 'b'"),
        ("a AND", 5, "found the end"),
        ("(a", 2, "expected an operator or ')', found the end"),
        ("a)", 1, "found ')'"),
        ("()", 1, "found ')'"),
        ("ABS(", 4, "found the end"),
        ("ABS(1,)", 6, "found ')'"),
        ("ABS(1 2)", 6, "expected an operator, ',' or ')', found '2'"),
        ("a IN ()", 6, "found ')'"),
        ("a IN 'x'", 5, "'(' and a list of values after IN, found 'x'"),
        ("a IN ('x'", 9, "expected an operator, ',' or ')'"),
        ("a LIKE b", 7, "expected a pattern in quotes after LIKE, found 'b'"),
        ("a LIKE 123", 7, "expected a pattern in quotes"),
        ("a NOT 'x'", 6, "expected LIKE or IN after NOT, found 'x'"),
        ("a NOT = 1", 6, "expected LIKE or IN after NOT"),
        ("EXISTS", 6, "expected the name of an attribute after EXISTS"),
        ("EXISTS (a)", 7, "expected the name of an attribute after EXISTS"),
        ("EXISTS in", 7, "found the keyword IN"),
        ("in = 1", 0, "found the keyword IN"),
        ("data_base64 = 1", 0, "no name of an attribute"),
        ("f2(1)", 0, "expected the name of a function"),
        ("_f(1)", 0, "expected the name of a function"),
        ("+a", 0, "found '+'"),
        ("+ 5", 0, "found '+'"),
        ("2147483648", 0, "32 bits"),
        ("1 + -2147483649", 4, "32 bits"),
        ("- 2147483648", 2, "32 bits"),
        ("9" * 4000, 0, "32 bits"),
        ("a = 'x", 4, "not closed; add a ' at its end"),
        ("a = 'x''", 4, "not closed"),
        (r"a = 'x\'", 4, "not closed"),
        ('a = "x', 4, 'not closed; add a " at its end'),
        ("a ! b", 2, "write != or NOT"),
        ("a.b", 1, "'.' has no meaning"),
        ("a && b", 2, "'&' has no meaning"),
        ("a = \u2018x\u2019", 4, "has no meaning"),
        ("a\u00a0= 1", 1, "has no meaning"),
        ("\x00", 0, r"'\x00' has no meaning"),
        ("a '" + "x" * 100 + "'", 2, "x..."),
    ],
)  # fmt: skip
def test_refusals(text: str, position: int, says: str):
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.position == position
    assert says in caught.value.detail
    assert len(caught.value.detail) < 200


def test_length_is_bounded():
    assert parse("'" + "x" * (MAX_LENGTH - 2) + "'")
    with pytest.raises(ParseError, match="at most 4096 characters, this one 4097"):
        parse("'" + "x" * (MAX_LENGTH - 1) + "'")


def test_lists_are_bounded():
    assert parse(f"a IN ({','.join('1' * MAX_ITEMS)})")
    for text in (f"a IN ({','.join('1' * (MAX_ITEMS + 1))})", f"F({'1,' * MAX_ITEMS}1)"):
        with pytest.raises(ParseError, match="a list has at most 256 values"):
            parse(text)


@pytest.mark.parametrize("deepest", [MAX_DEPTH - 1])
@pytest.mark.parametrize(
    ("before", "after"),
    [("(", ")"), ("NOT ", ""), ("-", ""), ("ABS(", ")"), ("1+", ""), ("a=", ""), ("a IN (", ")")],
)
def test_depth_is_bounded(before: str, after: str, deepest: int):
    assert parse(before * deepest + "a" + after * deepest)
    with pytest.raises(ParseError, match="nested more than 64 levels deep"):
        parse(before * (deepest + 1) + "a" + after * (deepest + 1))


def test_chains_of_logic_are_not_deep():
    chain = " OR ".join(["a"] * 500)
    assert max(depth for _, depth in walk(parse(chain))) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a AND b AND c", []),
        ("a AND (b OR c)", []),
        ("(a AND b) OR (c XOR d)", []),
        ("a AND b OR c", [(8, "a AND b OR c is a AND (b OR c)")]),
        ("(a XOR b AND c) OR d", [(9, "XOR and AND have the same precedence")]),
        ("F(a OR b AND c)", [(9, "OR and AND")]),
        ("a IN (a OR b AND c)", [(13, "OR and AND")]),
        ("NOT a = b", [(0, "NOT applies only to what stands right behind it")]),
        ("a AND NOT b LIKE 'x'", [(6, "NOT applies only")]),
        ("NOT a AND b", []),
        ("(NOT a) = b", []),
        ("NOT (a = b)", []),
        ("NOT EXISTS a", []),
        ("a OR 1 / 0 = 1", [(7, "this always fails: division by zero")]),
        ("type = 'x' OR 'abc' + 1 = 2", [(20, "this always fails: 'abc' is no Integer")]),
        ("n + 1", [(2, "gives a value of type Integer, never TRUE")]),
        ("'true'", [(0, "gives a value of type String")]),
        ("n", []),
    ],
)
def test_warnings(text: str, expected: list[tuple[int, str]]):
    found = warnings(text)
    assert [notice.position for notice in found] == [position for position, _ in expected]
    for notice, (_, says) in zip(found, expected, strict=True):
        assert says in notice.detail
