"""Write the settings reference from the structs themselves: docs/settings.md.

A key's meaning is the docstring under its field, so a setting cannot exist without a sentence: one
that does raises `LookupError` here, and a test runs this.
"""

from __future__ import annotations

import ast
import functools
import inspect as python
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

from hubbub.settings.schema import Key, Section, bare, schema
from hubbub.settings.show import toml
from hubbub.settings.values import LISTS

_INTRODUCTION = """\
# Settings

Every setting has a default; none has to be set. Later ones win: defaults, then `hubbub.toml` in the
working directory (or `--config FILE`), then the environment, then flags. A key that does not exist is
an error that names the nearest one. `hubbub config` prints the effective settings and where each
comes from.

`section.key` is `HUBBUB_SECTION__KEY` in the environment. There a list is written `a, b, c` or as
JSON, a structure as JSON, and an empty value unsets what may be unset. Times are numbers of seconds,
or texts such as `250ms`, `90s`, `15m`, `24h`, `7d`. Sizes are bytes.
"""

_NAMES: Final[Mapping[type[inspect.Type], str]] = {
    inspect.BoolType: "true or false",
    inspect.IntType: "whole number",
    inspect.FloatType: "number",
    inspect.StrType: "text",
}
_PLURALS: Final = {
    "text": "texts",
    "whole number": "whole numbers",
    "number": "numbers",
    "table": "tables",
}


def reference(kind: type[msgspec.Struct]) -> str:
    """Return the reference of all settings in `kind` as Markdown."""
    sections = [section for section in schema(kind).sections() if section.own]
    return "\n".join([_INTRODUCTION, *("\n".join(_section(one)) for one in sections)])


def sentence(owner: type[msgspec.Struct], name: str) -> str:
    """Return the docstring of a field. Raises `LookupError` if there is none."""
    for kind in owner.__mro__:
        if name in (found := field_docs(kind)):
            return found[name]
    raise LookupError(f"{owner.__name__}.{name} has no docstring")


@functools.cache
def field_docs(kind: type) -> dict[str, str]:
    """Return the docstrings under the fields of a class, on one line each."""
    if not issubclass(kind, msgspec.Struct) or kind is msgspec.Struct:
        return {}
    (defined,) = ast.parse(textwrap.dedent(python.getsource(kind))).body
    assert isinstance(defined, ast.ClassDef)
    found: dict[str, str] = {}
    for field, after in zip(defined.body, defined.body[1:], strict=False):
        match field, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                found[name] = " ".join(text.split())
            case _:
                pass
    return found


def described(info: inspect.Type) -> str:
    """Name a type for people."""
    kind = bare(info)
    if (name := _NAMES.get(type(kind))) is not None:
        return name
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, LISTS):
        items = described(kind.item_type)
        return f"list of {_PLURALS.get(items, items)}"
    if isinstance(kind, inspect.UnionType):
        kinds = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return " or ".join(described(one) for one in kinds)
    return "table"


def _section(section: Section) -> Iterator[str]:
    yield f"## `[{section.path}]`"
    yield ""
    yield _paragraphs(section.kind)
    yield ""
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    nested: list[tuple[Key, type[msgspec.Struct]]] = []
    for key in section.own:
        text = _cell(sentence(key.owner, key.field.name))
        name = key.path.rpartition(".")[2]
        shown = f"`{name}`<br>`{key.environment}`"
        yield f"| {shown} | {described(key.info)} | {_default(key.default)} | {text} |"
        nested += [(key, kind) for kind in _structs(key.info)]
    for key, kind in nested:
        yield ""
        yield from _entries(key, kind)
    yield ""


def _entries(key: Key, kind: type[msgspec.Struct]) -> Iterator[str]:
    yield f"`{key.path}`: {_paragraphs(kind)}"
    yield ""
    yield "| member | type | default | meaning |"
    yield "|---|---|---|---|"
    for field in msgspec.structs.fields(kind):
        info = inspect.type_info(field.type)
        try:
            text = sentence(kind, field.name)
        except LookupError:
            text = ""
        yield f"| `{field.name}` | {described(info)} | {_default(field.default)} | {_cell(text)} |"


def _structs(info: inspect.Type) -> list[type[msgspec.Struct]]:
    """Return the structs that a value is made of, one level deep."""
    kind = bare(info)
    if isinstance(kind, inspect.StructType):
        return [kind.cls]
    if isinstance(kind, LISTS):
        return _structs(kind.item_type)
    if isinstance(kind, inspect.UnionType):
        return [found for one in kind.types for found in _structs(one)]
    return []


def _paragraphs(kind: type) -> str:
    return python.cleandoc(kind.__doc__ or "").strip()


def _default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return "must be set"
    if value is None:
        return "unset"
    text = toml(msgspec.to_builtins(value))
    return "empty" if text in ('""', "[]", "{}") else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
