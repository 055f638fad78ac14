"""The error types every CESQL engine has (CESQL 1.0.0, section 3.3).

They stay inside this package: a filter that errs does not match, and an expression that cannot be
read becomes `InvalidFilter` at the door.
"""

from __future__ import annotations

from typing import ClassVar

from hubbub.core.attributes import Value


class CesqlError(Exception):
    """Base of the errors of the language; `position` counts characters from 0.

    `position` is that of the operator, function or attribute that failed. `value` is what the
    failed function returns beside its error, where the specification names something else than
    the zero value of its type.
    """

    kind: ClassVar[str] = "generic"

    def __init__(self, detail: str, position: int, value: Value | None = None) -> None:
        self.detail = detail
        self.position = position
        self.value = value

    def __str__(self) -> str:
        return f"at character {self.position}: {self.detail}"


class ParseError(CesqlError):
    """The text is no expression."""

    kind = "parse"


class MathError(CesqlError):
    """A division by zero, or a result that does not fit into 32 bits."""

    kind = "math"


class CastError(CesqlError):
    """A value cannot be read as the type that is needed."""

    kind = "cast"


class MissingAttribute(CesqlError):
    """The event does not have the attribute."""

    kind = "missingAttribute"


class MissingFunction(CesqlError):
    """No function has this name and takes this number of arguments."""

    kind = "missingFunction"


class FunctionEvaluation(CesqlError):
    """A function cannot work with these arguments."""

    kind = "functionEvaluation"


class LimitExceeded(CesqlError):
    """A text grew past its bound (a generic error, in the words of the specification)."""
