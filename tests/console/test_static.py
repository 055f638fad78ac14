"""The page at `/` keeps to its rules: own files only, and payloads never become markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

STATIC = Path(str(files("hubbub.console").joinpath("static")))
SCRIPTS = sorted(STATIC.glob("*.js"))

MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser"
    r"|\beval\(|new Function|setAttribute\(\s*[\"'](?:on|style|src|href)"
)
MAX_LINES = 250


class Page(HTMLParser):
    """Collects what index.html refers to and every id and inline script or style in it."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.labelled: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.references += [v for k in ("src", "href") if (v := given.get(k)) is not None]
        if (name := given.get("id")) is not None:
            self.ids.append(name)
        self.inline += [k for k in given if k == "style" or k.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        for key in ("aria-labelledby", "aria-describedby", "data-copy"):
            self.labelled += (given.get(key) or "").split()


@pytest.fixture(scope="module")
def page() -> Page:
    found = Page()
    found.feed((STATIC / "index.html").read_text(encoding="utf-8"))
    return found


def test_everything_the_page_loads_is_shipped_and_relative(page: Page) -> None:
    assets = [r for r in page.references if r.startswith("console/")]
    assert {"console/app.js", "console/style.css"} <= set(assets)
    for name in assets:
        assert (STATIC / name.removeprefix("console/")).is_file(), name
    assert not [r for r in page.references if "//" in r or r.startswith("/")]


def test_nothing_is_inline_as_the_content_security_policy_demands(page: Page) -> None:
    assert page.inline == []


def test_ids_are_unique_and_every_one_that_is_named_exists(page: Page) -> None:
    assert len(set(page.ids)) == len(page.ids)
    app = (STATIC / "app.js").read_text(encoding="utf-8")
    used = set(re.findall(r'byId\("([^"]+)"\)', app)) | set(page.labelled)
    assert used <= set(page.ids)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_make_text_nodes_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not MARKUP.findall(text)
    assert len(text.splitlines()) <= MAX_LINES
    for name in re.findall(r'from "([^"]+)"', text):
        assert name.startswith("./"), "modules are our own files"
        assert (STATIC / name).is_file()


def test_styles_load_nothing_from_elsewhere() -> None:
    text = (STATIC / "style.css").read_text(encoding="utf-8")
    assert "url(" not in text
    assert "@import" not in text


def test_land_is_rings_of_places_on_earth() -> None:
    land = json.loads((STATIC / "land.json").read_text(encoding="utf-8"))
    assert len(land) > 100
    for ring in land:
        assert len(ring) >= 6
        assert len(ring) % 2 == 0
        assert all(-1800 <= x <= 1800 for x in ring[::2])
        assert all(-900 <= y <= 900 for y in ring[1::2])
