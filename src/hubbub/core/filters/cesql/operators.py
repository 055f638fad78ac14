"""What expressions become: closures over the closures of their operands.

Each takes the attributes of an event and returns a value, or raises the first `CesqlError`, which
ends the evaluation (fail-fast mode, section 4.1). Operands are evaluated from left to right before
any is cast: a missing attribute is what is reported, whatever stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import ge, gt, le, lt
from typing import Final, NamedTuple

from hubbub.core.attributes import Value
from hubbub.core.filters.cesql.errors import CastError, MathError, MissingAttribute
from hubbub.core.filters.cesql.functions import Function
from hubbub.core.filters.cesql.like import Matcher
from hubbub.core.filters.cesql.values import INT_MAX, INT_MIN, Type, cast, to_bool, to_int, to_text
from hubbub.core.filters.predicate import Attributes, Predicate

Run = Callable[[Attributes], Value]


def constant(value: Value) -> Run:
    """Return always the same value."""
    return lambda _attributes: value


def attribute(name: str, at: int) -> Run:
    """Return an attribute of the event."""
    missing = _missing(name, at)

    def run(attributes: Attributes) -> Value:
        value = attributes.get(name)
        if value is None:
            raise missing()
        return value

    return run


def exists(name: str) -> Predicate:
    """Tell whether the event has an attribute."""
    return lambda attributes: name in attributes


def boolean(operand: Run, at: int) -> Predicate:
    """Cast the operand to Boolean."""

    def run(attributes: Attributes) -> bool:
        value = operand(attributes)
        return value if type(value) is bool else to_bool(value, at)

    return run


def exclusive(operands: Sequence[Run], at: int) -> Predicate:
    """XOR: whether an odd number of operands is true."""

    def run(attributes: Attributes) -> bool:
        values = [operand(attributes) for operand in operands]
        return sum(to_bool(value, at) for value in values) % 2 == 1

    return run


def equality(left: Run, right: Run, at: int) -> Predicate:
    """`=`: the left operand is cast to the type of the right one."""

    def run(attributes: Attributes) -> bool:
        one, other = left(attributes), right(attributes)
        if type(one) is not type(other):
            one = cast(one, type(other), at)
        return one == other

    return run


class Named(NamedTuple):
    """An attribute as an operand, where reading it in place saves a call."""

    name: str
    position: int


def attribute_equality(operand: Named, value: Value, at: int) -> Predicate:
    """`=` between an attribute and a constant, which is what most filters are."""
    name, wanted = operand.name, type(value)
    missing = _missing(name, operand.position)

    def run(attributes: Attributes) -> bool:
        found = attributes.get(name)
        if type(found) is wanted:
            return found == value
        if found is None:
            raise missing()
        return cast(found, wanted, at) == value

    return run


_ORDER: Final[dict[str, Callable[[int, int], bool]]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def order(operator: str, left: Run, right: Run, at: int) -> Predicate:
    """`<`, `<=`, `>`, `>=`: both operands are Integers."""
    compare = _ORDER[operator]

    def run(attributes: Attributes) -> bool:
        one, other = left(attributes), right(attributes)
        return compare(
            one if type(one) is int else to_int(one, at),
            other if type(other) is int else to_int(other, at),
        )

    return run


def arithmetic(operator: str, left: Run, right: Run, at: int) -> Run:
    """`+ - * / %` on Integers of 32 bits; a result that does not fit is a `MathError`.

    The specification is silent about overflow except for ABS, where it is an error; a filter that
    silently compares a wrapped number would be worse than one that does not match.
    """
    apply = _MATH[operator]

    def run(attributes: Attributes) -> int:
        one, other = left(attributes), right(attributes)
        one = one if type(one) is int else to_int(one, at)
        other = other if type(other) is int else to_int(other, at)
        if other == 0 and operator in "/%":
            raise MathError("division by zero", at)
        return _fitting(apply(one, other), at)

    return run


def minus(operand: Run, at: int) -> Run:
    """Change the sign of an Integer."""

    def run(attributes: Attributes) -> int:
        value = operand(attributes)
        return _fitting(-(value if type(value) is int else to_int(value, at)), at)

    return run


def like(operand: Run, matches: Matcher) -> Predicate:
    """LIKE, on the text of the operand."""

    def run(attributes: Attributes) -> bool:
        value = operand(attributes)
        return matches(value if type(value) is str else to_text(value))

    return run


def attribute_like(operand: Named, matches: Matcher) -> Predicate:
    """LIKE on an attribute, in one call."""
    name = operand.name
    missing = _missing(name, operand.position)

    def run(attributes: Attributes) -> bool:
        value = attributes.get(name)
        if type(value) is str:
            return matches(value)
        if value is None:
            raise missing()
        return matches(to_text(value))

    return run


def membership(operand: Run, elements: Sequence[Run], at: int) -> Predicate:
    """IN: each element in turn is cast to the type of the operand and compared with it."""

    def run(attributes: Attributes) -> bool:
        value = operand(attributes)
        for element in elements:
            other = element(attributes)
            if type(other) is not type(value):
                other = cast(other, type(value), at)
            if other == value:
                return True
        return False

    return run


def constant_membership(operand: Run, elements: Sequence[Value], at: int) -> Predicate:
    """IN with constants only: one look into a set that was made for the type of the operand."""
    types: tuple[Type, ...] = (str, int, bool)
    sets = {target: _cast_all(elements, target, at) for target in types}

    def run(attributes: Attributes) -> bool:
        value = operand(attributes)
        members, failure = sets[type(value)]
        if value in members:
            return True
        if failure is not None:
            raise CastError(failure.detail, at)
        return False

    return run


def call(function: Function, arguments: Sequence[Run], at: int) -> Run:
    """Call a function with its arguments cast to the types of its parameters."""
    types = [function.parameter(index) for index in range(len(arguments))]
    body = function.call
    if len(arguments) == 1:
        [argument], [target] = arguments, types

        def run_unary(attributes: Attributes) -> Value:
            value = argument(attributes)
            if target is not None and type(value) is not target:
                value = cast(value, target, at)
            return body(at, value)

        return run_unary

    def run(attributes: Attributes) -> Value:
        values = [argument(attributes) for argument in arguments]
        for index, target in enumerate(types):
            if target is not None and type(values[index]) is not target:
                values[index] = cast(values[index], target, at)
        return body(at, *values)

    return run


def _cast_all(
    elements: Sequence[Value], target: Type, at: int
) -> tuple[frozenset[Value], CastError | None]:
    """Cast until one fails: what comes after it is never reached by a lookup from the left."""
    members: set[Value] = set()
    for element in elements:
        try:
            members.add(cast(element, target, at))
        except CastError as failure:
            return frozenset(members), failure
    return frozenset(members), None


def _divide(one: int, other: int) -> int:
    quotient = abs(one) // abs(other)
    return quotient if (one < 0) == (other < 0) else -quotient


def _remainder(one: int, other: int) -> int:
    return one - other * _divide(one, other)


_MATH: Final[dict[str, Callable[[int, int], int]]] = {
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
    "/": _divide,
    "%": _remainder,
}


def _fitting(result: int, at: int) -> int:
    if INT_MIN <= result <= INT_MAX:
        return result
    raise MathError(f"{result} has no 32 bits", at)


def _missing(name: str, at: int) -> Callable[[], MissingAttribute]:
    """Prepare the most frequent of all errors: filters on extensions that few events have."""
    return partial(MissingAttribute, f"the event has no attribute {name}", at)
