"""What users import and type: the names in `__all__`, and the command line's help."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

PUBLIC = ("hubbub", "hubbub.cli", "hubbub.client", "hubbub.testing.log")
COMMANDS = (
    *("serve", "publish", "listen", "forward", "subscribe", "subscriptions", "attempts", "replay"),
    *("sources", "token", "doctor", "config", "bench"),
)


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_sorted_and_leads_somewhere(name: str) -> None:
    module = importlib.import_module(name)
    exported = module.__all__
    assert list(exported) == sorted(exported, key=lambda n: (not n.isupper(), n[0].islower(), n))
    assert [name for name in exported if not hasattr(module, name)] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_complete(name: str) -> None:
    """Whatever a public package shows without an underscore is exported on purpose."""
    module = importlib.import_module(name)
    shown = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", "").startswith("hubbub")
    }
    assert shown == {key for key in module.__all__ if not key.startswith("_")} & shown
    assert shown <= set(module.__all__)


def test_what_the_readme_imports_is_there() -> None:
    from hubbub import Hub
    from hubbub.client import AsyncClient, Client

    assert {Hub.__name__, Client.__name__, AsyncClient.__name__} == {"Hub", "Client", "AsyncClient"}


def test_importing_the_hub_does_not_import_what_only_a_server_or_terminal_needs() -> None:
    script = "import sys, hubbub.client; print([m for m in ('typer', 'rich', 'uvicorn', 'apsw') if m in sys.modules])"
    assert run(sys.executable, "-c", script).stdout.strip() == "[]"


def test_help_names_every_command() -> None:
    shown = hubbub("--help")
    assert shown.returncode == 0
    assert [name for name in COMMANDS if name not in shown.stdout] == []


def test_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert hubbub("--version").stdout.strip() == f"hubbub {version('hubbub')}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    shown = hubbub(command, "--help")
    assert shown.returncode == 0
    assert f"hubbub {command}" in shown.stdout or f"{command} " in shown.stdout


def test_an_unknown_command_is_wrong_usage() -> None:
    refused = hubbub("fly")
    assert refused.returncode == 2
    assert "fly" in refused.stderr


def hubbub(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-c", "from hubbub.cli import main; main()", *arguments)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
