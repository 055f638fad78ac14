"""`hubbub subscribe`, `subscriptions`, `attempts`, `replay` against a server that delivers."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import standardwebhooks

from receiving import Receiver, Request, receiving
from serving import PATIENCE, Serving, run, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that delivers to this machine, and gives up soon."""
    folder = tmp_path_factory.mktemp("deliveries")
    with serving("--store", "memory:", cwd=folder, HUBBUB_EGRESS__ALLOW="127.0.0.0/8") as found:
        yield found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def subscribed(server: Serving, receiver: Receiver, *args: str) -> tuple[str, str]:
    """Subscribe; return the id and the secret as they were printed."""
    done = server.run("subscribe", *args, "--to", receiver.url + "/hook")
    assert (done.code, done.err) == (0, "")
    found = re.fullmatch(r"id      (\S+)\nsecret  (whsec_\S+)\n", done.out)
    assert found, done.out
    return found[1], found[2]


def verified(request: Request, secret: str) -> Any:
    """Return the event of a request after the reference library has verified it."""
    _, headers, body = request
    return standardwebhooks.Webhook(secret).verify(body.decode(), headers)


def shown(server: Serving, *args: str) -> Any:
    """Run a command that prints JSON."""
    done = server.run(*args, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def until(condition: Callable[[], Any]) -> Any:
    """Wait for what the server records a moment later; return it."""
    for _ in range(int(PATIENCE / 0.05)):
        if found := condition():
            return found
        threading.Event().wait(0.05)
    raise AssertionError("it never came about")


class TestSubscribe:
    def test_the_printed_secret_verifies_what_arrives(
        self, server: Serving, receiver: Receiver
    ) -> None:
        _, secret = subscribed(server, receiver, "verify/*")
        server.run("publish", "verify/1", '{"n": 1}')
        (got,) = receiver.wait(1)
        event = verified(got, secret)
        assert (event["topic"], event["data"]) == ("verify/1", {"n": 1})
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verified((got[0], got[1], got[2] + b" "), secret)

    def test_only_what_was_asked_for_arrives_and_from_where(
        self, server: Serving, receiver: Receiver
    ) -> None:
        for kind in ("a.x", "b.x", "a.y"):
            server.run("publish", "chosen", kind, "--type", kind)
        args = ("--since", "earliest", "--type", "a.x", "--type", "a.y", "--order", "strict")
        _, secret = subscribed(server, receiver, "chosen", *args, "--filter", "type LIKE '%.y'")
        server.run("publish", "chosen", "again", "--type", "a.y")
        assert [verified(one, secret)["data"] for one in receiver.wait(2)] == ["a.y", "again"]

    def test_other_signatures_and_the_bare_data(self, server: Serving, receiver: Receiver) -> None:
        import hashlib
        import hmac

        args = ("--signing", "github", "--content", "data")
        _, secret = subscribed(server, receiver, "bare", *args)
        server.run("publish", "bare", '{"n": 1.50}')
        ((_, headers, body),) = receiver.wait(1)
        assert body == b'{"n": 1.50}'
        proof = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-hub-signature-256"] == f"sha256={proof}"

    def test_json_is_the_whole_document(self, server: Serving, receiver: Receiver) -> None:
        made = shown(server, "subscribe", "json/*", "--to", receiver.url)
        assert made["topics"] == ["json/*"]
        assert made["protocolsettings"]["secret"].startswith("whsec_")


class TestSubscriptions:
    def test_all_and_one(self, server: Serving, receiver: Receiver) -> None:
        id_, _ = subscribed(server, receiver, "looked/*", "at")
        (line,) = [
            one for one in server.run("subscriptions").out.splitlines() if one.startswith(id_)
        ]
        assert line.split()[1] == "active"
        assert line.endswith(f" at,looked/* -> {receiver.url}/hook")
        assert id_ in [one["id"] for one in shown(server, "subscriptions")]
        done = server.run("subscriptions", id_)
        assert dict(one.split(maxsplit=1) for one in done.out.splitlines())["id"] == id_
        assert "whsec_" not in done.out
        assert "null" not in done.out
        assert shown(server, "subscriptions", id_)["topics"] == ["at", "looked/*"]

    def test_paused_nothing_arrives_and_resumed_everything(
        self, server: Serving, receiver: Receiver
    ) -> None:
        id_, secret = subscribed(server, receiver, "paused")
        assert shown(server, "subscriptions", id_, "--pause")["status"] == "paused"
        server.run("publish", "paused", "1")
        assert receiver.got == []
        assert "paused" in server.run("subscriptions", id_).out
        done = server.run("subscriptions", id_, "--resume")
        assert (done.code, done.err) == (0, "")
        assert verified(receiver.wait(1)[0], secret)["data"] == 1

    def test_a_test_says_what_was_answered_and_ends_with_1_if_it_was_not_taken(
        self, server: Serving, receiver: Receiver
    ) -> None:
        id_, secret = subscribed(server, receiver, "tested")
        done = server.run("subscriptions", id_, "--test")
        assert (done.code, done.out, done.err) == (0, "delivered 200\n", "")
        verified(receiver.wait(1)[0], secret)
        receiver.status = 500
        done = server.run("subscriptions", id_, "--test")
        assert (done.code, done.err) == (1, "")
        assert done.out.startswith("failed ")
        assert "500" in done.out
        done = server.run("subscriptions", id_, "--test", "--json")
        assert (done.code, json.loads(done.out)["outcome"]) == (1, "failed")

    def test_a_new_secret_signs_and_the_old_one_along_with_it(
        self, server: Serving, receiver: Receiver
    ) -> None:
        id_, old = subscribed(server, receiver, "rotated")
        assert server.run("subscriptions", id_, "--secret").out == old + "\n"
        new = server.run("subscriptions", id_, "--rotate").out.strip()
        assert new != old
        assert server.run("subscriptions", id_, "--secret").out == new + "\n"
        server.run("publish", "rotated", "1")
        (got,) = receiver.wait(1)
        assert verified(got, new) == verified(got, old)

    def test_deleted_it_is_gone(self, server: Serving, receiver: Receiver) -> None:
        id_, _ = subscribed(server, receiver, "deleted")
        assert server.run("subscriptions", id_, "--delete") == (0, "deleted\n", "")
        assert server.run("subscriptions", id_).code == 1
        assert id_ not in server.run("subscriptions").out

    def test_dead_letters_are_tried_again(self, server: Serving, receiver: Receiver) -> None:
        config = {"schedule": [0], "jitter": 0}
        from hubbub.client import Client

        receiver.status = 500
        with Client(server.url) as client:
            made = client.subscriptions.create(receiver.url + "/hook", "dead", config=config)
            server.run("publish", "dead", "1")
            until(lambda: client.subscriptions.dead_letters(made["id"]))
        receiver.status = 200
        done = server.run("subscriptions", made["id"], "--retry-dead")
        assert done == (0, "1 event is tried again\n", "")
        assert verified(receiver.wait(2)[1], made["protocolsettings"]["secret"])["data"] == 1


class TestPast:
    def test_attempts_are_told_the_newest_first(self, server: Serving, receiver: Receiver) -> None:
        id_, _ = subscribed(server, receiver, "attempts")
        assert server.run("attempts", id_) == (0, "", "")
        server.run("publish", "attempts", "1")
        receiver.wait(1)
        until(lambda: server.run("attempts", id_).out)
        receiver.status = 503
        server.run("subscriptions", id_, "--test")
        found = until(lambda: found if len(found := shown(server, "attempts", id_)) == 2 else None)
        assert [one["outcome"] for one in found] == ["failed", "delivered"]
        bad, good = server.run("attempts", id_).out.splitlines()
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ failed    503 .* ms  #1 ", bad)
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ delivered 200 .* ms  #1 ", good)
        assert server.run("attempts", id_, "--outcome", "delivered").out.splitlines() == [good]
        assert server.run("attempts", id_, "--limit", "1").out.splitlines() == [bad]
        assert server.run("attempts", id_, "--since", "2100-01-01T00:00:00Z").out == ""

    def test_one_of_them_is_shown_as_it_was(self, server: Serving, receiver: Receiver) -> None:
        id_, _ = subscribed(server, receiver, "shown", "--content", "data")
        server.run("publish", "shown", '{"n":"\\u2028é"}')
        receiver.wait(1)
        (one,) = until(lambda: shown(server, "attempts", id_))
        told = server.run("attempts", id_, one["id"])
        lines = told.out.splitlines()
        assert (told.code, told.err) == (0, "")
        assert lines[0] == server.run("attempts", id_).out.strip()
        assert f"> POST {receiver.url}/hook" in lines
        assert "> webhook-sequence: 1" in lines
        assert lines[lines.index(">") + 1] == '> {"n":"\\u2028é"}'
        assert "< 200" in lines
        document = json.loads(server.run("attempts", id_, one["id"], "--json").out)
        assert document["request"]["body"] == '{"n":"\\u2028é"}'
        nobody = server.run("attempts", id_, "nobody")
        assert (nobody.code, nobody.out) == (1, "")
        assert "404" in nobody.err

    def test_replayed_it_arrives_again_with_the_same_id(
        self, server: Serving, receiver: Receiver
    ) -> None:
        id_, secret = subscribed(server, receiver, "replayed")
        for n in range(3):
            server.run("publish", "replayed", str(n))
        receiver.wait(3)
        until(lambda: len(shown(server, "attempts", id_)) == 3)
        done = server.run("replay", id_, "--since", "earliest")
        assert (done.code, done.err) == (0, "")
        assert re.fullmatch(r"\d+ events are looked at again\n", done.out)
        got = receiver.wait(6)
        assert sorted(verified(one, secret)["data"] for one in got[3:]) == [0, 1, 2]
        ids = [one[1]["webhook-id"] for one in got]
        assert sorted(ids[:3]) == sorted(ids[3:])


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["subscriptions", "--pause"], 2, "say the id of one subscription"),
        (["subscriptions", "x", "--pause", "--delete"], 2, "one thing to do"),
        (["subscriptions", "nobody"], 1, "404"),
        (["subscriptions", "nobody", "--delete"], 1, "404"),
        (["subscriptions", "nobody", "--test"], 1, "404"),
        (["attempts", "nobody"], 1, "404"),
        (["replay", "nobody", "--since", "earliest"], 1, "404"),
        (["subscribe", "a", "--to", "nonsense"], 1, "starts with http"),
        (["subscribe", "a//b", "--to", "http://127.0.0.1/"], 1, "no empty segments"),
        (["subscribe", "a", "--to", "http://127.0.0.1/", "--filter", "("], 1, "at character 1"),
        (["subscribe", "a", "--to", "http://127.0.0.1/", "--url", "ftp://x"], 2, "looks like"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    server: Serving, args: list[str], code: int, said: str
) -> None:
    done = server.run(*args)
    assert (done.code, done.out) == (code, ""), done
    assert said in done.err
    assert done.err.startswith("hubbub: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ["subscribe", "a"],
        ["subscribe", "a", "--to", "http://127.0.0.1/", "--order", "nonsense"],
        ["subscribe", "a", "--to", "http://127.0.0.1/", "--content", "nonsense"],
        ["subscriptions", "a", "--nope"],
        ["attempts"],
        ["attempts", "a", "--limit", "0"],
        ["attempts", "a", "--outcome", "nonsense"],
        ["replay", "a"],
    ],
)
def test_wrong_usage_is_2(args: list[str]) -> None:
    done = run(*args)
    assert done.code == 2
    assert "Usage: hubbub" in done.err


@pytest.mark.parametrize(
    "args",
    [
        ["subscribe", "a", "--to", "http://127.0.0.1/"],
        ["subscriptions"],
        ["attempts", "a"],
        ["replay", "a", "--since", "1h"],
    ],
)
def test_nobody_there_is_3(args: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = run(*args, HUBBUB_URL=url)
    assert (done.code, done.out) == (3, "")
    assert "cannot be reached" in done.err
