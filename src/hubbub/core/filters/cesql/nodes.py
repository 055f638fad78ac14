"""The syntax tree of a CESQL expression.

Nodes are plain frozen values. `position` is where the node's own token stands (its operator, its
name or its literal), in characters from 0; it takes no part in comparing or printing nodes.
Brackets leave no trace: the shape of the tree says the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

from hubbub.core.attributes import Value

LogicOperator = OneOf["AND", "OR", "XOR"]
CompareOperator = OneOf["=", "!=", "<>", "<", "<=", ">", ">="]
MathOperator = OneOf["+", "-", "*", "/", "%"]


@dataclass(frozen=True, slots=True)
class Literal:
    """`'text'`, `42`, `TRUE`."""

    value: Value
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A context attribute by its name, in lower case."""

    name: str
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Exists:
    """`EXISTS name`."""

    name: str
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """`NOT operand`."""

    operand: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Negate:
    """`-operand`."""

    operand: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Logic:
    """`a AND b AND c`: two or more operands of one operator, evaluated from the left."""

    operator: LogicOperator
    operands: tuple[Node, ...]
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`left = right` and the other comparisons."""

    operator: CompareOperator
    left: Node
    right: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left + right` and the other operations on integers."""

    operator: MathOperator
    left: Node
    right: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Like:
    """`operand [NOT] LIKE 'pattern'`."""

    operand: Node
    pattern: str
    negated: bool = False
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class In:
    """`operand [NOT] IN (element, ...)`, one element or more."""

    operand: Node
    elements: tuple[Node, ...]
    negated: bool = False
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`NAME(argument, ...)`, the name in upper case."""

    name: str
    arguments: tuple[Node, ...]
    position: int = field(default=0, compare=False, repr=False)


Node = Literal | Attribute | Exists | Not | Negate | Logic | Compare | Arithmetic | Like | In | Call


def walk(root: Node) -> Iterator[tuple[Node, int]]:
    """Yield every node with its depth, the root's being 1; works for trees of any depth."""
    stack = [(root, 1)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        stack.extend((child, depth + 1) for child in reversed(children(node)))


def children(node: Node) -> tuple[Node, ...]:
    """Return the operands of a node from left to right."""
    match node:
        case Literal() | Attribute() | Exists():
            return ()
        case Not() | Negate() | Like():
            return (node.operand,)
        case Compare() | Arithmetic():
            return (node.left, node.right)
        case Logic():
            return node.operands
        case In():
            return (node.operand, *node.elements)
        case Call():
            return node.arguments
