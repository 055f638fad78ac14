"""What the docs show is run: commands against a real gateway, Python in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest
from fastapi.testclient import TestClient

from hubbub.client import AsyncClient
from hubbub.demo.gateway import Gateway, gateway
from hubbub.observe.metrics import CATALOGUE
from hubbub.settings import Settings, load

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BASE = "http://127.0.0.1:8080"

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def blocks(name: str, language: str) -> list[str]:
    found = FENCE.findall((ROOT / name).read_text(encoding="utf-8"))
    return [text for kind, text in found if kind == language]


def curls() -> list[str]:
    """Return the examples that fetch something and end: `-N` is for streams."""
    lines = [
        line
        for page in PAGES
        for text in blocks(str(page.relative_to(ROOT)), "sh")
        for line in text.replace("\\\n", " ").splitlines()
    ]
    return [line for line in lines if line.startswith("curl ") and " -N " not in line]


async def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end, which must be a good one; return what it said."""
    start = partial(
        subprocess.run, command, capture_output=True, text=True, timeout=50, check=False
    )
    done = await anyio.to_thread.run_sync(lambda: start(env=os.environ | dict(env or {})))
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with gateway(0, tmp_path) as found:
        yield found


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
async def test_curl_examples_get_what_they_ask_for(running: Gateway) -> None:
    async with AsyncClient(running.url) as client:
        told = await client.publish("orders/1", {"total": 1})
    assert len(curls()) >= 3
    for line in curls():
        here = line.replace(BASE, running.url).replace("k3f9x2ab-1", str(told.position))
        said = await run("sh", "-c", here.replace("curl ", "curl -sS --fail-with-body ", 1))
        assert "problems/" not in said, line


async def test_python_of_the_readme_runs(running: Gateway) -> None:
    client, application = blocks("README.md", "python")
    said = await run(sys.executable, "-c", client.replace(BASE, running.url))
    assert said.rstrip().endswith("orders/42 {'total': 12}")
    made: dict[str, object] = {}
    exec(compile(application, "README.md", "exec"), made)
    with TestClient(made["app"]) as browser:  # pyright: ignore[reportArgumentType]
        position = browser.post("/orders/42/pay").json()["position"]
        (event,) = browser.get("/hub/topics/orders/*").json()
    assert (event["position"], event["type"]) == (position, "shop.order.paid")


async def test_the_gateway_in_a_process_of_its_own_runs() -> None:
    (example,) = [text for text in blocks("docs/python.md", "python") if "async with Hub()" in text]
    assert "orders/42" in await run(sys.executable, "-c", example)


async def test_settings_of_the_docs_are_settings(tmp_path: Path) -> None:
    found = [text for page in PAGES for text in blocks(str(page.relative_to(ROOT)), "toml")]
    assert found
    for text in found:
        file = tmp_path / "hubbub.toml"
        file.write_text(text, encoding="utf-8")
        assert load(Settings, file=file).settings


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
async def test_javascript_of_the_docs_is_javascript(tmp_path: Path) -> None:
    found = [text for page in PAGES for text in blocks(str(page.relative_to(ROOT)), "js")]
    assert found
    for text in found:
        file = tmp_path / "example.mjs"
        file.write_text(text, encoding="utf-8")
        await run("node", "--check", str(file))


async def test_every_metric_of_the_docs_is_measured(running: Gateway) -> None:
    said = await run("curl", "-sS", f"{running.url}/metrics")
    missing = [m.name for m in CATALOGUE if f"# TYPE {m.name.removesuffix('_total')}" not in said]
    assert missing == []


async def test_openapi_lists_every_address_of_the_docs(running: Gateway) -> None:
    paths = json.loads(await run("curl", "-sS", f"{running.url}/openapi.json"))["paths"]
    text = (ROOT / "docs/http-api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(/[^`]*)`(?:, `(/[^`]*)`)? \|", text, re.MULTILINE)
    named = {
        re.sub(r"\{pattern\}", "{topic}", p.partition("?")[0]) for row in rows for p in row if p
    }
    assert named == set(paths)
