"""The docs say what the code does: whatever a user can meet is in them, and what they show works."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest

import hubbub
from hubbub.client import errors as client_errors
from hubbub.core.errors import PROBLEMS, HubbubError
from hubbub.core.topic import check_pattern
from hubbub.observe.metrics import CATALOGUE
from hubbub.settings.schema import schema
from hubbub.web.server import refusals

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
URL = re.compile(r"(?:https?|wss?)://127\.0\.0\.1:8080[^\s'\"]*")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(path: Path, *languages: str) -> list[str]:
    found = FENCE.findall(path.read_text(encoding="utf-8"))
    return [text for language, text in found if language in languages]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def all_modules() -> None:
    for module in pkgutil.walk_packages(hubbub.__path__, "hubbub."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def below(kind: type[HubbubError]) -> Iterator[type[HubbubError]]:
    yield kind
    for sub in kind.__subclasses__():
        yield from below(sub)


def section(text: str, heading: str) -> str:
    """Return what stands under a heading of level two."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no section ## {heading}"
    return found[1]


# --- what a user can meet is described


def test_every_kind_of_problem_has_its_section_with_status_and_close_code() -> None:
    all_modules()
    text = text_of("docs/problems.md")
    kinds = {kind for kind in below(HubbubError) if kind.__module__.startswith("hubbub.")}
    for kind in kinds:
        described = section(text, kind.kind)
        only_raised = issubclass(kind, client_errors.ClientError) or kind.exit_code != 1
        if not only_raised and kind.kind not in ("corrupt", "error"):
            assert str(kind.status) in described, kind
            assert kind.kind == "gap" or str(kind.close_code) in described, kind


def test_every_refusal_of_the_server_itself_is_described() -> None:
    text = text_of("docs/problems.md")
    found = [value for value in vars(refusals).values() if isinstance(value, refusals.Refusal)]
    assert found
    for refusal in found:
        kind = msgspec.json.decode(refusal.body)["type"].removeprefix(PROBLEMS)
        assert str(refusal.status) in section(text, kind), (kind, refusal.status)


def test_every_setting_is_in_the_reference() -> None:
    from hubbub.settings import Settings

    text = text_of("docs/settings.md")
    for key in schema(Settings).walk():
        assert f"`{key.environment}`" in text, f"{key.path}: scripts/settings-doc writes the page"


def test_settings_that_other_pages_name_exist() -> None:
    from hubbub.settings import Settings

    whole = schema(Settings)
    sections = {member for member in whole.members if not member.startswith("_")}
    known = {key.path for key in whole.walk()} | {s.path for s in whole.sections()}
    for page in PAGES:
        for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", page.read_text(encoding="utf-8")):
            if name.split(".")[0] in sections:
                assert name in known, f"{page.name} names {name}"


def test_every_metric_is_in_operations() -> None:
    text = text_of("docs/operations.md")
    for metric in CATALOGUE:
        assert f"`{metric.name}`" in text
        for value in metric.values:
            assert f"`{value}`" in text, f"{metric.name}: {value}"


def test_every_command_and_option_is_described() -> None:
    text = text_of("docs/cli.md")
    of_all = {"--url", "--token", "--help"}  # said once, above the table
    for name, command in commands().items():
        row = re.search(rf"^\| `hubbub {name}[` ].*$", text, re.MULTILINE)
        assert row, name
        options = {name for one in command.params for name in one.opts if name.startswith("--")}
        for option in options - of_all:
            assert re.search(rf"{option}(?![\w-])", row[0]), (name, option)


def test_every_route_and_parameter_is_described() -> None:
    from hubbub import Hub
    from hubbub.web.routes import resources

    text = text_of("docs/http-api.md")
    for resource in resources(Hub()):
        path = resource.path.replace("{topic}", "")
        assert f"`{path}" in text, resource.path
        for operation in resource.operations:
            for parameter in operation.parameters:
                if parameter.where != "path":
                    assert f"`{parameter.name}" in text, f"{resource.path}: {parameter.name}"


# --- what is shown works


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_resolve(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if target.startswith(("http://", "https://")):
            assert urlsplit(target).hostname, target
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_python_examples_compile(page: Path) -> None:
    for text in blocks(page, "python"):
        compile(text, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_addresses_in_examples_name_topics_and_parameters_that_exist(page: Path) -> None:
    from hubbub import Hub
    from hubbub.web.routes import resources

    known = {p.name for r in resources(Hub()) for o in r.operations for p in o.parameters}
    for text in blocks(page, "sh", "js", "python", "text"):
        for url in URL.findall(text):
            parts = urlsplit(url)
            if parts.path.startswith("/topics/"):
                check_pattern(unquote(parts.path.removeprefix("/topics/")))
            for name, _ in parse_qsl(parts.query, strict_parsing=bool(parts.query)):
                assert name in known, url


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_in_examples_exist_with_their_options(page: Path) -> None:
    known = commands()
    for text in blocks(page, "sh"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if not words or Path(words[0]).name != "hubbub" or len(words) == 1:
                continue
            if words[1].startswith("-"):
                continue
            command = known.get(words[1]) or known.get(" ".join(words[1:3]))
            assert command is not None, line
            options = {name for option in command.params for name in option.opts}
            end = words.index("|") if "|" in words else len(words)
            for word in words[2:end]:
                assert not word.startswith("-") or word.partition("=")[0] in options, line


def commands() -> dict[str, Any]:
    """Return the commands of `hubbub` by name, those of a group with its name before theirs."""
    import typer

    from hubbub.cli.app import app

    def below(group: Any, before: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from below(command, f"{before}{name} ")
            else:
                yield before + name, command

    return dict(below(typer.main.get_command(app), ""))
