"""`hubbub forward` as a process: signatures, retries, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import standardwebhooks

from hubbub.client import Client
from receiving import Receiver, receiving
from serving import PATIENCE, Serving, environment, serving

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
import hubbub.cli.forward as forward
from hubbub.cli import main
forward.SCHEDULE = (0.0, float(sys.argv.pop(1)))
main()
"""
"""The command with one retry, after as many seconds as its first argument says."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@contextmanager
def forwarding(server: Serving, *args: str, again: float = 0.05) -> Iterator[subprocess.Popen[str]]:
    """Forward until the block ends; a failed event is tried again after so many seconds."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(again), "forward", *args],
        env=environment(HUBBUB_URL=server.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """Read so many lines that it prints."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


def interrupted(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C; return what it told on standard error."""
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, told
    return told


def test_what_arrives_is_signed_with_the_printed_secret(
    server: Serving, receiver: Receiver
) -> None:
    sink = receiver.url + "/hook"
    with forwarding(server, "forwarded/*", sink) as process:
        secret, greeting = lines(process, 2)
        assert greeting == f"forwarding forwarded/* to {sink}"
        server.run("publish", "forwarded/1", '{"n": 1}', "--type", "x.y")
        ((_, headers, body),) = receiver.wait(1)
        verifier = standardwebhooks.Webhook(secret.removeprefix("secret "))
        event = verifier.verify(body.decode(), headers)
        assert (event["topic"], event["type"], event["data"]) == ("forwarded/1", "x.y", {"n": 1})
        (line,) = lines(process, 1)
        (published,) = server.events("forwarded/1")
        assert line.split(" ")[1] == "200"
        assert line.endswith(f" ms x.y forwarded/1 {published.position}")
        assert interrupted(process) == f"hubbub: to go on: --since {published.position}\n"


def test_since_goes_back_and_a_given_secret_is_not_printed(
    server: Serving, receiver: Receiver
) -> None:
    for n in range(3):
        server.run("publish", "past", str(n), "--type", "a")
    server.run("publish", "past", "3", "--type", "b")
    secret = "whsec_" + "QUJD" * 8
    args = ("past", receiver.url + "/hook", "--since", "earliest", "--secret", secret)
    with forwarding(server, *args, "--filter", "type = 'a'") as process:
        assert lines(process, 1)[0].startswith("forwarding past to ")
        got = receiver.wait(3)
        for _, headers, body in got:
            standardwebhooks.Webhook(secret).verify(body.decode(), headers)
        assert [json.loads(body)["data"] for _, _, body in got] == [0, 1, 2]
        interrupted(process)


def test_a_failure_is_tried_again_and_then_given_up(server: Serving, receiver: Receiver) -> None:
    receiver.status = 500
    with forwarding(server, "fails", receiver.url + "/hook") as process:
        lines(process, 2)
        server.run("publish", "fails", "1")
        first, second = lines(process, 2)
        assert first.split(" ")[1] == second.split(" ")[1] == "500"
        assert first.endswith(", again in 0.05 s")
        assert "again in" not in second
        receiver.status = 200
        server.run("publish", "fails", "2")
        assert lines(process, 1)[0].split(" ")[1] == "200"
        one, other = server.events("fails")
        told = interrupted(process).splitlines()
    assert told[0].startswith(f"hubbub: {one.position} was given up; ")
    assert told[1:] == [f"hubbub: to go on: --since {other.position}"]
    got = receiver.wait(3)
    ids = [headers["webhook-id"] for _, headers, _ in got]
    assert ids[0] == ids[1] != ids[2], "the same event has the same id"


def test_it_is_byte_for_byte_what_the_server_delivers(tmp_path: Path, receiver: Receiver) -> None:
    allowed = {"HUBBUB_EGRESS__ALLOW": "127.0.0.0/8"}
    with (
        serving("--store", "memory:", cwd=tmp_path, **allowed) as server,
        Client(server.url) as client,
    ):
        settings = {"signing": ["standard", "github", "stripe"]}
        config = {"order": "strict"}
        made = client.subscriptions.create(
            receiver.url + "/server", "same/*", protocolsettings=settings, config=config
        )
        secret = made["protocolsettings"]["secret"]
        args = [one for name in settings["signing"] for one in ("--signing", name)]
        sink = receiver.url + "/forward"
        with forwarding(server, "same/*", sink, "--secret", secret, *args) as process:
            lines(process, 1)
            server.run("publish", "same/json", '{"a":  1.50, "k\u00e4se": [1e2]}')
            server.run("publish", "same/text", "one\ntwo")
            server.run("publish", "same/bytes", "-", stdin=b"\xff\x00")
            client.publish("same/own", 1, extensions={"sequence": "77"})
            delivered, forwarded = receiver.wait(4, "/server"), receiver.wait(4, "/forward")
            interrupted(process)
    assert [body for _, _, body in forwarded] == [body for _, _, body in delivered]
    for (_, ours, body), (_, theirs, _) in zip(forwarded, delivered, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ("webhook-id", "webhook-sequence", "content-type", "x-hub-signature-256"):
            assert ours[name] == theirs[name]
        standardwebhooks.Webhook(secret).verify(body.decode(), ours)


def test_order_is_kept_and_where_it_was_stopped_it_goes_on(
    server: Serving, receiver: Receiver
) -> None:
    args = ("stopped", receiver.url + "/hook")
    for n in range(3):
        server.run("publish", "stopped", str(n))
    (zero, *_) = server.events("stopped")
    with forwarding(server, *args, "--since", "earliest", again=3600) as process:
        receiver.wait(3)
        receiver.status = 500
        server.run("publish", "stopped", "3")
        (*_, three) = server.events("stopped")
        assert failure(process).endswith(f" {three.position}, again in 3600 s")
        told = interrupted(process)
    go_on = told.removeprefix("hubbub: to go on: --since ").strip()
    assert go_on not in (zero.position, three.position)
    receiver.status = 200
    with forwarding(server, *args, "--since", go_on) as process:
        lines(process, 2)
        got = [json.loads(body)["data"] for _, _, body in receiver.wait(5)]
        interrupted(process)
    assert got == [0, 1, 2, 3, 3], "what waited for its retry comes again, and nothing else"


def failure(process: subprocess.Popen[str]) -> str:
    """Read lines up to the first that tells of a retry; return it."""
    while "again in" not in (line := lines(process, 1)[0]):
        assert line, "it ended"
    return line


def test_what_is_not_in_the_log_is_not_delivered(server: Serving, receiver: Receiver) -> None:
    with (
        forwarding(server, "passing", receiver.url + "/hook") as process,
        Client(server.url) as client,
    ):
        lines(process, 2)
        client.publish("passing", "lost", ephemeral=True)
        client.publish("passing", "kept")
        receiver.wait(1)
        lines(process, 1)
        interrupted(process)
    assert [json.loads(body)["data"] for _, _, body in receiver.got] == ["kept"]


def test_a_gap_is_told_and_it_goes_on(server: Serving, receiver: Receiver) -> None:
    server.run("publish", "gap-ahead", "1")
    sink = receiver.url + "/hook"
    with forwarding(server, "gap-ahead", sink, "--since", "zzzzzzzz-1") as process:
        receiver.wait(1)
        told = interrupted(process)
    assert told.startswith("hubbub: events after zzzzzzzz-1 are gone; going on after ")


def test_nobody_at_the_url_is_told_and_tried_again(server: Serving) -> None:
    with receiving() as gone:
        sink = gone.url
    with forwarding(server, "nobody", sink) as process:
        lines(process, 2)
        server.run("publish", "nobody", "1")
        (line,) = lines(process, 1)
        assert "no connection to 127.0.0.1" in line
        assert line.endswith(", again in 0.05 s")
        interrupted(process)


def test_the_guard_lets_nothing_out_that_the_server_would_not_let_out(server: Serving) -> None:
    with forwarding(server, "guarded", "http://169.254.169.254/") as process:
        lines(process, 2)
        server.run("publish", "guarded", "1")
        (line,) = lines(process, 1)
        assert "169.254.169.254" in line
        assert "link-local" in line.lower()
        interrupted(process)


def test_a_receiver_that_wants_no_more_ends_it(server: Serving, receiver: Receiver) -> None:
    receiver.status = 410
    with forwarding(server, "gone", receiver.url) as process:
        lines(process, 2)
        server.run("publish", "gone", "1")
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "410 Gone" in told
    assert "Traceback" not in told


def test_it_ends_when_nobody_reads_it_any_more(server: Serving, receiver: Receiver) -> None:
    with forwarding(server, "unread", receiver.url) as process:
        lines(process, 2)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["a", "nonsense"], "http"),
        (["a", "ftp://localhost/"], "http"),
        (["a", "http://user:secret@localhost/"], "user"),
        (["a//b", "http://localhost/"], "empty segments"),
        (["a", "http://localhost/", "--signing", "nonsense"], "no dialect"),
        (["a", "http://localhost/", "--secret", "whsec_!"], "secret"),
        (["a", "http://localhost/", "--url", "ftp://x"], "looks like"),
    ],
)
def test_what_cannot_be_is_2_and_one_sentence(server: Serving, args: list[str], said: str) -> None:
    done = server.run("forward", *args)
    assert (done.code, done.out) == (2, ""), done
    assert said in done.err
    assert "user:secret" not in done.err
    assert done.err.count("\n") == 1
