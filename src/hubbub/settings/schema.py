"""The keys there are, read off the rooms' `Options` structs: nothing is written down twice.

A field whose type is a struct is a section of its own; every other field is a key, `section.name`,
set as `section.name` in `hubbub.toml` and as `HUBBUB_SECTION__NAME` in the environment.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

import msgspec
from msgspec import inspect

PREFIX: Final = "HUBBUB_"
"""Start of every environment variable of hubbub."""

SEPARATOR: Final = "__"
"""Between the parts of a key in the environment. A name without it is none of our keys: Kubernetes
sets HUBBUB_PORT and the like by itself for a service called hubbub."""


class Key(msgspec.Struct, frozen=True):
    """One setting."""

    path: str
    """Its name with its section: `server.port`."""
    type: Any
    """The annotation."""
    field: msgspec.structs.FieldInfo
    owner: type[msgspec.Struct]
    """The struct that it is a field of."""

    @property
    def info(self) -> inspect.Type:
        """The annotation as msgspec reads it."""
        return inspect.type_info(self.type)

    @property
    def environment(self) -> str:
        """Its name in the environment: `HUBBUB_SERVER__PORT`."""
        return PREFIX + self.path.upper().replace(".", SEPARATOR)

    @property
    def secret(self) -> bool:
        """Whether its value is never shown."""
        info = self.info
        extra = cast("Any", info).extra if isinstance(info, inspect.Metadata) else None
        return bool(extra and extra.get("secret"))

    @property
    def default(self) -> Any:
        """The value where nobody sets one; `msgspec.NODEFAULT` for a key that must be set."""
        if self.field.default_factory is not msgspec.NODEFAULT:
            return self.field.default_factory()
        return self.field.default


class Section(msgspec.Struct, frozen=True):
    """One struct and what is in it."""

    path: str
    """Empty for the whole."""
    kind: type[msgspec.Struct]
    members: dict[str, Key | Section]

    @property
    def own(self) -> list[Key]:
        """The keys of this very section."""
        return [member for member in self.members.values() if isinstance(member, Key)]

    def walk(self) -> Iterator[Key]:
        """Walk all keys, those of the sections below included."""
        for section in self.sections():
            yield from section.own

    def sections(self) -> Iterator[Section]:
        """Walk this section and those below it."""
        yield self
        for member in self.members.values():
            if isinstance(member, Section):
                yield from member.sections()


def schema(kind: type[msgspec.Struct], path: str = "") -> Section:
    """Read the keys of a struct and of the structs in it."""
    members: dict[str, Key | Section] = {}
    for field in msgspec.structs.fields(kind):
        place = f"{path}.{field.name}" if path else field.name
        annotation: Any = field.type
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
            members[field.name] = schema(annotation, place)
        else:
            members[field.name] = Key(place, annotation, field, kind)
    return Section(path, kind, members)


def nearest(unknown: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?`, or an empty text where nothing is near."""
    found = difflib.get_close_matches(unknown, list(known), 1)
    return f"; did you mean {found[0]}?" if found else ""


def bare(info: inspect.Type) -> inspect.Type:
    """Return a type without what is noted beside it."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    return info
