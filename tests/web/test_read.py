"""`GET`: history, feeds and what is refused; streams that stay open are in test_live.py."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from asgi import Client, Reply
from gateway import Gateway, running_gateway
from hubbub.core.contracts import Retention
from hubbub.core.grants import Grants
from hubbub.web.auth import ApiKey, AuthOptions
from hubbub.web.options import WebOptions

pytestmark = pytest.mark.anyio

SSE = "text/event-stream"
ATOM = "application/atom+xml"
JSON_FEED = "application/feed+json"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def links(reply: Reply) -> dict[str, str]:
    found = re.findall(r'<([^>]*)>; rel="([^"]*)"', reply.get("link"))
    return {rel: target for target, rel in found}


def ids(reply: Reply) -> list[str]:
    assert reply.status == 200, reply
    return [event["id"] for event in reply.json()]


async def fill(client: Client, *topics: str, **headers: str) -> None:
    for topic in topics:
        reply = await client.post(f"/topics/{topic}", b'{"n": 1}', **headers)
        assert reply.status == 201, reply


async def follow(client: Client, path: str) -> list[list[str]]:
    """Follow rel=next to the end."""
    pages: list[list[str]] = []
    while True:
        reply = await client.get(path)
        pages.append(ids(reply))
        following = links(reply).get("next")
        if following is None:
            return pages
        path = following.removeprefix("http://127.0.0.1:8080")


# History


async def test_a_page_is_a_batch(gateway: Gateway, client: Client) -> None:
    await fill(client, "orders/42")
    reply = await client.get("/topics/orders/42")
    assert reply["content-type"] == "application/json"
    epoch = gateway.log.epoch
    assert reply.json() == [
        {
            "specversion": "1.0",
            "id": "id-1",
            "source": "/topics/orders/42",
            "type": "hubbub.published",
            "datacontenttype": "application/json",
            "topic": "orders/42",
            "data": {"n": 1},
            "position": f"{epoch}-1",
            "recordedtime": "2026-02-02T02:40:00.000Z",
        }
    ]
    assert reply["hubbub-position"] == f"{epoch}-1"
    assert reply["cache-control"] == "no-store"
    assert "accept" in reply["vary"]
    assert links(reply) == {
        "hub": "http://127.0.0.1:8080/hub",
        "self": "http://127.0.0.1:8080/topics/orders/42",
    }


async def test_an_empty_page(client: Client) -> None:
    reply = await client.get("/topics/nothing/here")
    assert (reply.status, reply.json()) == (200, [])
    assert reply["hubbub-position"].endswith("-0")


@pytest.mark.parametrize(
    ("path", "ids_"),
    [
        ("/topics/a", ["id-1", "id-3"]),
        ("/topics/*", ["id-1", "id-2", "id-3"]),
        ("/topics/**", ["id-1", "id-2", "id-3", "id-4"]),
        ("/topics/c/*", ["id-4"]),
        ("/topics/c/d%20e", ["id-4"]),
        ("/events", ["id-1", "id-2", "id-3", "id-4"]),
        ("/events?topic=a&topic=c/*", ["id-1", "id-3", "id-4"]),
        ("/events?topic=c%2Fd+e", ["id-4"]),
        ("/events?since=latest", []),
        ("/events?since=earliest", ["id-1", "id-2", "id-3", "id-4"]),
        ("/events?since=000g40q4-2", ["id-3", "id-4"]),
        ("/events?since=2026-02-02T02:40:00Z", ["id-1", "id-2", "id-3", "id-4"]),
        ("/events?since=2026-02-02T02:40:01Z", []),
        ("/events?since=1h", ["id-1", "id-2", "id-3", "id-4"]),
        ("/events?last=2", ["id-3", "id-4"]),
        ("/topics/a?last=1", ["id-3"]),
        ("/events?order=desc", ["id-4", "id-3", "id-2", "id-1"]),
        ("/events?order=desc&before=000g40q4-3", ["id-2", "id-1"]),
        ("/events?order=desc&since=000g40q4-2", ["id-4", "id-3"]),
        ("/events?type=special", ["id-4"]),
        ("/events?type=special&type=hubbub.published", ["id-1", "id-2", "id-3", "id-4"]),
        ("/events?filter=type%20=%20'special'", ["id-4"]),
        ("/events?filter=topic%20LIKE%20'c%25'", ["id-4"]),
        ("/events?filter=NOT+EXISTS+subject&topic=a", ["id-1", "id-3"]),
    ],
)
async def test_what_is_asked_for(client: Client, path: str, ids_: list[str]) -> None:
    await fill(client, "a", "b", "a")
    await fill(client, "c/d%20e", ce_type="special")
    assert ids(await client.get(path)) == ids_


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("?limit=2", [["id-1", "id-2"], ["id-3", "id-4"], ["id-5"]]),
        ("?limit=2&order=desc", [["id-5", "id-4"], ["id-3", "id-2"], ["id-1"]]),
        ("?limit=5", [["id-1", "id-2", "id-3", "id-4", "id-5"]]),
        ("?limit=2&last=3", [["id-3", "id-4"], ["id-5"]]),
        ("?limit=1&topic=a%20b", [["id-2"], ["id-4"]]),
        ("?limit=1&topic=a%20b&filter=topic%3D'a%20b'&type=hubbub.published", [["id-2"], ["id-4"]]),
        ("?limit=2&since=2h", [["id-1", "id-2"], ["id-3", "id-4"], ["id-5"]]),
    ],
)
async def test_pages(client: Client, query: str, pages: list[list[str]]) -> None:
    await fill(client, "x", "a%20b", "x", "a%20b", "x")
    assert [page for page in await follow(client, f"/events{query}") if page] == pages


async def test_pages_of_a_pattern_stay_on_it(client: Client) -> None:
    await fill(client, "a/1", "b", "a/2")
    reply = await client.get("/topics/a/*?limit=1&access_token=secret")
    assert links(reply)["next"] == "http://127.0.0.1:8080/topics/a/*?limit=1&since=000g40q4-1"
    assert links(reply)["self"] == "http://127.0.0.1:8080/topics/a/*"


async def test_the_position_of_a_page_misses_nothing(gateway: Gateway, client: Client) -> None:
    """What is appended while the page is read is after the position that the page names."""
    await fill(client, "a")
    read = gateway.log.read

    async def slow(*arguments: Any) -> Any:
        gateway.log.read = read
        page = await read(*arguments)
        await fill(client, "a")
        return page

    gateway.log.read = slow
    reply = await client.get("/topics/a")
    again = await client.get(f"/topics/a?since={reply['hubbub-position']}")
    assert {*ids(reply), *ids(again)} == {"id-1", "id-2"}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        (BROWSER, "application/json"),
        ("application/json", "application/json"),
        ("application/cloudevents-batch+json", "application/cloudevents-batch+json"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("text/event-stream;q=0.1, application/x-ndjson", "application/x-ndjson"),
        (ATOM, ATOM),
        (JSON_FEED, JSON_FEED),
    ],
)
async def test_accept(client: Client, accept: str, content_type: str) -> None:
    reply = await client.get("/topics/a", {"accept": accept} if accept else {})
    assert (reply.status, reply["content-type"]) == (200, content_type)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("json", "application/json"),
        ("batch", "application/cloudevents-batch+json"),
        ("ndjson", "application/x-ndjson"),
        ("atom", ATOM),
        ("json-feed", JSON_FEED),
    ],
)
async def test_format_rules_over_accept(client: Client, name: str, content_type: str) -> None:
    reply = await client.get(f"/topics/a?format={name}", {"accept": "image/png"})
    assert (reply.status, reply["content-type"]) == (200, content_type)


async def test_lines(client: Client) -> None:
    await client.post("/topics/a", b'{\n "a": 1\r\n}')
    await client.post("/topics/a", b"[\n]")
    reply = await client.get("/topics/a?format=ndjson")
    lines = reply.body.split(b"\n")
    assert len(lines) == 3
    assert lines[2] == b""
    assert b'"data":{  "a": 1 }' in lines[0]


# Refusals


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/topics/a*", "invalid-topic"),
        ("/topics/**/a", "invalid-topic"),
        ("/topics/a%2Fb", "invalid-topic"),
        ("/topics/%FF", "invalid-topic"),
        ("/topics/", "invalid-topic"),
        ("/events?topic=", "invalid-topic"),
        ("/events?" + "&".join(f"topic=t{n}" for n in range(101)), "invalid-topic"),
        ("/events?since=never", "invalid-position"),
        ("/events?since=", "invalid-position"),
        ("/events?since=1h&last=5", "invalid-position"),
        ("/events?last=0", "invalid-position"),
        ("/events?last=1001", "invalid-position"),
        ("/events?limit=0", "malformed"),
        ("/events?limit=1001", "malformed"),
        ("/events?limit=%D9%A1", "malformed"),
        ("/events?limit=" + "9" * 5000, "malformed"),
        ("/events?limit=1&limit=2", "malformed"),
        ("/events?order=up", "malformed"),
        ("/events?before=000g40q4-1", "malformed"),
        ("/events?order=desc&before=x", "invalid-position"),
        ("/events?format=xml", "malformed"),
        ("/events?format=data", "malformed"),
        ("/events?type=", "invalid-event"),
        ("/events?" + "&".join(["type=t"] * 101), "malformed"),
        ("/events?filter=", "invalid-filter"),
        ("/events?filter=type%20%3D", "invalid-filter"),
        ("/events?filter=" + "(" * 5000, "invalid-filter"),
        ("/events?topic=%ED%A0%80", "malformed"),
        ("/events?" + "a=1&" * 500, "malformed"),
    ],
)
async def test_bad_reads(client: Client, path: str, kind: str) -> None:
    reply = await client.get(path)
    assert reply.status == 400, reply
    assert reply.json()["type"].endswith(f"/{kind}")


async def test_a_bad_filter_is_pointed_at(client: Client) -> None:
    reply = await client.get("/events?filter=type%20=%20%23")
    assert reply.json()["errors"][0]["position"] == 7


async def test_nothing_acceptable(client: Client) -> None:
    reply = await client.get("/topics/a", {"accept": "image/png, text/html;q=0.5"})
    assert reply.status == 406
    assert "application/json" in reply.json()["detail"]


async def test_a_lost_position_is_told(gateway: Gateway, client: Client) -> None:
    await fill(client, "a", "a", "a")
    await gateway.log.trim(Retention(max_count=1))
    for lost in ("000g40q4-1", "000g40q4-99", "zzzzzzzz-1"):
        reply = await client.get(f"/topics/a?since={lost}")
        assert reply.status == 410
        document = reply.json()
        assert document["type"].endswith("/gap")
        assert document["requested"] == lost
        assert document["resumes_at"] == "000g40q4-2"
        again = await client.get(f"/topics/a?since={document['resumes_at']}")
        assert ids(again) == ["id-3"]
    assert ids(await client.get("/topics/a")) == ["id-3"]


TOKENS = {name: f"hk_{name}" for name in ("some", "none")}
KEYS = tuple(
    ApiKey(name=name, hash=hashlib.sha256(token.encode()).hexdigest(), grants=grants)
    for (name, token), grants in zip(
        TOKENS.items(), (Grants(subscribe=("a/*", "b")), Grants(publish=("**",))), strict=True
    )
)


async def test_rights() -> None:
    async with running_gateway(auth=AuthOptions(keys=KEYS)) as gateway:
        client = Client(gateway.app())
        some, none = ({"authorization": f"Bearer {token}"} for token in TOKENS.values())
        await fill(client, "a/1", "b", "c", authorization=f"Bearer {TOKENS['none']}")
        assert ids(await client.get("/events", some)) == ["id-1", "id-2"]
        assert ids(await client.get("/topics/a/*", some)) == ["id-1"]
        for path in ("/topics/**", "/topics/c", "/events?topic=b&topic=c"):
            reply = await client.get(path, some)
            assert reply.status == 403
            assert reply["www-authenticate"].startswith("Bearer")
        assert (await client.get("/events", none)).status == 403
        reply = await client.get("/events")
        assert reply.status == 401
        assert reply["www-authenticate"] == 'Bearer realm="hubbub"'


# HEAD, OPTIONS, versions


@pytest.mark.parametrize("accept", ["application/json", SSE, ATOM])
async def test_head_is_get_without_a_body(client: Client, accept: str) -> None:
    await fill(client, "a")
    reply = await client("HEAD", "/topics/a", b"", {"accept": accept})
    assert (reply.status, reply.body) == (200, b"")
    assert reply["content-type"] == accept
    assert links(reply)["hub"] == "http://127.0.0.1:8080/hub"
    assert reply["hubbub-position"] == "000g40q4-1"


async def test_head_has_the_length_of_get(client: Client) -> None:
    await fill(client, "a")
    head = await client("HEAD", "/topics/a")
    assert head["content-length"] == str(len((await client.get("/topics/a")).body))


@pytest.mark.parametrize("path", ["/topics/a", "/events"])
async def test_options(client: Client, path: str) -> None:
    reply = await client("OPTIONS", path)
    assert reply.status == 204
    assert reply["allow"] == "GET, HEAD, POST, OPTIONS"
    assert "application/cloudevents+json" in reply["accept-post"]
    assert "content-length" not in reply


async def test_streams_need_http_1_1(client: Client) -> None:
    reply = await client.get("/topics/a", {"accept": SSE}, scope={"http_version": "1.0"})
    assert reply.status == 505
    assert reply["content-type"] == "application/problem+json"
    assert (await client.get("/topics/a", scope={"http_version": "1.0"})).status == 200


@pytest.mark.parametrize("query", ["event=all", "control=maybe", "since=never", "last=0"])
async def test_bad_streams(client: Client, query: str) -> None:
    reply = await client.get(f"/topics/a?{query}", {"accept": SSE})
    assert reply.status == 400


# Addresses in links


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("events.example", "http://events.example"),
        ("[::1]:8080", "http://[::1]:8080"),
        ('x"><script>', "http://127.0.0.1:8080"),
        ("a, b", "http://127.0.0.1:8080"),
        ("", "http://127.0.0.1:8080"),
    ],
)
async def test_links_are_made_of_the_host_asked_for(client: Client, host: str, base: str) -> None:
    lines = [(b"host", host.encode())] if host else []
    reply = await client("GET", "/topics/a", scope={"headers": lines})
    assert links(reply)["self"] == f"{base}/topics/a"


async def test_links_are_made_of_the_public_url_if_there_is_one() -> None:
    web = WebOptions(public_url="https://events.example/hubbub/")
    async with running_gateway(web=web) as gateway:
        client = Client(gateway.app())
        await fill(client, "a%20b", "a%20b")
        reply = await client.get("/topics/a%20b?limit=1")
        assert links(reply) == {
            "hub": "https://events.example/hubbub/hub",
            "self": "https://events.example/hubbub/topics/a%20b",
            "next": "https://events.example/hubbub/topics/a%20b?limit=1&since=000g40q4-1",
        }


# Feeds


async def test_a_feed_of_a_topic(client: Client) -> None:
    await fill(client, *["a"] * 60)
    reply = await client.get("/topics/a", {"accept": ATOM})
    root = ET.fromstring(reply.body)
    space = "{http://www.w3.org/2005/Atom}"
    found = {link.get("rel"): link.get("href") for link in root.findall(f"{space}link")}
    assert found["self"] == "http://127.0.0.1:8080/topics/a?format=atom" == links(reply)["self"]
    assert found["hub"] == "http://127.0.0.1:8080/hub" == links(reply)["hub"]
    assert len(root.findall(f"{space}entry")) == 50


async def test_feeds_are_newest_first(client: Client) -> None:
    await fill(client, "a", "b", "a")
    for path in ("/topics/a", "/events?topic=a"):
        document = (await client.get(path, {"accept": JSON_FEED})).json()
        assert [item["_cloudevent"]["id"] for item in document["items"]] == ["id-3", "id-1"]
        assert document["title"] == "a"
        assert document["feed_url"] == "http://127.0.0.1:8080/topics/a?format=json-feed"


async def test_feeds_of_several_topics_and_of_all(client: Client) -> None:
    await fill(client, "a", "b", "c")
    two = (await client.get("/events?topic=a&topic=b%20c", {"accept": JSON_FEED})).json()
    assert two["feed_url"].endswith("/events?format=json-feed&topic=a&topic=b+c")
    assert len(two["items"]) == 1
    everything = (await client.get("/events", {"accept": JSON_FEED})).json()
    assert everything["title"] == "all topics"
    assert everything["feed_url"].endswith("/events?format=json-feed")
    assert "hubs" not in everything
    assert len(everything["items"]) == 3


async def test_a_feed_that_has_not_changed_is_not_sent_again(client: Client) -> None:
    await fill(client, "a")
    first = await client.get("/topics/a?format=atom")
    again = await client.get("/topics/a?format=atom", {"if-none-match": first["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert again["etag"] == first["etag"]
    assert "content-length" not in again
    await fill(client, "a")
    again = await client.get("/topics/a?format=atom", {"if-none-match": first["etag"]})
    assert again.status == 200
