"""Print effective settings as TOML with the origin of each beside it: what `hubbub config` shows.

Secrets are not printed, neither those that are marked so nor a password inside a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from hubbub.settings.load import Loaded
from hubbub.settings.schema import schema

HIDDEN: Final = "********"
"""What stands for a secret that is set."""

_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]+@")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def show(loaded: Loaded[Any]) -> Iterator[str]:
    """Yield the lines of a `hubbub.toml` that sets every key to its effective value."""
    for section in schema(loaded.kind).sections():
        if not section.own:
            continue
        yield f"[{section.path}]" if section.path else "# hubbub"
        lines: list[tuple[str, str]] = []
        for key in section.own:
            name = key.path.rpartition(".")[2]
            value = loaded.value(key.path)
            origin = loaded.origins[key.path]
            if value is None:
                lines.append((f"# {name} is not set", origin))
            elif key.secret and value:
                lines.append((f'{name} = "{HIDDEN}"', origin))
            else:
                lines.append((f"{name} = {toml(msgspec.to_builtins(value))}", origin))
        width = min(max(len(line) for line, _ in lines), 48)
        for line, origin in lines:
            yield f"{line:<{width}}  # {origin}"
        yield ""


def toml(value: Any) -> str:
    """Write a value as TOML on one line; None inside a structure is left out."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004
            return f"{value:.1f}"
        case int() | float():
            return str(value)
        case str():
            text = msgspec.json.encode(hide_password(value)).decode()
            return text.replace("\x7f", "\\u007f")
        case Mapping():
            members = cast("Mapping[str, Any]", value).items()
            inside = (f"{_name(k)} = {toml(v)}" for k, v in members if v is not None)
            return "{ " + ", ".join(inside) + " }" if members else "{}"
        case _:
            return f"[{', '.join(toml(one) for one in cast('Sequence[Any]', value))}]"


def hide_password(url: str) -> str:
    """Replace the password in a URL, if there is one."""
    return _PASSWORD.sub(rf"\1:{HIDDEN}@", url)


def _name(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else msgspec.json.encode(key).decode()
