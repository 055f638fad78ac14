"""The house has rooms, and nobody goes through a neighbour's: docs/architecture.md, by its imports.

Imports are read from the source, so those inside functions and under TYPE_CHECKING count as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
FILES = sorted((SOURCE / "hubbub").rglob("*.py"))

NEIGHBOURS = {"log", "sources", "streams", "deliveries", "channels", "net", "observe", "websub"}
BELOW = {
    "core": set[str](),
    "webhooks": set[str](),
    "wire": {"core", "webhooks"},
    **{room: {"core", "wire"} for room in NEIGHBOURS},
    "settings": {"core"},
    "client": {"core", "wire"},
    "web": {"core", "wire"},
    "hub": {"core", "wire", "settings", "client", "web", "hub_websub"} | NEIGHBOURS,
    "hub_websub": {"core", "wire"} | NEIGHBOURS,  # a part of hub
    "": {"hub"},  # hubbub/__init__.py
}
ON_TOP = {"cli", "testing", "console", "demo", "__main__"}
COMPOSED = {"options"}
"""Modules of other rooms that settings may import: where the rooms' Options are."""


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    return [*module.split("."), ""][1]


def imports(path: Path, text: str | None = None) -> Iterator[tuple[int, str]]:
    """Give the line and full name of every hubbub module that a file imports."""
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(text or path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{origin}.{a.name}" if is_package(origin) else origin for a in node.names]
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "hubbub")


def is_package(module: str) -> bool:
    return (SOURCE.joinpath(*module.split(".")) / "__init__.py").exists()


def is_allowed(module: str, imported: str) -> bool:
    here, there = room_of(module), room_of(imported)
    if here in ON_TOP or here == there:
        return True
    if here == "settings" and COMPOSED & set(imported.split(".")):
        return True
    return there in BELOW[here]


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_rooms_import_only_what_is_below(path: Path) -> None:
    module = module_of(path)
    wrong = [f"line {n}: {name}" for n, name in imports(path) if not is_allowed(module, name)]
    assert not wrong, f"{module} may not import " + ", ".join(wrong)


EVERY_FORM = """
import hubbub.log
from hubbub.streams import index
from hubbub import hub
from ..web import app
from . import sibling
if TYPE_CHECKING:
    from hubbub.cli.serve import serve
def late():
    import os, hubbub.net.client
"""


def test_the_reader_of_imports_sees_every_form() -> None:
    found = [name for _, name in imports(SOURCE / "hubbub" / "core" / "made_up.py", EVERY_FORM)]
    assert found == [
        "hubbub.log",
        "hubbub.streams.index",
        "hubbub.hub",
        "hubbub.web.app",
        "hubbub.core.sibling",
        "hubbub.cli.serve",
        "hubbub.net.client",
    ]
    allowed = [name for name in found if is_allowed("hubbub.core.made_up", name)]
    assert allowed == ["hubbub.core.sibling"]
