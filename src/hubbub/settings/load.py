"""Put the settings together: defaults < `hubbub.toml` < environment < flags, each key by itself.

Every value remembers where it came from. Whatever is wrong raises `Misconfigured` with one sentence
that names the file, variable or flag, the key, and the nearest one for a key that does not exist.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from hubbub.core.errors import Misconfigured
from hubbub.settings.schema import PREFIX, SEPARATOR, Key, Section, nearest, schema
from hubbub.settings.values import convert

FILE: Final = "hubbub.toml"
"""The settings file that is read from the working directory if none is named."""

DEFAULT: Final = "default"
"""Where a value comes from that nobody set."""

S = TypeVar("S", bound=msgspec.Struct)


class Given(msgspec.Struct, frozen=True):
    """A value as somebody wrote it."""

    value: Any
    origin: str
    """Who wrote it: `hubbub.toml`, `HUBBUB_SERVER__PORT`, `--port`."""
    is_text: bool = False


class Loaded(msgspec.Struct, Generic[S], frozen=True):
    """The effective settings and their origins."""

    settings: S
    origins: dict[str, str]
    """By path, such as `server.port`; every key is there."""

    @property
    def kind(self) -> type[S]:
        """The struct that was loaded."""
        return type(self.settings)

    def value(self, path: str) -> Any:
        """Return the effective value of a key."""
        value: Any = self.settings
        for name in path.split("."):
            value = getattr(value, name)
        return value


def load(
    kind: type[S],
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Loaded[S]:
    """Load settings of the struct `kind`. Raises `Misconfigured`.

    `flags` are values by path, such as `{"server.port": 8080}`; None means not given.
    """
    whole = schema(kind)
    given: dict[str, Given] = {}
    if file is not None:
        given |= _flatten(whole, read_file(file), str(file))
    given |= _from_environment(whole, environ or {})
    for path, value in (flags or {}).items():
        if value is not None:
            given[path] = Given(value, f"--{path.rpartition('.')[2].replace('_', '-')}")
    settings = cast("S", _build(whole, given))
    origins = {k.path: given[k.path].origin if k.path in given else DEFAULT for k in whole.walk()}
    return Loaded(settings, origins)


def find_file(named: str | None, folder: Path) -> Path | None:
    """Return the settings file: the named one, or `hubbub.toml` in `folder` if there is one."""
    if named is not None:
        return Path(named)
    found = folder / FILE
    return found if found.is_file() else None


def read_file(file: Path) -> dict[str, Any]:
    """Read a TOML file. Raises `Misconfigured` with the place of a mistake."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"cannot read the settings file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{file} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{file} is not valid TOML: {error}") from None


def _flatten(section: Section, table: Mapping[str, Any], origin: str) -> dict[str, Given]:
    """Return the values of a table by path. Raises `Misconfigured` for keys that are none."""
    found: dict[str, Given] = {}
    for name, value in table.items():
        path = f"{section.path}.{name}" if section.path else name
        match section.members.get(name):
            case Key():
                found[path] = Given(value, origin)
            case Section() as below if isinstance(value, dict):
                found |= _flatten(below, cast("dict[str, Any]", value), origin)
            case Section():
                raise Misconfigured(f"{origin}: {path} is a section: write [{path}] above its keys")
            case None:
                raise Misconfigured(f"{origin}: there is no setting {path}{_hint(section, path)}")
    return found


def _from_environment(whole: Section, environ: Mapping[str, str]) -> dict[str, Given]:
    keys = {key.environment: key for key in whole.walk()}
    found: dict[str, Given] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or SEPARATOR not in name.removeprefix(PREFIX):
            continue
        if (key := keys.get(name)) is None:
            raise Misconfigured(f"there is no setting {name}{nearest(name, keys)}")
        found[key.path] = Given(environ[name], name, is_text=True)
    return found


def _build(section: Section, given: Mapping[str, Given]) -> msgspec.Struct:
    values: dict[str, Any] = {}
    for name, member in section.members.items():
        if isinstance(member, Section):
            values[name] = _build(member, given)
        elif (one := given.get(member.path)) is not None:
            values[name] = _value(member, one)
        elif member.default is msgspec.NODEFAULT:
            raise Misconfigured(f"set {member.path}, or {member.environment} in the environment")
    try:
        return section.kind(**values)
    except ValueError as error:
        origins = ", ".join(dict.fromkeys(_origins(section, given)))
        raise Misconfigured(
            f"[{section.path}] {error}{f' ({origins})' if origins else ''}"
        ) from None


def _value(key: Key, given: Given) -> Any:
    try:
        return convert(given.value, key.type, text=given.is_text)
    except ValueError as error:
        names_key = given.is_text or given.origin.startswith("--")
        named = given.origin if names_key else f"{given.origin}: {key.path}"
        where = "" if str(error).startswith("[") else ": "  # a place inside: auth.keys[0]
        raise Misconfigured(f"{named}{where}{error}") from None


def _origins(section: Section, given: Mapping[str, Given]) -> Iterator[str]:
    for member in section.members.values():
        if isinstance(member, Key) and member.path in given:
            yield given[member.path].origin


def _hint(section: Section, path: str) -> str:
    if section.path:
        known = [key.path for key in section.walk()]
        return nearest(path, known) or f"; [{section.path}] has {', '.join(section.members)}"
    return nearest(path, section.members) or f"; the sections are {', '.join(section.members)}"
