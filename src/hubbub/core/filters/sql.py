"""The `sql` dialect: a CESQL expression as a filter.

An event matches if the expression gives the Boolean true and no error (CESQL 1.0.0, section 1.2).
"""

from __future__ import annotations

from hubbub.core.attributes import check_name
from hubbub.core.errors import InvalidEvent, InvalidFilter
from hubbub.core.filters import cesql
from hubbub.core.filters.cesql.functions import explain_missing, find
from hubbub.core.filters.cesql.nodes import Attribute, Call, Exists, Node, walk
from hubbub.core.filters.predicate import Attributes, Predicate


def compile_sql(expression: str, *, pointer: str = "") -> Predicate:
    """Return a predicate for an expression; bounds are those of `cesql.parser`.

    Beyond the grammar, names that no event and no function can have are refused here rather than
    failing for every event. Raises `InvalidFilter` with the place; nothing else.
    """
    try:
        node = cesql.parse(expression)
        _check_names(node)
        run = cesql.compile(node)
    except cesql.CesqlError as error:
        raise InvalidFilter(str(error), pointer=pointer, position=error.position) from None

    def matches(attributes: Attributes) -> bool:
        try:
            return run(attributes) is True
        except cesql.CesqlError:
            return False

    return matches


def _check_names(root: Node) -> None:
    for node, _ in walk(root):
        match node:
            case Attribute() | Exists():
                _check_attribute(node)
            case Call() if find(node.name, len(node.arguments)) is None:
                detail = explain_missing(node.name, len(node.arguments))
                raise cesql.MissingFunction(detail, node.position)
            case _:
                pass


def _check_attribute(node: Attribute | Exists) -> None:
    if node.name == "data":
        raise cesql.MissingAttribute(
            "a filter sees the context attributes of an event, not its data", node.position
        )
    try:
        check_name(node.name)
    except InvalidEvent as error:
        raise cesql.MissingAttribute(error.detail, node.position) from None
