"""`/hub` over HTTP, and topics as documents."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

import pytest

from asgi import Client, Reply
from gateway import Gateway, running_gateway
from hubbub.core.grants import EVERYONE, Grants
from hubbub.core.start import LATEST
from hubbub.web.auth import ApiKey, AuthOptions
from hubbub.web.options import WebOptions
from hubbub.websub.options import WebSubOptions
from hubbub.wire.websub import Subscribing, parse

pytestmark = pytest.mark.anyio

BASE = "http://testserver"
TOPIC = f"{BASE}/topics/blog"
CALLBACK = "http://127.0.0.1:9/cb"
FORM = [("content-type", "application/x-www-form-urlencoded")]
ASKED = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": CALLBACK}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with running_gateway(web=WebOptions(public_url=BASE)) as made:
        yield made


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return Client(gateway.app())


async def ask(client: Client, form: dict[str, str], *headers: tuple[str, str]) -> Reply:
    return await client("POST", "/hub", urlencode(form).encode(), [*FORM, *headers])


async def test_06_a_subscription_is_accepted(client: Client, gateway: Gateway) -> None:
    reply = await ask(client, ASKED)
    assert (reply.status, reply.body) == (202, b"")
    assert [intent.topic for intent in gateway.websub.verifier.pending.values()] == [TOPIC]


async def test_01_the_charset_may_be_named(client: Client) -> None:
    kind = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")]
    assert (await client("POST", "/hub", urlencode(ASKED).encode(), kind)).status == 202


@pytest.mark.parametrize(
    "topic",
    [TOPIC, f"{TOPIC}?format=atom", "https://blog.example/feed", f"{BASE}/topics/none"],
)
async def test_55_pings_are_answered_with_204(client: Client, topic: str) -> None:
    for name in ("hub.topic", "hub.url"):
        assert (await ask(client, {"hub.mode": "publish", name: topic})).status == 204


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"hub.mode": "nothing"}, 400, "hub.mode"),
        (ASKED | {"hub.secret": "x" * 200}, 400, "199 bytes"),
        (ASKED | {"hub.callback": f"{BASE}/hub"}, 400, "this hub itself"),
        (ASKED | {"hub.topic": f"{TOPIC}?since=earliest"}, 400, "format, type"),
    ],
)
async def test_07_refusals_are_plain_text(
    client: Client, form: dict[str, str], status: int, told: str
) -> None:
    reply = await ask(client, form)
    assert reply.status == status
    assert reply.get("content-type") == "text/plain; charset=utf-8"
    assert told in reply.body.decode()


async def test_10_the_hub_redirects_nobody(client: Client) -> None:
    forms: list[dict[str, str]] = [ASKED, {"hub.mode": "publish", "hub.url": TOPIC}, {}]
    for path in ("/hub", "/hub/"):
        for form in forms:
            reply = await client("POST", path, urlencode(form).encode(), FORM)
            assert not 300 <= reply.status < 400
            assert "location" not in reply


async def test_07_what_is_no_form_is_refused(client: Client) -> None:
    reply = await client("POST", "/hub", b"{}", [("content-type", "application/json")])
    assert (reply.status, reply.get("content-type")) == (415, "text/plain; charset=utf-8")
    assert (await client("POST", "/hub", b"x" * 600_000, FORM)).status == 413


async def test_pages_of_others_cannot_subscribe_to_an_open_server(client: Client) -> None:
    assert (await ask(client, ASKED, ("origin", "https://evil.example"))).status == 403


KEY = "hk_" + "a" * 43


def keyed(**grants: Any) -> AuthOptions:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    return AuthOptions(keys=(ApiKey(name="k", hash=digest, grants=Grants(**grants)),))


async def test_18_topics_are_for_those_who_may_read_them() -> None:
    bearer = ("authorization", f"Bearer {KEY}")
    auth = keyed(subscribe=("blog",))
    async with running_gateway(web=WebOptions(public_url=BASE), auth=auth) as made:
        client = Client(made.app())
        reply = await ask(client, ASKED)
        assert reply.status == 401
        assert reply.get("www-authenticate") == 'Bearer realm="hubbub"'
        assert (await ask(client, ASKED, ("authorization", "Bearer hk_wrong"))).status == 401
        other = ASKED | {"hub.topic": f"{BASE}/topics/other"}
        assert (await ask(client, other, bearer)).status == 403
        assert (await ask(client, ASKED, bearer)).status == 202
        assert (await ask(client, {"hub.mode": "publish", "hub.url": TOPIC})).status == 204
        assert (await client("GET", f"/hub?topic={TOPIC}")).status == 401
        assert (await client("GET", f"/hub?topic={TOPIC}&callback={CALLBACK}")).status == 200


async def test_the_page_says_why(client: Client) -> None:
    query = urlencode({"topic": TOPIC, "callback": CALLBACK})
    page = await client("GET", f"/hub?{query}", b"", [("accept", "text/html")])
    assert page.get("content-type") == "text/html; charset=utf-8"
    assert "nobody has subscribed" in page.body.decode()
    await ask(client, ASKED)
    told = json.loads((await client("GET", f"/hub?{query}", b"", JSON)).body)
    assert told["state"] == "pending"
    assert "waits for the callback" in told["why"]
    of = json.loads((await client("GET", f"/hub?{urlencode({'topic': TOPIC})}", b"", JSON)).body)
    assert of["is_ours"]
    assert (await client("GET", f"/hub?callback={CALLBACK}")).status == 400
    assert json.loads((await client("GET", "/hub", b"", JSON)).body) == {"hub": f"{BASE}/hub"}


JSON = [("accept", "application/json")]


async def test_nothing_that_is_asked_runs_on_the_page(client: Client) -> None:
    evil = '"><script>alert(1)</script>'
    page = await client("GET", "/hub?" + urlencode({"topic": evil, "callback": evil}))
    assert b"<script" not in page.body
    assert "default-src 'none'" in str(page.get("content-security-policy"))


async def publish(client: Client, kind: str, body: bytes, topic: str = "blog") -> None:
    assert (await client("POST", f"/topics/{topic}", body, [("content-type", kind)])).status == 201


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=utf-8", "<script>ü</script>".encode()),
        ("application/json", b' {"a": 1}\n'),
        ("image/png", bytes(range(256))),
    ],
)
async def test_a_topic_may_be_a_document(client: Client, kind: str, body: bytes) -> None:
    url = "/topics/blog?format=latest"
    assert (await client("GET", url)).status == 404
    await publish(client, "text/plain", b"old")
    await publish(client, kind, body)
    reply = await client("GET", url)
    assert (reply.status, reply.get("content-type"), reply.body) == (200, kind, body)
    assert reply.get("content-security-policy") == "sandbox; default-src 'none'"
    assert reply.get("x-content-type-options") == "nosniff"
    tag = reply.get("etag")
    assert tag
    again = await client("GET", url, b"", [("if-none-match", tag)])
    assert (again.status, again.body) == (304, b"")
    await publish(client, "text/plain", b"new")
    assert (await client("GET", url, b"", [("if-none-match", tag)])).body == b"new"
    assert (await client("HEAD", url)).body == b""


@pytest.mark.parametrize(
    ("query", "accept", "suffix"),
    [
        ("", "", ""),
        ("", "application/atom+xml", "?format=atom"),
        ("", "application/cloudevents-batch+json", "?format=batch"),
        ("?format=json-feed&type=a&since=earliest", "", "?format=json-feed&type=a"),
        ("?format=latest", "", "?format=latest"),
        ("?limit=5&filter=type%3D%27a%27", "", "?filter=type%3D%27a%27"),
    ],
)
async def test_53_54_56_58_a_representation_names_its_hub_and_itself(
    client: Client, query: str, accept: str, suffix: str
) -> None:
    await publish(client, "text/plain", b"x")
    reply = await client("GET", f"/topics/blog{query}", b"", [("accept", accept)] if accept else [])
    links = f'<{BASE}/hub>; rel="hub", <{TOPIC}{suffix}>; rel="self"'
    assert reply.get("link") == links


@pytest.mark.parametrize("pattern", ["blog/*", "**", "*/a"])
@pytest.mark.parametrize("form", ["", "batch", "atom", "json-feed", "latest"])
async def test_53_58_a_pattern_names_our_hub_and_itself(
    client: Client, gateway: Gateway, pattern: str, form: str
) -> None:
    await publish(client, "text/plain", b"x", "blog/a")
    url = f"{BASE}/topics/{pattern}" + (f"?format={form}" if form else "")
    reply = await client("GET", url.removeprefix(BASE))
    assert reply.get("link") == f'<{BASE}/hub>; rel="hub", <{url}>; rel="self"'
    if form == "atom":
        links = ET.fromstring(reply.body).findall("{http://www.w3.org/2005/Atom}link")
        found = [(one.get("rel"), one.get("href")) for one in links]
        assert ("hub", f"{BASE}/hub") in found
        assert ("self", url) in found
    if form == "json-feed":
        assert reply.json()["hubs"] == [{"type": "WebSub", "url": f"{BASE}/hub"}]
        assert reply.json()["feed_url"] == url
    head = await client("HEAD", url.removeprefix(BASE))
    assert head.get("link") == reply.get("link")
    asked = ASKED | {"hub.topic": url, "hub.callback": f"{CALLBACK}?{form}"}
    assert (await ask(client, asked)).status == 202
    assert url in [one.topic for one in gateway.websub.verifier.pending.values()]


async def test_several_patterns_are_no_topic_and_name_no_hub(client: Client) -> None:
    await publish(client, "text/plain", b"x", "blog/a")
    for query in ("", "topic=blog/*&topic=shop&"):
        reply = await client("GET", f"/events?{query}format=json-feed")
        assert "link" not in reply
        assert "hubs" not in reply.json()
        assert reply.json()["items"]
        assert b'rel="hub"' not in (await client("GET", f"/events?{query}format=atom")).body


async def test_53_hubs_of_others_are_named_where_they_are_told() -> None:
    options = WebSubOptions(hubs=("https://hub.example/",), representations=("atom",))
    async with running_gateway(web=WebOptions(public_url=BASE), websub=options) as made:
        client = Client(made.app())
        for path, is_told in (
            ("blog?format=atom", True),
            ("blog?format=json-feed", False),
            ("blog", False),
            ("*?format=atom", False),
        ):
            reply = await client("GET", f"/topics/{path}")
            assert f"<{BASE}/hub>" in str(reply.get("link"))
            assert ("<https://hub.example/>" in str(reply.get("link"))) is is_told, path
            if "format" in path:
                assert (b"https://hub.example/" in reply.body) is is_told, path


async def subscribed(gateway: Gateway) -> str:
    """Have a subscription as the hub makes it once it is verified."""
    asked = parse(
        parse_qsl(urlencode(ASKED | {"hub.secret": "s3cret", "hub.verify_token": "t0ken"}))
    )
    assert isinstance(asked, Subscribing)
    admission = gateway.websub._admission
    intent = admission.intent(asked, base=BASE, address="", principal=EVERYONE)
    await gateway.deliveries.put(intent.subscription, LATEST)
    return intent.id


async def test_subscribers_of_the_hub_are_seen_where_all_are(
    client: Client, gateway: Gateway
) -> None:
    id_ = await subscribed(gateway)
    (shown,) = (await client("GET", "/subscriptions")).json()
    assert (shown["id"], shown["protocol"], shown["sink"]) == (id_, "WEBSUB", CALLBACK)
    text = (await client("GET", f"/subscriptions/{id_}")).body
    assert b"s3cret" not in text
    assert b"t0ken" not in text
    for method, path, body in (
        ("PUT", "", b'{"sink": "https://r.example/"}'),
        ("PATCH", "", b'{"description": "x"}'),
        ("POST", "/test", b""),
        ("GET", "/secret", b""),
        ("POST", "/secret/rotate", b"{}"),
    ):
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        reply = await client(method, f"/subscriptions/{id_}{path}", body, [("content-type", kind)])
        assert reply.status == 409, path
        assert "changed by whoever asked for it" in reply.json()["detail"]
    assert (await client("POST", f"/subscriptions/{id_}/pause")).status == 200
    assert (await client("POST", f"/subscriptions/{id_}/resume")).status == 200
    assert (await client("GET", f"/subscriptions/{id_}/attempts")).json() == []


async def test_19_deleting_one_denies_it(client: Client, gateway: Gateway) -> None:
    id_ = await subscribed(gateway)
    assert (await client("DELETE", f"/subscriptions/{id_}")).status == 204
    while not (pending := gateway.websub.verifier.pending.get(id_)):
        await asyncio.sleep(0)
    assert (pending.mode, pending.reason) == ("denied", "the subscription was deleted at the hub")
