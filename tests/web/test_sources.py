"""`/sources`: made, seen, replaced and forgotten by those who may, without ever showing a secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from hubbub.core.grants import Grants
from hubbub.web import openapi
from hubbub.web.auth.options import ApiKey, AuthOptions
from hubbub.web.options import WebOptions
from hubbub.web.routes_sources import source_resources
from web_clients.keys import KEY
from webhooks.rig import SECRET, Hooked, github, hooked

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub() -> AsyncIterator[Hooked]:
    async with hooked() as hub:
        yield hub


def document(name: str | None = "shop", **more: Any) -> dict[str, Any]:
    made = {"kind": "webhook", "options": {"provider": "github", "secrets": [SECRET]}, **more}
    return made if name is None else made | {"name": name}


async def put(hub: Hooked, name: str, said: Any, **headers: str) -> Any:
    lines = {"content-type": "application/json", **headers}
    return await hub.client("PUT", f"/sources/{name}", json.dumps(said).encode(), lines)


async def test_from_creation_to_deletion(hub: Hooked) -> None:
    created = await hub.client.post("/sources", document(topic="g/{type}", max_bytes=1000))
    assert created.status == 201
    assert created["location"] == "http://127.0.0.1:8080/sources/shop"
    told = {
        "name": "shop",
        "kind": "webhook",
        "topic": "g/{type}",
        "url": "http://127.0.0.1:8080/hooks/shop",
        "secrets": 1,
        "max_bytes": 1000,
        "options": {"provider": "github"},
    }
    assert created.json() == told
    assert (await hub.client.get("/sources/shop")).json() == told
    assert (await hub.client.get("/sources")).json() == {"sources": [told]}
    again = await hub.client.post("/sources", document())
    assert again.status == 409
    assert again.json()["errors"][0]["pointer"] == "/name"
    assert (await hub.client("DELETE", "/sources/shop")).status == 204
    assert (await hub.client("DELETE", "/sources/shop")).status == 404
    assert (await hub.client.get("/sources/shop")).status == 404
    assert (await hub.client("POST", "/hooks/shop", b"{}", github(b"{}"))).status == 404


async def test_what_was_shown_can_be_put_back(hub: Hooked) -> None:
    await hub.client.post(
        "/sources", document(options={"provider": "github", "secrets": ["a", "b"]})
    )
    shown = (await hub.client.get("/sources/shop")).json()
    shown["topic"] = "elsewhere/{type}"
    replaced = await put(hub, "shop", shown)
    assert (replaced.status, replaced.json()) == (200, shown)
    for secret in ("a", "b"):  # those that it had
        headers = github(b"{}", secret=secret, id=secret)
        assert (await hub.client("POST", "/hooks/shop", b"{}", headers)).status == 200
    assert {record.topic for record in await hub.records()} == {"elsewhere/push"}


async def test_put_replaces_secrets_and_makes_what_is_not_there(hub: Hooked) -> None:
    assert (await put(hub, "shop", document(None))).status == 201
    said = document(None, options={"provider": "github", "secrets": ["new"]})
    assert (await put(hub, "shop", said)).status == 200
    assert (await hub.client("POST", "/hooks/shop", b"{}", github(b"{}"))).status == 401
    headers = github(b"{}", secret="new")
    assert (await hub.client("POST", "/hooks/shop", b"{}", headers)).status == 200
    assert (await put(hub, "shop", document("other"))).status == 400
    assert (
        await put(hub, "other", {"kind": "webhook", "options": {"provider": "x"}})
    ).status == 400


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        (document(None), ""),
        (document("Shop"), "/name"),
        (document("a/b"), "/name"),
        (document("a" * 64), "/name"),
        (document(kind="carrier-pigeon"), "/kind"),
        (document(topic="a/{what}"), "/topic"),
        (document(topic="a//b"), "/topic"),
        (document(max_bytes=0), "/max_bytes"),
        (document(colour="red"), ""),
        (document(options={"provider": "githup", "secrets": ["s"]}), "/options/provider"),
        (document(options={"provider": "github", "secrets": ["s", ""]}), "/options/secrets/1"),
        (document(options={"provider": "github", "secrets": []}), "/options/secrets"),
        (document(options={"provider": "discord", "secrets": ["s3cret"]}), "/options/secrets/0"),
        (document(options={"provider": "github"}), "/options"),
        ([], ""),
    ],
)
async def test_mistakes_are_told_by_their_place(hub: Hooked, said: Any, pointer: str) -> None:
    reply = await hub.client.post("/sources", said)
    assert reply.status == 400, reply
    assert "s3cret" not in reply.body.decode()
    if pointer:
        assert reply.json()["errors"][0]["pointer"] == pointer
    assert (await hub.client.get("/sources")).json() == {"sources": []}


async def test_documents_are_json_within_a_bound(hub: Hooked) -> None:
    assert (await hub.client.post("/sources", document(), "text/plain")).status == 415
    assert (await hub.client.post("/sources", b" " * 200_000)).status == 413
    reply = await hub.client.post("/sources", document(), content_encoding="gzip")
    assert reply.status == 415


async def test_no_secret_is_ever_shown(hub: Hooked) -> None:
    options = {"provider": "meta", "secrets": ["hush-1", "hush-2"], "verify_token": "hush-3"}
    replies = [
        await hub.client.post("/sources", document(options=options)),
        await hub.client.get("/sources"),
        await hub.client.get("/sources/shop"),
        await put(hub, "shop", document(options=options)),
    ]
    (kept,) = await hub.registry.all("source")
    for text in (*(reply.body for reply in replies), kept.body):
        assert b"hush" not in text
    assert replies[-1].json()["secrets"] == 2
    source = hub.gateway.sources.get("shop")
    assert "hush" not in repr(source) + repr(source.opened)


async def test_the_address_is_the_public_one() -> None:
    async with hooked(web=WebOptions(public_url="https://hub.example/x")) as hub:
        created = await hub.client.post("/sources", document())
        assert created["location"] == "https://hub.example/x/sources/shop"
        assert created.json()["url"] == "https://hub.example/x/hooks/shop"
        own = {"provider": "github", "secrets": ["s"], "public_url": "https://a.example/b"}
        assert (await put(hub, "shop", document(options=own))).json()["url"] == own["public_url"]


# Who may


def holding(**grants: Any) -> AuthOptions:
    """Return settings in which `KEY` has these grants and no others."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    return AuthOptions(keys=(ApiKey(name="k", hash=digest, grants=Grants(**grants)),))


def managing(*patterns: str) -> AuthOptions:
    return holding(manage=patterns)


async def test_without_manage_there_is_nothing_to_see() -> None:
    async with hooked(auth=holding(publish=("**",), subscribe=("**",))) as hub:
        assert (await hub.client.get("/sources")).status == 401
        bearer = {"authorization": f"Bearer {KEY}"}
        assert (await hub.client.get("/sources", bearer)).status == 403
        reply = await hub.client.post("/sources", document(), authorization=f"Bearer {KEY}")
        assert reply.status == 403


@pytest.mark.parametrize(
    ("patterns", "topic", "status"),
    [
        (("shop/**",), "shop/{type}", 201),
        (("shop/*",), "shop/a-{type}", 201),
        (("shop/github",), "shop/{provider}", 201),
        (("shop/orders",), "shop/orders", 201),
        (("shop/orders",), "shop/{type}", 403),
        (("shop/*",), "shop/{type}/{id}", 403),
        (("shop/**",), "{header:x-shop}/orders", 403),
        (("**",), "{header:x-shop}/orders", 201),
        (("github/*",), "", 201),
        (("shop/**",), "", 403),
    ],
)
async def test_patterns_must_cover_the_template(
    patterns: tuple[str, ...], topic: str, status: int
) -> None:
    async with hooked(auth=managing(*patterns)) as hub:
        said, bearer = document(topic=topic), f"Bearer {KEY}"
        assert (await hub.client.post("/sources", said, authorization=bearer)).status == status
        assert (await put(hub, "shop", said, authorization=bearer)).status == (
            200 if status == 201 else 403
        )


async def test_the_sources_of_others_are_out_of_reach() -> None:
    async with hooked(auth=managing("mine/**")) as hub:
        bearer = {"authorization": f"Bearer {KEY}"}
        theirs = hub.gateway.sources.read(json.dumps(document(topic="theirs/{type}")).encode())
        await hub.gateway.sources.create(theirs)
        await hub.client.post("/sources", document("own", topic="mine/{type}"), **bearer)
        found = (await hub.client.get("/sources", bearer)).json()["sources"]
        assert [source["name"] for source in found] == ["own"]
        assert (await hub.client.get("/sources/shop", bearer)).status == 403
        assert (await hub.client("DELETE", "/sources/shop", headers=bearer)).status == 403
        taken = document(topic="mine/{type}")
        assert (await put(hub, "shop", taken, **bearer)).status == 403
        assert hub.gateway.sources.get("shop").topic == "theirs/{type}"


async def test_manage_true_is_everything() -> None:
    async with hooked(auth=holding(manage=True)) as hub:
        said = document(topic="{id}/{type}")
        assert (
            await hub.client.post("/sources", said, authorization=f"Bearer {KEY}")
        ).status == 201


# The API's document


async def test_it_is_described_as_it_is(hub: Hooked) -> None:
    table = source_resources(hub.gateway)
    described = json.loads(openapi.document(table, "1"))
    OpenAPIV31SpecValidator(described).validate()
    await hub.client.post("/sources", document())
    for path, status in (("/sources", 200), ("/sources/shop", 200), ("/hooks/shop", 405)):
        reply = await hub.client.get(path)
        assert reply.status == status
        told = described["paths"][path.replace("shop", "{name}")]["get"]["responses"][str(status)]
        schema = told["content"][reply["content-type"]]["schema"]
        whole = {**schema, "components": described["components"]}
        jsonschema_rs.validator_for(whole).validate(reply.json())


async def test_how_a_source_stands_is_told_of_it_alone(hub: Hooked) -> None:
    """Of kinds that do something by themselves; and it may come back with the document."""

    class Keeper:
        def changed(self, name: str) -> None: ...

        def status(self, name: str) -> dict[str, str]:
            return {"state": f"{name} is well"}

    hub.gateway.sources.attend("webhook", Keeper())
    created = await hub.client.post("/sources", document())
    shown = (await hub.client.get("/sources/shop")).json()
    assert shown == created.json() | {"status": {"state": "shop is well"}}
    assert (await hub.client.get("/sources")).json() == {"sources": [created.json()]}
    assert (await put(hub, "shop", shown)).status == 200
