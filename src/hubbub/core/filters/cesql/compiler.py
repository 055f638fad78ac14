"""Syntax tree to closures, with types and constants worked out beforehand.

Whatever has only constants below it is computed once, here. A constant part that fails (such as
`1 / 0`) is left to fail when it is reached, because `FALSE AND 1 / 0 = 1` is a good expression;
it is remembered as a fault, so that its author can be told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

from hubbub.core.attributes import REQUIRED, Value
from hubbub.core.filters.cesql import functions, operators
from hubbub.core.filters.cesql.errors import CesqlError, MissingFunction
from hubbub.core.filters.cesql.like import compile_like
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
from hubbub.core.filters.cesql.operators import Run
from hubbub.core.filters.cesql.values import Type
from hubbub.core.filters.predicate import Predicate, either, every, opposite


class Program(NamedTuple):
    """A compiled expression: what runs, and the type of its value if that is known beforehand."""

    run: Run
    type: Type | None
    constant: Value | None = None
    """The value, if it is always the same."""


def compile_node(node: Node) -> tuple[Program, list[CesqlError]]:
    """Compile a tree as deep as `parse` allows; also tell which constant parts always fail."""
    compiler = _Compiler()
    return compiler.program(node), compiler.faults


class _Compiler:
    def __init__(self) -> None:
        self.faults: list[CesqlError] = []

    def program(self, node: Node) -> Program:  # noqa: PLR0911
        match node:
            case Literal() | Attribute() | Exists():
                return _leaf(node)
            case Not() | Negate():
                return self._unary(node)
            case Logic():
                return self._logic(node)
            case Compare():
                return self._compare(node)
            case Arithmetic():
                return self._arithmetic(node)
            case Like():
                return self._like(node)
            case In():
                return self._in(node)
            case Call():
                return self._call(node)

    def _unary(self, node: Not | Negate) -> Program:
        operand = self.program(node.operand)
        if isinstance(node, Not):
            return self._fold(opposite(_boolean(operand, node.position)), bool, [operand])
        return self._fold(operators.minus(operand.run, node.position), int, [operand])

    def _logic(self, node: Logic) -> Program:
        operands = [self.program(operand) for operand in node.operands]
        if node.operator == "XOR":
            run = operators.exclusive([operand.run for operand in operands], node.position)
            return self._fold(run, bool, operands)
        combine = every if node.operator == "AND" else either
        run = combine([_boolean(operand, node.position) for operand in operands])
        return self._fold(run, bool, operands)

    def _compare(self, node: Compare) -> Program:
        left, right = self.program(node.left), self.program(node.right)
        if node.operator in _ORDERS:
            run = operators.order(node.operator, left.run, right.run, node.position)
        elif isinstance(node.left, Attribute) and right.constant is not None:
            attribute = operators.Named(node.left.name, node.left.position)
            run = operators.attribute_equality(attribute, right.constant, node.position)
        else:
            run = operators.equality(left.run, right.run, node.position)
        if node.operator in ("!=", "<>"):
            run = opposite(run)
        return self._fold(run, bool, [left, right])

    def _arithmetic(self, node: Arithmetic) -> Program:
        left, right = self.program(node.left), self.program(node.right)
        run = operators.arithmetic(node.operator, left.run, right.run, node.position)
        return self._fold(run, int, [left, right])

    def _like(self, node: Like) -> Program:
        operand = self.program(node.operand)
        matches = compile_like(node.pattern)
        if isinstance(node.operand, Attribute):
            attribute = operators.Named(node.operand.name, node.operand.position)
            run = operators.attribute_like(attribute, matches)
        else:
            run = operators.like(operand.run, matches)
        return self._fold(opposite(run) if node.negated else run, bool, [operand])

    def _in(self, node: In) -> Program:
        operand = self.program(node.operand)
        elements = [self.program(element) for element in node.elements]
        constants = [e.constant for e in elements if e.constant is not None]
        if len(constants) == len(elements):
            run = operators.constant_membership(operand.run, constants, node.position)
        else:
            run = operators.membership(operand.run, [e.run for e in elements], node.position)
        return self._fold(opposite(run) if node.negated else run, bool, [operand, *elements])

    def _call(self, node: Call) -> Program:
        function = functions.find(node.name, len(node.arguments))
        if function is None:
            return Program(_missing(node), bool)
        arguments = [self.program(argument) for argument in node.arguments]
        run = operators.call(function, [argument.run for argument in arguments], node.position)
        return self._fold(run, function.returns, arguments)

    def _fold(self, run: Run, kind: Type, operands: Sequence[Program]) -> Program:
        if any(operand.constant is None for operand in operands):
            return Program(run, kind)
        try:
            return _constant(run({}))
        except CesqlError as fault:
            self.faults.append(fault)
            return Program(run, kind)


_ORDERS: Final = ("<", "<=", ">", ">=")


def _leaf(node: Literal | Attribute | Exists) -> Program:
    match node:
        case Literal():
            return _constant(node.value)
        case Attribute():
            return Program(operators.attribute(node.name, node.position), None)
        case Exists() if node.name in REQUIRED:
            return _constant(True)  # every event here is a valid one (section 3.4.4)
        case Exists():
            return Program(operators.exists(node.name), bool)


def _constant(value: Value) -> Program:
    return Program(operators.constant(value), type(value), value)


def _boolean(operand: Program, at: int) -> Predicate:
    if operand.type is bool:
        return cast("Predicate", operand.run)
    return operators.boolean(operand.run, at)


def _missing(node: Call) -> Callable[..., Value]:
    detail = functions.explain_missing(node.name, len(node.arguments))

    def run(_attributes: object) -> Value:
        raise MissingFunction(detail, node.position)

    return run
