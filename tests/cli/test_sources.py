"""`hubbub sources`: make one, post to it as the provider would, look at it, delete it."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import urllib.error
import urllib.request

import pytest

from serving import Serving, run

pytestmark = pytest.mark.slow

SECRET = "It's a Secret to Everybody"


def post(url: str, secret: str, delivery: str) -> int:
    """Post what GitHub posts after a push; return the status."""
    body = b'{"ref": "refs/heads/main"}'
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256="
        + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def address(server: Serving, printed: str) -> str:
    """Return where to post, of what was printed."""
    assert printed.endswith("\n")
    path = printed.strip().partition("/hooks/")[2]
    return f"{server.url}/hooks/{path}"


def test_a_signed_request_becomes_an_event_and_a_forged_one_does_not(server: Serving) -> None:
    made = server.run(
        *("sources", "pushes", "--provider", "github", "--topic", "pushes/{type}"),
        HUBBUB_SOURCE_SECRET=SECRET,
    )
    assert (made.code, made.err) == (0, "")
    url = address(server, made.out)
    assert 200 <= post(url, SECRET, "one") < 300
    assert post(url, "another", "two") == 401
    (event,) = server.events("pushes/**")
    assert (event.source, event.data) == ("/hooks/pushes", {"ref": "refs/heads/main"})
    assert event.topic.startswith("pushes/")


def test_the_secret_comes_from_standard_input(server: Serving) -> None:
    made = server.run(
        *("sources", "piped", "--provider", "github", "--secret", "-"),
        stdin=SECRET.encode() + b"\n",
    )
    assert (made.code, made.err) == (0, "")
    assert 200 <= post(address(server, made.out), SECRET, "one") < 300


def test_listed_shown_and_deleted(server: Serving) -> None:
    env = {"HUBBUB_SOURCE_SECRET": SECRET}
    made = server.run(
        *("sources", "looked", "--provider", "github", "--topic", "looked"),
        *("--max-bytes", "4096"),
        **env,
    )
    listed = server.run("sources")
    assert f"looked webhook looked {made.out}" in listed.out
    shown = server.run("sources", "looked")
    document = json.loads(shown.out)
    assert (document["name"], document["options"]["provider"]) == ("looked", "github")
    assert document["max_bytes"] == 4096
    assert SECRET not in listed.out + shown.out
    again = server.run("sources", "looked", "--provider", "github", **env)
    assert again.code == 1
    assert "409" in again.err
    assert server.run("sources", "looked", "--delete", **env) == (0, "deleted\n", "")
    assert server.run("sources", "looked").code == 1
    assert post(address(server, made.out), SECRET, "one") == 404


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--provider", "github"], 2, "say the name"),
        (["--delete"], 2, "say the name"),
        (["a", "--provider", "github"], 2, "say the secret"),
        (["a", "--provider", "github", "--secret", "-"], 2, "say the secret"),
        (["a", "--provider", "github", "--delete"], 2, "either --provider or --delete"),
        (["a", "--topic", "x"], 2, "say the --provider"),
        (["a", "--verify-token", "x"], 2, "say the --provider"),
        (["a", "--max-bytes", "9"], 2, "say the --provider"),
        (["a", "--provider", "nobody", "--secret", "x"], 1, "provider"),
        (["nobody"], 1, "404"),
        (["nobody", "--delete"], 1, "404"),
        (["--url", "ftp://x"], 2, "looks like"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    server: Serving, args: list[str], code: int, said: str
) -> None:
    done = server.run("sources", *args)
    assert (done.code, done.out) == (code, ""), done
    assert said in done.err
    assert done.err.startswith("hubbub: ")
    assert done.err.count("\n") == 1


def test_nobody_there_is_3() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = run("sources", HUBBUB_URL=url)
    assert (done.code, done.out) == (3, "")
    assert "cannot be reached" in done.err
