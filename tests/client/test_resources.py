"""The management API as methods against the real server, from code of both kinds."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import standardwebhooks

from hubbub.client import AsyncClient, Client, Refused, Unreachable
from hubbub.client.blocking import Sources, Subscriptions, WebSub
from hubbub.client.resources import AsyncSources, AsyncSubscriptions, AsyncWebSub
from receiving import Receiver, receiving
from serving import PATIENCE, Serving, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("resources")
    with serving("--store", "memory:", cwd=folder, HUBBUB_EGRESS__ALLOW="127.0.0.0/8") as found:
        yield found


@pytest.fixture
def client(server: Serving) -> Iterator[Client]:
    with Client(server.url) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def until(condition: Callable[[], Any]) -> Any:
    """Wait for what the server records a moment later; return it."""
    for _ in range(int(PATIENCE / 0.05)):
        if found := condition():
            return found
        threading.Event().wait(0.05)
    raise AssertionError("it never came about")


@pytest.mark.parametrize(
    ("blocking", "asynchronous"),
    [(Subscriptions, AsyncSubscriptions), (Sources, AsyncSources), (WebSub, AsyncWebSub)],
)
def test_each_method_has_its_twin(blocking: type, asynchronous: type) -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: list(inspect.signature(one).parameters)
            for name, one in found
            if not name.startswith("_")
        }

    assert methods(blocking) == methods(asynchronous)


class TestSubscriptions:
    def test_from_the_first_delivery_to_the_end(self, client: Client, receiver: Receiver) -> None:
        them = client.subscriptions
        made = them.create(receiver.url + "/hook", "life/*", types=["x"], config={"order": "key"})
        id_, secret = made["id"], made["protocolsettings"]["secret"]
        client.publish("life/1", {"n": 1}, type="x")
        ((_, headers, body),) = receiver.wait(1)
        assert standardwebhooks.Webhook(secret).verify(body.decode(), headers)["data"] == {"n": 1}
        assert id_ in [one["id"] for one in them.list()]
        assert them.get(id_)["config"]["order"] == "key"
        assert them.update(id_, types=None, topics=["other"])["topics"] == ["other"]
        assert not them.get(id_).get("types")
        assert them.pause(id_)["status"] == "paused"
        assert them.resume(id_)["status"] == "active"
        assert them.replace(id_, receiver.url + "/put", "life/*")["sink"] == receiver.url + "/put"
        assert them.test(id_)["outcome"] == "delivered"
        assert them.secret(id_)["secret"] == secret, "replacing keeps it"
        rotated = them.rotate_secret(id_, grace="5m")
        assert rotated["secret"] not in ("", secret)
        them.delete(id_)
        with pytest.raises(Refused) as refused:
            them.get(id_)
        assert refused.value.status == 404

    def test_attempts_retry_and_replay(self, client: Client, receiver: Receiver) -> None:
        them = client.subscriptions
        id_ = them.create(receiver.url + "/hook", "tried")["id"]
        client.publish_many("tried", range(150))
        receiver.wait(150)
        found = until(lambda: found if len(found := them.attempts(id_, limit=500)) == 150 else None)
        assert len({one["id"] for one in found}) == 150, "page after page"
        assert them.attempts(id_, limit=120) == found[:120]
        assert them.attempts(id_, limit=7, outcome="delivered") == found[:7]
        assert them.attempts(id_, outcome="failed") == []
        whole = them.attempt(id_, found[0]["id"])
        assert msgspec.json.decode(whole["request"].pop("body"))["topic"] == "tried"
        assert whole == found[0]
        them.retry(id_, found[0]["id"])
        receiver.wait(151)
        them.replay(id_, "earliest")
        receiver.wait(301)

    def test_dead_letters(self, client: Client, receiver: Receiver) -> None:
        them = client.subscriptions
        receiver.status = 500
        config = {"schedule": [0], "jitter": 0}
        id_ = them.create(receiver.url + "/hook", "given-up", config=config)["id"]
        client.publish_many("given-up", range(3))
        until(lambda: len(them.dead_letters(id_)) == 3)
        assert len(them.dead_letters(id_, limit=2)) == 2
        receiver.status = 200
        assert them.retry_dead_letters(id_)["events"] == 3
        receiver.wait(6)
        until(lambda: them.dead_letters(id_) == [])

    def test_more_of_them_than_a_page(self, client: Client) -> None:
        them = client.subscriptions
        made = {them.create("http://127.0.0.1:1/", f"many/{n}")["id"] for n in range(105)}
        listed = [one["id"] for one in them.list()]
        assert made <= set(listed)
        assert len(listed) == len(set(listed))
        for id_ in made:
            them.delete(id_)

    @pytest.mark.parametrize("id_", ["nobody", "../topics", "a/b", "ä ?#"])
    def test_ids_are_no_paths(self, client: Client, id_: str) -> None:
        with pytest.raises(Refused) as refused:
            client.subscriptions.get(id_)
        assert refused.value.status in (400, 404)


class TestSources:
    def test_from_the_making_to_the_end(self, client: Client) -> None:
        options = {"provider": "github", "secrets": ["s" * 20]}
        made = client.sources.create("mine", topic="mine/{type}", **options)
        assert made["url"].endswith("/hooks/mine")
        assert "s" * 20 not in str(made)
        assert "mine" in [one["name"] for one in client.sources.list()]
        replaced = client.sources.replace("mine", topic="other", **options)
        assert replaced["topic"] == client.sources.get("mine")["topic"] == "other"
        with pytest.raises(Refused) as refused:
            client.sources.create("mine", **options)
        assert refused.value.status == 409
        client.sources.delete("mine")
        with pytest.raises(Refused):
            client.sources.get("mine")

    def test_put_makes_one_too(self, client: Client) -> None:
        client.sources.replace("put", topic="a", provider="stripe", secrets=["whsec_x"])
        assert client.sources.get("put")["options"]["provider"] == "stripe"
        client.sources.delete("put")

    def test_with_a_bound_of_its_own(self, client: Client) -> None:
        options: dict[str, Any] = {"provider": "github", "secrets": ["s" * 20]}
        assert client.sources.create("bound", max_bytes=4096, **options)["max_bytes"] == 4096
        assert client.sources.replace("bound", max_bytes=8192, **options)["max_bytes"] == 8192
        assert "max_bytes" not in client.sources.replace("bound", **options)
        client.sources.delete("bound")


class TestWebSub:
    URL = "http://127.0.0.1:9/feed"  # where nobody is

    def test_followed_and_not_any_more(self, client: Client) -> None:
        client.sources.create("hooks", provider="github", secrets=["s" * 20])
        made = client.websub.follow("news", self.URL, "news/blog", backfill=3, max_bytes=65536)
        assert (made["kind"], made["url"], made["max_bytes"]) == ("websub", self.URL, 65536)
        again = client.websub.follow("news", self.URL, "news/other", split=False, lease=3600)
        assert again["options"] == {"url": self.URL, "split": False, "lease": 3600}
        (one,) = client.websub.followed()
        assert (one["name"], one["topic"]) == ("news", "news/other")
        assert one["status"]["state"] in ("pending", "polled")
        client.websub.unfollow("news")
        assert client.websub.followed() == []
        with pytest.raises(Refused):
            client.websub.unfollow("news")
        client.sources.delete("hooks")

    def test_what_the_hub_says(self, client: Client, server: Serving) -> None:
        topic = f"{server.url}/topics/a%20b?type=x&format=atom"
        told = client.websub.explain(topic)
        assert (told["topic"], told["is_ours"]) == (topic, True)
        told = client.websub.explain(topic, "https://reader.example/?a=1&b=2")
        assert told["callback"] == "https://reader.example/?a=1&b=2"
        assert (told["state"], told["why"][:3]) == ("none", "No:")


@pytest.mark.anyio
async def test_an_asynchronous_client_has_the_same(server: Serving, receiver: Receiver) -> None:
    async with AsyncClient(server.url) as client:
        made = await client.subscriptions.create(receiver.url)
        assert (await client.subscriptions.get(made["id"]))["sink"] == receiver.url
        await client.subscriptions.delete(made["id"])
        assert await client.websub.followed() == []
        assert [one["name"] for one in await client.sources.list()] == []


def test_nobody_there(unused_port: int) -> None:
    with Client(f"http://127.0.0.1:{unused_port}") as client, pytest.raises(Unreachable):
        client.sources.list()
