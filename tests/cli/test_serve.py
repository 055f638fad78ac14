"""`hubbub serve` as a process: what it says, what it keeps, how it ends, what it refuses."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from importlib.metadata import version
from pathlib import Path

import pytest

from serving import run, serving, spawn

pytestmark = pytest.mark.slow


def get(url: str) -> object:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def test_it_says_where_it_is_what_it_keeps_and_who_may_come(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as server:
        first, store, access, listen, publish = server.greeting
        assert first == f"hubbub {version('hubbub')} on {server.url}/"
        assert store.split() == ["store", "sqlite:data/hubbub.db,", "0", "events"]
        assert "open to everybody" in access
        assert f"curl -N {server.url}/topics/hello" in listen
        assert f"curl {server.url}/topics/hello --json" in publish
        assert get(f"{server.url}/health/live") == {"status": "alive"}
    assert (tmp_path / "data" / "hubbub.db").exists()
    lines = [json.loads(line) for line in (tmp_path / "stderr").read_text().splitlines()]
    assert {line["level"] for line in lines} <= {"info"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_events_outlive_it_and_it_ends_with_0(tmp_path: Path, number: int) -> None:
    where = ("--data", str(tmp_path / "kept here"))
    with serving(*where, cwd=tmp_path) as server:
        assert server.run("publish", "orders/42", '{"a": 1}').code == 0
        assert server.stop(number) == 0
    with serving(*where, cwd=tmp_path) as server:
        assert server.greeting[1].endswith("1 events")


def test_settings_come_from_file_environment_and_flags(tmp_path: Path) -> None:
    (tmp_path / "hubbub.toml").write_text(
        '[log]\nstore = "memory:"\n[server]\nhost = "nowhere.invalid"\nport = 1\n'
    )
    with serving(cwd=tmp_path, HUBBUB_SERVER__HOST="localhost") as server:
        assert server.greeting[1].split() == ["store", "memory:,", "0", "events"]
        assert server.url.startswith("http://localhost:")
        assert not server.url.endswith(":1")


def test_with_keys_it_wants_a_token(tmp_path: Path) -> None:
    made = run("token", "--name", "ci", "--publish", "builds/*", "--subscribe", "builds/*")
    (tmp_path / "hubbub.toml").write_text(made.err[made.err.index("[[") :])
    with serving("--store", "memory:", cwd=tmp_path) as server:
        assert server.greeting[2].split() == ["access", "by", "token"]
        assert '-H "Authorization: Bearer $HUBBUB_TOKEN"' in server.greeting[3]
        key = made.out.strip()
        refused = server.run("publish", "builds/1", "x")
        assert refused.code == 1
        assert "pass a token by --token or HUBBUB_TOKEN" in refused.err
        assert server.run("publish", "builds/1", "x", HUBBUB_TOKEN=key).code == 0
        assert server.run("publish", "builds/1", "x", "--token", key).code == 0
        forbidden = server.run("publish", "orders/1", "x", "--token", key)
        assert forbidden.code == 1
        assert "the topic orders/1 is not in it" in forbidden.err
        wrong = server.run("publish", "builds/1", "x", "--token", "hk_" + "x" * 43)
        assert wrong.code == 1
        assert "the key is none of this server's" in wrong.err
        server.stop()
    assert key not in (tmp_path / "stderr").read_text()


@pytest.mark.parametrize(
    ("args", "env", "said"),
    [
        (["--host", "0.0.0.0"], {}, "everybody who reaches 0.0.0.0 could do everything"),
        (["--host", "::"], {}, "--insecure"),
        ([], {"HUBBUB_SERVER__HOST": ""}, "everybody who reaches this machine"),
        (["--workers", "2"], {}, "the log has one writer"),
        (["--data", "x", "--store", "memory:"], {}, "give one of them"),
        (["--config", "missing.toml"], {}, "missing.toml: No such file"),
        ([], {"HUBBUB_SERVER__PROT": "1"}, "did you mean HUBBUB_SERVER__PORT?"),
        (["--port", "70000"], {}, "--port: expected `int` <= 65535"),
        ([], {"HUBBUB_AUTH__JWT_SECRET": "short"}, "jwt_secret has at least 32 bytes"),
    ],
)
def test_what_cannot_work_is_one_sentence_and_exit_2(
    tmp_path: Path, args: list[str], env: dict[str, str], said: str
) -> None:
    done = run("serve", "--port", "0", *args, cwd=tmp_path, **env)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.startswith("hubbub: ")
    assert done.err.count("\n") == 1


def test_insecure_lets_the_network_in(tmp_path: Path) -> None:
    with serving("--host", "0.0.0.0", "--insecure", "--store", "memory:", cwd=tmp_path) as server:
        assert server.greeting[0].startswith(f"hubbub {version('hubbub')} on http://0.0.0.0:")


def test_a_taken_port_or_data_folder_or_an_unknown_store_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        no_port = spawn("serve", "--store", "memory:", "--port", port, cwd=tmp_path)
    assert f"cannot listen on 127.0.0.1:{port}" in no_port.err
    with serving(cwd=tmp_path):
        no_folder = spawn("serve", "--port", "0", cwd=tmp_path)
    assert "data" in no_folder.err
    no_engine = spawn("serve", "--store", "mysql://x", cwd=tmp_path)
    assert "a store begins with memory:, sqlite:" in no_engine.err
    for done in (no_port, no_folder, no_engine):
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("hubbub: ")
        assert done.err.count("\n") == 1
