"""Random expressions: printed and parsed again, and evaluated in two independent ways."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.filters import cesql
from hubbub.core.filters.cesql import nodes
from hubbub.core.filters.cesql.nodes import (
    Arithmetic,
    Attribute,
    Call,
    Compare,
    Exists,
    In,
    Like,
    Literal,
    Logic,
    Negate,
    Node,
    Not,
)

INTEGERS = st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3)
TEXTS = st.lists(
    st.sampled_from(["a", "B", "'", '"', r"\%", r"\_", "%", "_", "1", "-", "true", "é", "\n"]),
    max_size=4,
).map("".join)
NAMES = st.sampled_from(["id", "type", "n", "flag", "number", "nosuch"])
EVENT = {"id": "1", "source": "/s", "type": "aB", "n": 7, "flag": True, "number": "-12"}

leaves = st.one_of(
    INTEGERS.map(Literal),
    TEXTS.map(Literal),
    st.booleans().map(Literal),
    NAMES.map(Attribute),
    NAMES.map(Exists),
)


def grow(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.one_of(
        inner.map(Not),
        inner.map(Negate),
        st.builds(Logic, st.sampled_from(["AND", "OR", "XOR"]), several),
        st.builds(Compare, st.sampled_from(["=", "!=", "<>", "<", "<=", ">", ">="]), inner, inner),
        st.builds(Arithmetic, st.sampled_from(["+", "-", "*", "/", "%"]), inner, inner),
        st.builds(Like, inner, TEXTS, st.booleans()),
        st.builds(In, inner, st.lists(inner, min_size=1, max_size=3).map(tuple), st.booleans()),
        st.builds(
            Call,
            st.sampled_from(["ABS", "INT", "LENGTH", "CONCAT", "LEFT", "NO_SUCH"]),
            st.lists(inner, max_size=3).map(tuple),
        ),
    )


trees = st.recursive(leaves, grow, max_leaves=20)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def printed(node: Node) -> str:  # noqa: PLR0911
    """Write a tree with brackets around every operand."""
    match node:
        case Literal(str() as text):
            return quoted(text)
        case Literal(value):
            return str(value)
        case Attribute(name):
            return name
        case Exists(name):
            return f"EXISTS {name}"
        case Not(operand):
            return f"NOT ({printed(operand)})"
        case Negate(operand):
            return f"-({printed(operand)})"
        case Logic(operator, operands):
            return f" {operator} ".join(f"({printed(operand)})" for operand in operands)
        case Compare(operator, left, right) | Arithmetic(operator, left, right):
            return f"({printed(left)}){operator}({printed(right)})"
        case Like(operand, pattern, negated):
            return f"({printed(operand)}) {'NOT ' * negated}LIKE {quoted(pattern)}"
        case In(operand, elements, negated):
            return (
                f"({printed(operand)}) {'NOT ' * negated}IN ({', '.join(map(printed, elements))})"
            )
        case Call(name, arguments):
            return f"{name}({', '.join(map(printed, arguments))})"


@given(trees)
def test_a_printed_tree_parses_to_itself(tree: Node):
    assert repr(cesql.parse(printed(tree))) == repr(tree)


class Failed(Exception):
    """The kind of the first error."""


def as_type(value: Any, kind: type) -> Any:
    """Cast by the table of section 3.7, without looking at the implementation."""
    if type(value) is kind:
        return value
    if kind is str:
        return {True: "true", False: "false"}[value] if type(value) is bool else f"{value:d}"
    if kind is bool:
        if type(value) is int:
            return value != 0
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise Failed("cast")
    if type(value) is bool:
        return 1 if value else 0
    if re.fullmatch("[-+]?[0-9]+", value) and abs(2 * int(value) + 1) < 2**32:
        return int(value)
    raise Failed("cast")


def naive(node: Node, event: dict[str, Any]) -> Any:  # noqa: PLR0911, PLR0912
    """Evaluate a tree the obvious way; LIKE and functions are tested elsewhere."""
    match node:
        case Literal(value):
            return value
        case Attribute(name):
            if name not in event:
                raise Failed("missingAttribute")
            return event[name]
        case Exists(name):
            return name in event
        case Not(operand):
            return not as_type(naive(operand, event), bool)
        case Negate(operand):
            return fit(-as_type(naive(operand, event), int))
        case Logic("XOR", operands):
            values = [naive(operand, event) for operand in operands]
            return [as_type(value, bool) for value in values].count(True) % 2 == 1
        case Logic(operator, operands):
            for operand in operands:
                value = as_type(naive(operand, event), bool)
                if value is (operator == "OR"):
                    return value
            return operator == "AND"
        case Compare("=" | "!=" | "<>" as operator, left, right):
            one, other = naive(left, event), naive(right, event)
            return (as_type(one, type(other)) == other) is (operator == "=")
        case Compare(operator, left, right) | Arithmetic(operator, left, right):
            one, other = naive(left, event), naive(right, event)
            return calculate(operator, as_type(one, int), as_type(other, int))
        case In(operand, elements, negated):
            value = naive(operand, event)
            for element in elements:
                if as_type(naive(element, event), type(value)) == value:
                    return not negated
            return negated
        case Like() | Call():
            raise AssertionError(node)


def calculate(operator: str, one: int, other: int) -> Any:
    if operator in "/%" and other == 0:
        raise Failed("math")
    if operator == "/":
        sign = 1 if one * other >= 0 else -1
        return fit(sign * (abs(one) // abs(other)))
    if operator == "%":
        return abs(one) % abs(other) * (-1 if one < 0 else 1)
    result = eval(f"({one}) {operator} ({other})")
    return result if type(result) is bool else fit(result)


def fit(number: int) -> int:
    if not -(2**31) <= number < 2**31:
        raise Failed("math")
    return number


@given(trees.filter(lambda tree: not any(isinstance(n, Like | Call) for n, _ in nodes.walk(tree))))
def test_evaluates_as_the_naive_interpreter_does(tree: Node):
    value, error = cesql.evaluate(printed(tree), EVENT)
    try:
        expected = naive(tree, EVENT)
    except Failed as failed:
        expected = failed
    if isinstance(expected, Failed):
        assert error is not None
        assert error.kind == str(expected)
    else:
        assert error is None
        assert value == expected
        assert type(value) is type(expected)


@given(trees)
def test_the_value_beside_an_error_has_the_type_of_the_expression(tree: Node):
    value, error = cesql.evaluate(printed(tree), EVENT)
    if error is not None:
        event = EVENT | {"nosuch": "1"}
        other, no_error = cesql.evaluate(printed(tree), event)
        if no_error is None and not isinstance(tree, Attribute):
            assert type(value) is type(other)


@given(
    st.lists(
        st.tuples(st.sampled_from(["AND", "OR", "XOR"]), st.booleans()), min_size=1, max_size=8
    ),
    st.booleans(),
)
def test_chains_of_logic_group_from_the_right(chain: list[tuple[str, bool]], first: bool):
    values = [first, *(value for _, value in chain)]
    expected = values.pop()
    for operator, _ in reversed(chain):
        left = values.pop()
        expected = {"AND": left and expected, "OR": left or expected, "XOR": left != expected}[
            operator
        ]
    text = str(first) + "".join(f" {operator} {value}" for operator, value in chain)
    assert cesql.evaluate(text, EVENT) == (expected, None)


@given(
    st.lists(st.tuples(st.sampled_from("+-*"), st.integers(-9, 9)), min_size=1, max_size=7),
    st.integers(-9, 9),
    st.booleans(),
)
def test_chains_of_arithmetic_are_those_of_school(
    chain: list[tuple[str, int]], first: int, spaced: bool
):
    space = " " * spaced
    text = str(first) + "".join(f"{space}{operator}{space}{value}" for operator, value in chain)
    assert cesql.evaluate(text, EVENT) == (eval(text), None)
