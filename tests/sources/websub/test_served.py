"""The real gateway follows a feed: made over the API, verified and pushed over HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from serving import serving
from sources.websub.world import ATOM, atom, entry, outside

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def call(method: str, url: str, said: Any = None, *, until: Any = None) -> Any:
    """Send a request; again until its answer is as it should be."""
    async with ClientSession() as session:
        for _ in range(500):
            async with session.request(method, url, json=said) as answer:
                told = json.loads(await answer.text() or "null")
                assert answer.status < 300, told
            if until is None or until(told):
                return told
            await asyncio.sleep(0.01)
    raise AssertionError(told)


async def test_the_server_follows_a_feed(tmp_path: Path) -> None:
    """websub 36 to 50, from end to end, over a restart."""
    allowed = {"HUBBUB_EGRESS__ALLOW_FETCH": '["127.0.0.0/8"]'}
    async with outside() as world:
        world.page(atom(entry(1)))
        hub = world.hub()
        document = {
            "name": "news",
            "kind": "websub",
            "topic": "news/blog",
            "options": {"url": world.url + "/feed"},
        }
        with serving("--port", "0", cwd=tmp_path, **allowed) as server:
            made = await call("POST", server.url + "/sources", document)
            assert (made["url"], made["secrets"]) == (world.url + "/feed", 1)
            at = server.url + "/sources/news"
            shown = await call("GET", at, until=lambda _: hub.subscribed)
            status = shown["status"]
            assert status["state"] == "pushed"
            assert status["hub"] == world.url + "/hub"
            assert hub.forms[0]["hub.callback"].startswith(server.url + "/websub/")
            assert await world.push(atom(entry(2), entry(1))) == [200]
            (event,) = server.events("news/blog")
            assert (event.type, event.data["title"]) == ("hubbub.feed.entry", "Number 2")
            callback = hub.forms[0]["hub.callback"]
            assert await world.post(callback, atom(entry(3)), {"Content-Type": ATOM}) == 403
            assert (await world.get(callback, {"hub.mode": "unsubscribe"}))[0] == 404
        with serving("--port", "0", cwd=tmp_path, **allowed) as server:  # and at another address
            at = server.url + "/sources/news"
            await call(
                "GET", at, until=lambda _: any(one.startswith(server.url) for one in hub.subscribed)
            )
            assert 200 in await world.push(atom(entry(3), entry(2)))
            titles = [event.data["title"] for event in server.events("news/blog")]
            assert titles == ["Number 2", "Number 3"]
            async with ClientSession() as session, session.delete(at) as answer:
                assert answer.status == 204
            for _ in range(500):
                if "unsubscribe" in hub.asked[-1:]:
                    break
                await asyncio.sleep(0.01)
            assert hub.forms[-1]["hub.mode"] == "unsubscribe"


async def test_two_gateways_follow_each_other(tmp_path: Path) -> None:
    """Events keep their ids on the way there and back, so none comes twice."""
    allowed = {
        "HUBBUB_EGRESS__ALLOW_FETCH": '["127.0.0.0/8"]',
        "HUBBUB_EGRESS__ALLOW": '["127.0.0.0/8"]',
    }
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        serving("--port", "0", cwd=tmp_path / "a", **allowed) as a,
        serving("--port", "0", cwd=tmp_path / "b", **allowed) as b,
    ):
        for here, there in ((a, b), (b, a)):
            document = {
                "name": "other",
                "kind": "websub",
                "topic": "shared",
                "options": {"url": there.url + "/topics/shared"},
            }
            await call("POST", here.url + "/sources", document)
        for here in (a, b):
            at = here.url + "/sources/other"
            await call("GET", at, until=lambda one: one["status"]["state"] == "pushed")
        for number in range(3):
            await call("POST", a.url + "/topics/shared", {"from": "a", "n": number})
            await call("POST", b.url + "/topics/shared", {"from": "b", "n": number})
        for here in (a, b):
            await call("GET", here.url + "/topics/shared", until=lambda found: len(found) >= 6)
        # Deliveries are in order: what would come back comes before what was published after it.
        for here in (a, b):
            await call("POST", here.url + "/topics/shared", {"from": "the end"})
        for here in (a, b):
            await call("GET", here.url + "/topics/shared", until=lambda found: len(found) >= 8)
        ids = [[event.id for event in here.events("shared")] for here in (a, b)]
        assert len(ids[0]) == len(ids[1]) == 8
        assert set(ids[0]) == set(ids[1])


async def test_a_gateway_that_was_away_catches_up(tmp_path: Path) -> None:
    """Page after page, from where it was: more than any one document holds."""
    allowed = {"HUBBUB_EGRESS__ALLOW_FETCH": '["127.0.0.0/8"]'}  # a cannot push to b
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with serving("--port", "0", cwd=tmp_path / "a") as a:
        await call("POST", a.url + "/topics/old", {"n": -1})
        document = {
            "name": "other",
            "kind": "websub",
            "topic": "copy",
            "options": {"url": a.url + "/topics/old"},
        }
        with serving("--port", "0", cwd=tmp_path / "b", **allowed) as b:
            await call("POST", b.url + "/sources", document)
            at = b.url + "/sources/other"
            await call("GET", at, until=lambda one: one["status"].get("last_poll"))
        lines = "".join(f'{{"n":{number}}}\n' for number in range(350))
        async with (
            ClientSession() as session,
            session.post(
                a.url + "/topics/old", data=lines, headers={"Content-Type": "application/x-ndjson"}
            ) as answer,
        ):
            assert answer.status < 300
        with serving("--port", "0", cwd=tmp_path / "b", **allowed) as b:
            await call("PUT", b.url + "/sources/other", document)  # have it looked at now
            at = b.url + "/topics/copy?limit=1000"
            found = await call("GET", at, until=lambda one: len(one) >= 350)
            assert [event["data"]["n"] for event in found] == [*range(350)]
