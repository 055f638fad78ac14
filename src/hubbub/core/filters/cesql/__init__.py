"""CloudEvents SQL (CESQL) 1.0.0: a small total language over the context attributes of an event.

    parse     text -> syntax tree              `ParseError`
    compile   syntax tree -> closure           raises the first `CesqlError` of an evaluation
    evaluate  text, event -> value and error   what the conformance kit of the language asks for
    warnings  text -> what its author should be told

Where the specification leaves a choice: evaluation is fail-fast; AND, OR and XOR are one level
that groups from the right, as in the grammar; `5-3` is a subtraction; a doubled quote is a quote;
integer overflow is a math error; `NOT 10` casts 10 to true (section 3.7) and gives false.
"""

from __future__ import annotations

from hubbub.core.attributes import Value
from hubbub.core.filters.cesql.compiler import compile_node
from hubbub.core.filters.cesql.errors import (
    CastError,
    CesqlError,
    FunctionEvaluation,
    LimitExceeded,
    MathError,
    MissingAttribute,
    MissingFunction,
    ParseError,
)
from hubbub.core.filters.cesql.nodes import Node, walk
from hubbub.core.filters.cesql.operators import Run
from hubbub.core.filters.cesql.parser import Notice, parse, parse_noting
from hubbub.core.filters.cesql.values import NAMES, ZERO
from hubbub.core.filters.predicate import Attributes

__all__ = [
    "CastError",
    "CesqlError",
    "FunctionEvaluation",
    "LimitExceeded",
    "MathError",
    "MissingAttribute",
    "MissingFunction",
    "Node",
    "Notice",
    "ParseError",
    "Run",
    "compile",
    "evaluate",
    "parse",
    "walk",
    "warnings",
]


def compile(node: Node) -> Run:  # noqa: A001
    """Return what evaluates a tree that `parse` gave: `run(attributes) -> value`.

    `run` raises the first `CesqlError` of an evaluation, a call of an unknown function included.
    """
    program, _ = compile_node(node)
    return program.run


def evaluate(text: str, attributes: Attributes) -> tuple[Value, CesqlError | None]:
    """Return the value and the first error, if any. Never raises.

    With an error the value is what the failed function itself defines, if it is the outermost
    part of the expression, and else the zero value of the expression's type (sections 3.3, 4.1);
    a type that cannot be known is Boolean (section 3.2).
    """
    try:
        node = parse(text)
    except ParseError as error:
        return False, error
    program, _ = compile_node(node)
    try:
        return program.run(attributes), None
    except CesqlError as error:
        if error.value is not None and error.position == node.position:
            return error.value, error
        return ZERO[program.type or bool], error


def warnings(text: str) -> list[Notice]:
    """Tell what is valid and probably not meant, from left to right. Raises `ParseError`.

    AND, OR and XOR mixed without brackets; NOT in front of a comparison; constant parts that
    always fail; a whole that is never Boolean and hence never matches as a filter.
    """
    node, notices = parse_noting(text)
    program, faults = compile_node(node)
    notices += [Notice(fault.position, f"this always fails: {fault.detail}") for fault in faults]
    if program.type not in (bool, None):
        kind = NAMES[program.type]
        notices.append(Notice(node.position, f"the whole gives a value of type {kind}, never TRUE"))
    return sorted(notices)
