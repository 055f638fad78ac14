"""The providers that hubbub knows: providers.toml, read once.

A table is a provider; `aliases` names others that do exactly the same.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import msgspec

from hubbub.sources.webhook.scheme import AnyScheme


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, AnyScheme]:
    """Return the schemes by the name of their provider."""
    text = files("hubbub.sources.webhook").joinpath("providers.toml").read_text(encoding="utf-8")
    found: dict[str, AnyScheme] = {}
    for name, table in tomllib.loads(text).items():
        for alias in (name, *table.pop("aliases", ())):
            found[alias] = _scheme(alias, table)
    return MappingProxyType(found)


def _scheme(name: str, table: dict[str, Any]) -> AnyScheme:
    return msgspec.convert(table | {"name": name}, AnyScheme)
