"""Our subscriber as a strict hub of others sees it, over HTTP: deliveries. Numbers are those of docs/websub.md."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from sources.websub.world import atom, entry
from websub_peers.rig import Gateway, ask, gateway, until
from websub_peers.strict_hub import World, followed, push, titles

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_46_48_signatures_by_the_method_that_they_name(
    news: Gateway, world: World, name: str, method: str
) -> None:
    form = followed(news, world, name, world.put("/feed", 1))
    reply = push(form, atom(entry(2), entry(1)), method)
    assert 200 <= reply.status < 300
    assert titles(news, name) == ["Number 2"]


def test_48_49_what_is_not_signed_as_it_should_be_is_refused(
    news: Gateway, world: World, name: str
) -> None:
    form = followed(news, world, name, world.put("/feed", 1))
    body = atom(entry(2, "forged"), entry(1))
    right = hmac.new(form["hub.secret"].encode(), body, hashlib.sha256).hexdigest()
    wrong = [
        None,
        "",
        "sha256=",
        f"sha256={64 * '0'}",
        f"sha512={right}",
        f"md5={hmac.new(form['hub.secret'].encode(), body, hashlib.md5).hexdigest()}",
        right,
        f"sha256={right}x",
        "sha256=é",
    ]
    for signature in wrong:
        headers = {} if signature is None else {"X-Hub-Signature": signature}
        assert push(form, body, "", **headers).status == 403, signature
    assert push({**form, "hub.secret": "another"}, body).status == 403
    assert push(form, body + b" ", "", **{"X-Hub-Signature": f"sha256={right}"}).status == 403
    assert news.status(name)["unsigned"] == len(wrong) + 2
    assert titles(news, name) == []
    assert push(form, atom(entry(3), entry(1))).status == 200
    assert titles(news, name) == ["Number 3"]


def test_46_a_subscription_that_ended_is_410(news: Gateway, world: World, name: str) -> None:
    url = world.put("/feed", 1)
    form = followed(news, world, name, url)
    assert ask("DELETE", f"{news.url}/sources/{name}").status == 204
    until(lambda: len(world.echoes), lambda one: one == 2)
    assert push(form, atom(entry(2), entry(1))).status == 410
    assert push(form, b"", "").status == 410


def test_47_52_a_delivery_is_known_by_its_callback_alone(
    news: Gateway, world: World, name: str
) -> None:
    """Whatever its headers say it is about."""
    url = world.put("/feed", 1)
    form = followed(news, world, name, url)
    before = news.status(name)
    links = f'<{world.url}/evil>; rel="hub", <{world.url}/other>; rel="self"'
    assert push(form, atom(entry(2), entry(1)), Link=links).status == 200
    (event,) = news.events(f"news/{name}")
    assert event["source"] == url
    after = news.status(name)
    assert [after[key] for key in ("topic", "hub", "hubs")] == [
        before[key] for key in ("topic", "hub", "hubs")
    ]
    assert len(world.forms) == 1


def test_without_a_secret_nothing_has_to_be_signed(news: Gateway, world: World, name: str) -> None:
    form = followed(news, world, name, world.put("/feed", 1), secret=False)
    assert "hub.secret" not in form
    assert push(form, atom(entry(2), entry(1)), "").status == 200
    assert titles(news, name) == ["Number 2"]


def test_06_what_a_hub_verifies_survives_a_crash_of_ours(world: World, tmp_path: Path) -> None:
    """It was durable before the hub was told that we want it."""
    url = world.put("/feed", 1)
    with gateway(tmp_path) as news:
        form = followed(news, world, "crash", url)
        news.kill()
        news.start()
        assert push(form, atom(entry(2), entry(1))).status == 200
        assert titles(news, "crash") == ["Number 2"]
        assert world.verify(form, mode="unsubscribe").status == 404
