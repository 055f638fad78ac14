"""Every command: what it prints, how it ends, and one sentence when it goes wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from hubbub.web.auth import Authenticator, AuthOptions
from serving import Serving, run, serving

pytestmark = pytest.mark.slow

SECRET = "s" * 40
COMMANDS = (
    "serve", "publish", "listen", "forward", "subscribe", "subscriptions", "attempts", "replay",
    "sources", "token", "doctor", "config", "bench",
)  # fmt: skip


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["publish", "a//b"], 2, "no empty segments"),
        (["publish", "a/*", "x"], 2, "patterns are for reading"),
        (["publish", "a", "x", "--file", "y"], 2, "give one of them"),
        (["publish", "a", "--file", "missing"], 2, "cannot read missing: No such file"),
        (["publish", "a", "x", "--type", "a\nb"], 2, "type"),
        (["listen", "a**"], 2, "* stands for a whole segment"),
        (["publish", "a", "x", "--url", "ftp://x"], 2, "the server's URL looks like"),
        (["publish", "a", "--token", "a b"], 2, "the token is not one"),
        (["doctor", "ftp://x"], 2, "the server's URL looks like"),
        (["bench", "--url", "ftp://x"], 2, "the server's URL looks like"),
        (["token"], 2, "say what the token may do"),
        (["token", "--publish", "//"], 2, "publish holds a pattern that is none"),
        (["token", "--publish", "a", "--jwt"], 2, "set auth.jwt_secret"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    server: Serving, args: list[str], code: int, said: str
) -> None:
    done = server.run(*args)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert done.err.startswith("hubbub: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["publish"],
        ["publish", "a", "--nope"],
        ["bench", "--seconds", "0"],
        ["serve", "--port", "-1"],
        ["listen", "--last", "0"],
        ["token", "--publish", "a", "--ttl", "soon"],
    ],
)
def test_wrong_usage_is_2(args: list[str]) -> None:
    done = run(*args)
    assert done.code == 2
    assert "Usage: hubbub" in done.err


@pytest.mark.parametrize("args", [["doctor"], ["bench"]])
def test_nobody_there_is_3(args: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = run(*args, HUBBUB_URL=url)
    assert done.code == 3
    assert "cannot be reached" in done.out + done.err


def test_token_prints_the_key_alone_and_its_entry_beside_it() -> None:
    done = run("token", "--name", 'a "b"', "--publish", "a/*", "--publish", "b", "--manage")
    assert done.code == 0
    assert done.out.startswith("hk_")
    assert done.out.count("\n") == 1
    (entry,) = tomllib.loads(done.err[done.err.index("[[") :])["auth"]["keys"]
    assert entry["name"] == 'a "b"'
    assert entry["grants"] == {"publish": ["a/*", "b"], "manage": True}
    assert done.out.strip() not in done.err


def test_a_jwt_is_signed_with_the_secret_of_the_settings() -> None:
    args = ("--name", "alice", "--subscribe", "**", "--jwt", "--ttl", "1h")
    done = run("token", *args, HUBBUB_AUTH__JWT_SECRET=SECRET)
    principal = Authenticator(AuthOptions(jwt_secret=SECRET)).verify(done.out.strip())
    assert (principal.name, principal.grants.subscribe) == ("sub:alice", ("**",))


def test_config_prints_values_and_origins_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "hubbub.toml").write_text(f'[auth]\njwt_secret = "{SECRET}"\n[server]\nport = 1\n')
    done = run("config", cwd=tmp_path, HUBBUB_LOG__RETENTION__MAX_AGE="24h")
    found = tomllib.loads(done.out)
    assert found["log"]["retention"]["max_age"] == 86_400
    assert SECRET not in done.out
    lines = [line.split() for line in done.out.splitlines()]
    assert ["port", "=", "1", "#", str(tmp_path / "hubbub.toml")] in lines
    assert ["max_age", "=", "86400.0", "#", "HUBBUB_LOG__RETENTION__MAX_AGE"] in lines
    assert ["host", "=", '"127.0.0.1"', "#", "default"] in lines
    other = tmp_path / "other.toml"
    other.write_text("[server]\nport = 2\n")
    assert "port = 2" in run("config", "--config", str(other), cwd=tmp_path).out


def test_doctor_finds_a_well_server_well(server: Serving) -> None:
    done = server.run("doctor")
    assert done.code == 0
    checks = {line.split()[1]: line.split()[0] for line in done.out.splitlines()}
    names = ["reachable", "version", "ready", "clock", "token", "stream", "websocket", "files"]
    assert list(checks) == names
    assert set(checks.values()) <= {"ok", "note"}
    assert run("doctor", server.url + "/").out.startswith(f"ok    reachable     {server.url} ")


def test_doctor_explains_a_token(tmp_path: Path) -> None:
    settings = {"HUBBUB_AUTH__JWT_SECRET": SECRET, "HUBBUB_AUTH__LEEWAY": "0"}
    grants = ("--subscribe", "**", "--jwt")
    good = run("token", *grants, **settings).out.strip()
    short = run("token", *grants, "--ttl", "1ms", **settings).out.strip()
    with serving("--store", "memory:", cwd=tmp_path, **settings) as server:
        takes = server.run("doctor", "--token", good)
        assert "the server takes the token: it may subscribe **" in takes.out
        refused = server.run("doctor", "--token", short)
        assert refused.code == 1
        assert "refused: exp: the token ended" in refused.out
        assert short not in refused.out
        wrong = server.run("doctor", "--token", good[:-8] + "AAAAAAAA")
        assert "refused: the signature fits none of this server's keys" in wrong.out
        assert "one is needed: pass --token" in server.run("doctor").out


def test_doctor_knows_what_is_not_hubbub() -> None:
    other = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(other, text=True, env=os.environ.copy(), **pipes) as process:
        assert process.stdout is not None
        url = process.stdout.readline().partition("(")[2].partition("/)")[0]
        done = run("doctor", url)
        process.terminate()
    assert done.code == 1
    assert "it is not hubbub" in done.out
    assert done.out.count("\n") == 1


def test_bench_prints_what_it_measured(server: Serving) -> None:
    done = server.run("bench", "--seconds", "0.5", "--listeners", "5", "--publishers", "2")
    assert done.code == 0
    assert "publish, 2 at a time" in done.out
    assert "fan-out to 5 streams" in done.out
    assert "had not arrived" not in done.out


def test_bench_tells_a_refusal(tmp_path: Path) -> None:
    with serving("--store", "memory:", cwd=tmp_path, HUBBUB_AUTH__JWT_SECRET=SECRET) as server:
        done = server.run("bench", "--seconds", "0.5")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("hubbub: the server refused: send a token")


def test_version_and_help() -> None:
    assert run("--version").out == f"hubbub {version('hubbub')}\n"
    told = run("--help").out
    for command in COMMANDS:
        assert f"\n  {command} " in told
        assert "--help" in run(command, "--help").out
    assert run().code == 2
