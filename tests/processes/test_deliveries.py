"""Webhooks from a real server process: killed at the worst moment, and beside endpoints that hang."""

from __future__ import annotations

import json
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from receiving import receiving
from serving import serving

pytestmark = pytest.mark.slow


def call(url: str, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": kind}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def subscribe(url: str, sink: str, topic: str = "t", **more: Any) -> dict[str, Any]:
    return call(url, "POST", "/subscriptions", {"sink": sink, "topics": [topic], **more})


def publish(url: str, count: int, topic: str = "t", start: int = 0) -> None:
    lines = "\n".join(json.dumps({"n": n}) for n in range(start, start + count))
    call(url, "POST", f"/topics/{topic}", lines.encode(), "application/x-ndjson")


ALLOW = {"HUBBUB_EGRESS__ALLOW": "127.0.0.0/8"}


def test_a_kill_after_the_receivers_answer_repeats_with_the_same_id_and_loses_nothing(
    tmp_path: Path,
) -> None:
    with receiving() as receiver:
        with serving(cwd=tmp_path, HUBBUB_DELIVERIES__FLUSH_INTERVAL="30", **ALLOW) as server:
            told = subscribe(server.url, receiver.url + "/hook")
            publish(server.url, 20)
            receiver.wait(20)  # answered, and nothing of it recorded yet
            server.process.kill()
            server.process.wait()
        with serving(cwd=tmp_path, **ALLOW) as server:
            publish(server.url, 5, start=20)
            got = receiver.wait(45)
            ids: dict[str, set[tuple[int, str]]] = {}
            for _, headers, body in got:
                event = json.loads(body)
                ids.setdefault(headers["webhook-id"], set()).add(
                    (event["data"]["n"], event["sequence"])
                )
            assert len(ids) == 25
            assert all(len(said) == 1 for said in ids.values()), "the same id says the same"
            assert sorted(n for ((n, _),) in ids.values()) == list(range(25))
            assert {s for ((_, s),) in ids.values()} == {str(n) for n in range(1, 26)}
            shown = call(server.url, "GET", f"/subscriptions/{told['id']}")
            assert shown["status"] == "active"
            assert "secret" not in json.dumps(shown.get("protocolsettings", {}))
            secret = told["protocolsettings"]["secret"]
            standardwebhooks.Webhook(secret).verify(got[-1][2].decode(), got[-1][1])


def test_an_orderly_stop_repeats_nothing_and_attempts_survive(tmp_path: Path) -> None:
    with receiving() as receiver:
        with serving(cwd=tmp_path, **ALLOW) as server:
            told = subscribe(server.url, receiver.url + "/hook")
            publish(server.url, 30)
            receiver.wait(30)
            server.process.terminate()
            assert server.process.wait(30) == 0
        with serving(cwd=tmp_path, **ALLOW) as server:
            publish(server.url, 1, start=30)
            assert len(receiver.wait(31)) == 31
            attempts = call(server.url, "GET", f"/subscriptions/{told['id']}/attempts?limit=100")
            assert len(attempts) >= 30


def test_an_endpoint_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    with receiving() as receiver, serving(cwd=tmp_path, **ALLOW) as server:
        subscribe(server.url, receiver.url + "/hang", config={"concurrency": 50})
        subscribe(server.url, receiver.url + "/hook")
        publish(server.url, 500)
        receiver.wait(500)


def test_failures_wait_for_their_time_and_dead_letters_can_be_tried_again(tmp_path: Path) -> None:
    with receiving() as receiver, serving(cwd=tmp_path, **ALLOW) as server:
        receiver.status = 500
        config = {"schedule": [0, 0.1], "jitter": 0}
        told = subscribe(server.url, receiver.url + "/hook", config=config)
        publish(server.url, 1)
        receiver.wait(2)
        path = f"/subscriptions/{told['id']}"
        for _ in range(600):
            dead = call(server.url, "GET", path + "/dead")
            if dead:
                break
            threading.Event().wait(0.05)
        assert dead[0]["reason"] == "status 500"
        receiver.status = 200
        call(server.url, "POST", path + "/dead/retry", {})
        receiver.wait(3)
