"""The Subscriptions API over HTTP: the real service over the real engine, and a receiver in between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route, Router

from asgi import Client, Reply
from deliveries.rig import SICK, settle
from deliveries.served import SINK, Served, served
from gateway import Gateway
from hubbub.core.grants import Grants
from hubbub.core.subscription import Policy
from hubbub.deliveries.documents import MEMBERS, READ_ONLY, SETTINGS
from hubbub.deliveries.members import DURATIONS
from hubbub.deliveries.secrets import new_secret
from hubbub.web import schemas_subscriptions as schemas
from hubbub.web.auth import ApiKey, AuthOptions
from hubbub.web.auth.mint import key_hash
from hubbub.web.openapi import document
from hubbub.web.routes_subscriptions import subscription_resources
from hubbub.web.subscriptions import MAX_DOCUMENT

pytestmark = pytest.mark.anyio


class Face:
    """A gateway with subscriptions, and a client of theirs that holds every answer to the document."""

    def __init__(self, rig: Served, auth: AuthOptions | None) -> None:
        self.rig = rig
        gateway: Any = Gateway(auth=auth, clock=rig.time)
        gateway.subscriptions = rig.service
        self.table = subscription_resources(gateway)
        self.document: Any = json.loads(document(self.table, "1"))
        router = Router([Route(one.path, one) for one in self.table], redirect_slashes=False)
        self.client = Client(router)

    async def __call__(
        self, method: str, path: str, body: Any = None, kind: str = "application/json", **more: str
    ) -> Reply:
        sent = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        headers = {"content-type": kind} if sent else {}
        reply = await self.client(method, path, sent, {**headers, **more})
        self._check(method, path.partition("?")[0], reply)
        await settle()
        return reply

    def _check(self, method: str, path: str, reply: Reply) -> None:
        if method in ("OPTIONS", "HEAD") or reply.status == 405:
            return
        found = [
            item[method.lower()]
            for template, item in self.document["paths"].items()
            if fits(template, path) and method.lower() in item
        ]
        described = found[0]["responses"][str(reply.status)]
        for kind, media in described.get("content", {}).items():
            if kind == reply["content-type"]:
                whole = {**media["schema"], "components": self.document["components"]}
                jsonschema_rs.Draft202012Validator(whole).validate(reply.json())
                return
        assert reply.body == b"", reply

    async def made(self, **members: Any) -> dict[str, Any]:
        reply = await self("POST", "/subscriptions", {"sink": SINK, **members})
        assert reply.status == 201, reply
        return reply.json()


def fits(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        w.startswith("{") or w == g for w, g in zip(wanted, given, strict=True)
    )


@asynccontextmanager
async def serving(auth: AuthOptions | None = None) -> AsyncIterator[Face]:
    async with served() as rig:
        yield Face(rig, auth)


@pytest.fixture
async def face() -> AsyncIterator[Face]:
    async with serving() as face:
        yield face


def problem(reply: Reply, status: int, kind: str) -> dict[str, Any]:
    assert reply.status == status, reply
    assert reply["content-type"] == "application/problem+json"
    told = reply.json()
    assert told["type"].endswith(f"/{kind}")
    return told


# One after the other


async def test_a_life(face: Face) -> None:
    reply = await face("POST", "/subscriptions", {"sink": SINK, "topics": ["t"]})
    told = reply.json()
    path = f"/subscriptions/{told['id']}"
    assert reply["location"] == f"http://127.0.0.1:8080{path}"
    assert reply["cache-control"] == "no-store"
    secret = told["protocolsettings"].pop("secret")
    assert (await face("GET", path)).json() == told
    assert (await face("GET", "/subscriptions")).json() == [told]
    assert (await face("GET", f"{path}/secret")).json() == {"secret": secret, "old": []}

    await face.rig.append(1)
    assert face.rig.receiver.offsets == [1]
    assert (await face("GET", path)).json()["position"] == f"{face.rig.log.epoch}-1"

    reply = await face("PUT", path, {**told, "description": "whole"})
    assert (reply.status, reply.json()["description"]) == (200, "whole")
    patch = {"description": None, "config": {"timeout": "5s"}}
    reply = await face("PATCH", path, patch, "application/merge-patch+json")
    assert (reply.json()["description"], reply.json()["config"]) == ("", {"timeout": 5.0})
    assert (await face("POST", f"{path}/pause")).json()["status"] == "paused"
    assert (await face("POST", f"{path}/resume", {})).json()["status"] == "active"
    reply = await face("POST", f"{path}/replay", {"since": "earliest"})
    assert reply.status == 202
    assert reply.json()["events"] >= 1

    reply = await face("DELETE", path)
    assert (reply.status, reply.body) == (204, b"")
    problem(await face("GET", path), 404, "not-found")
    problem(await face("DELETE", path), 404, "not-found")


async def test_attempts_and_dead_letters(face: Face) -> None:
    told = await face.made(topics=["t"], config={"schedule": [0], "outage_after": 100})
    path = f"/subscriptions/{told['id']}"
    face.rig.receiver.answer = lambda _: SICK
    await face.rig.append(1, 2, 3)
    face.rig.receiver.fails()

    reply = await face("GET", f"{path}/attempts?outcome=failed&outcome=gone&limit=2&since=1h")
    assert [one["outcome"] for one in reply.json()] == ["failed", "failed"]
    following = reply["link"].partition(">")[0].removeprefix("<http://127.0.0.1:8080")
    assert "before=" in following
    reply = await face("GET", following)
    assert len(reply.json()) == 1
    assert "link" not in reply
    [oldest] = reply.json()
    assert "body" not in oldest["request"]
    whole = (await face("GET", f"{path}/attempts/{oldest['id']}")).json()
    assert json.loads(whole["request"].pop("body"))["id"] == "e1"
    assert whole == oldest
    problem(await face("GET", f"{path}/attempts/x"), 404, "not-found")
    assert (await face("GET", f"{path}/attempts?outcome=delivered")).json() == []

    reply = await face("GET", f"{path}/dead?limit=2")
    assert [one["id"] for one in reply.json()] == ["e1", "e2"]
    following = reply["link"].partition(">")[0].removeprefix("<http://127.0.0.1:8080")
    assert [one["id"] for one in (await face("GET", following)).json()] == ["e3"]

    reply = await face("POST", f"{path}/attempts/{oldest['id']}/retry")
    assert (reply.status, reply.json()) == (202, {"events": 1})
    problem(await face("POST", f"{path}/attempts/x/retry"), 404, "not-found")
    assert (await face("POST", f"{path}/dead/retry")).json() == {"events": 2}
    assert sorted(face.rig.receiver.offsets) == [1, 2, 3]


async def test_a_test_event_and_its_record(face: Face) -> None:
    path = f"/subscriptions/{(await face.made())['id']}"
    told = (await face("POST", f"{path}/test")).json()
    assert (told["trigger"], told["outcome"]) == ("test", "delivered")
    assert told["response"]["status"] == 200
    assert (await face("GET", f"{path}/attempts")).json() == [told]
    whole = (await face("GET", f"{path}/attempts/{told['id']}")).json()
    assert whole["request"].pop("body_note") == "a test event is in no log"
    assert whole == told
    problem(await face("POST", f"{path}/attempts/{told['id']}/retry"), 409, "conflict")


async def test_rotation_and_public_keys(face: Face) -> None:
    secret = new_secret(lambda n: b"\x01" * n, like="whsk_")
    path = f"/subscriptions/{(await face.made(protocolsettings={'secret': secret}))['id']}"
    told = (await face("POST", f"{path}/secret/rotate", {"grace": "1h"})).json()
    assert told["secret"].startswith("whsk_")
    assert [one["secret"] for one in told["old"]] == [secret]
    reply = await face("GET", "/.well-known/hubbub-keys.json")
    assert reply["content-type"] == "application/jwk-set+json"
    assert reply["cache-control"] == "public, max-age=300"
    assert [(one["kty"], one["crv"]) for one in reply.json()["keys"]] == [("OKP", "Ed25519")] * 2
    assert secret not in reply.body.decode()
    again = (await face("POST", f"{path}/secret/rotate")).json()
    assert [one["secret"] for one in again["old"]] == [told["secret"], secret]


async def test_pages_of_subscriptions(face: Face) -> None:
    ids = [(await face.made())["id"] for _ in range(3)]
    reply = await face("GET", "/subscriptions?limit=2&owner=anyone")
    following = reply["link"].partition(">")[0].removeprefix("<http://127.0.0.1:8080")
    assert following == f"/subscriptions?limit=2&owner=anyone&after={ids[1]}"
    rest = await face("GET", following)
    assert [one["id"] for one in [*reply.json(), *rest.json()]] == ids
    assert (await face("GET", "/subscriptions?owner=nobody")).json() == []


# Refused


async def test_mistakes_have_pointers(face: Face) -> None:
    body = {"sink": 1, "topics": ["/a"], "config": {"timeout": "1h"}}
    told = problem(await face("POST", "/subscriptions", body), 400, "malformed")
    assert told["errors"][0]["pointer"] == "/sink"
    for pointer in ("/sink", "/topics/0", "/config/timeout"):
        assert pointer in told["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"\xff",
        b'{"sink":"https://a.example","sink":"https://b.example"}',
        b'{"sink":"https://a.example","config":{"rate":1e999}}',
        b'{"sink":"\\ud800"}',
        b"[" * 1000,
    ],
)
async def test_bodies_that_are_no_document(face: Face, body: bytes) -> None:
    reply = await face("POST", "/subscriptions", body)
    if body:
        problem(reply, 400, "malformed")
    else:
        problem(reply, 415, "unsupported")


async def test_kinds_of_bodies(face: Face) -> None:
    body = {"sink": SINK}
    for kind in ("text/plain", "application/merge-patch+json", "application/x-www-form-urlencoded"):
        problem(await face("POST", "/subscriptions", body, kind), 415, "unsupported")
    reply = await face("POST", "/subscriptions", body, "application/json; charset=utf-8")
    assert reply.status == 201
    path = f"/subscriptions/{reply.json()['id']}"
    problem(await face("PUT", path, body, "application/merge-patch+json"), 415, "unsupported")
    assert (await face("PATCH", path, {}, "application/json")).status == 200
    gzip = {"content-encoding": "gzip"}
    problem(await face("POST", "/subscriptions", body, **gzip), 415, "unsupported")
    problem(await face("POST", "/subscriptions", b"x" * (MAX_DOCUMENT + 1)), 413, "too-large")


async def test_commands_take_no_words(face: Face) -> None:
    path = f"/subscriptions/{(await face.made())['id']}"
    problem(await face("POST", f"{path}/pause", {"reason": "x"}), 400, "malformed")
    assert (await face("GET", path)).json()["status"] == "active"


@pytest.mark.parametrize(
    "query",
    [
        "attempts?outcome=lost",
        "attempts?limit=101",
        "attempts?limit=0",
        "attempts?since=earliest",
        "dead?after=x",
        "dead?after=other-1",
        "dead?limit=1001",
    ],
)
async def test_queries_that_cannot_be(face: Face, query: str) -> None:
    path = f"/subscriptions/{(await face.made())['id']}"
    reply = await face("GET", f"{path}/{query}")
    assert reply.status == 400


async def test_methods(face: Face) -> None:
    path = f"/subscriptions/{(await face.made())['id']}"
    reply = await face("OPTIONS", path)
    assert reply["allow"] == "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
    assert reply["accept-patch"] == "application/merge-patch+json, application/json"
    assert (await face("GET", f"{path}/pause")).status == 405
    assert (await face("HEAD", path)).body == b""


async def test_who_may() -> None:
    keys = {
        "all": Grants((), ("**",), manage=True),
        "shop": Grants((), ("shop/**",), manage=("shop/**",)),
        "none": Grants((), ("**",)),
    }
    options = AuthOptions(
        keys=tuple(
            ApiKey(name=name, hash=key_hash(f"hk_{name}"), grants=grants)
            for name, grants in keys.items()
        )
    )
    async with serving(options) as face:
        token = {name: {"authorization": f"Bearer hk_{name}"} for name in keys}
        body = {"sink": SINK, "topics": ["bank/1"]}
        problem(await face("POST", "/subscriptions", body), 401, "unauthenticated")
        problem(await face("POST", "/subscriptions", body, **token["none"]), 403, "forbidden")
        problem(await face("POST", "/subscriptions", body, **token["shop"]), 403, "forbidden")
        reply = await face("POST", "/subscriptions", body, **token["all"])
        assert reply.json()["owner"] == "key:all"
        path = f"/subscriptions/{reply.json()['id']}"
        assert (await face("GET", "/subscriptions", **token["shop"])).json() == []
        for method, end in (
            ("GET", ""),
            ("GET", "/secret"),
            ("GET", "/attempts/x"),
            ("DELETE", ""),
            ("POST", "/test"),
        ):
            problem(await face(method, path + end), 401, "unauthenticated")
            problem(await face(method, path + end, **token["shop"]), 404, "not-found")
        assert (await face("GET", "/.well-known/hubbub-keys.json")).json() == {"keys": []}


# The document


def names(schema: Any) -> set[str]:
    return set(schema["properties"])


def test_the_schemas_say_what_is_taken_and_told() -> None:
    assert names(schemas.TAKEN) == {*MEMBERS}
    assert names(schemas.TAKEN["properties"]["protocolsettings"]) == {*SETTINGS}
    policy = {field.name for field in msgspec.structs.fields(Policy)}
    assert names(schemas.TAKEN["properties"]["config"]) == policy
    assert {*schemas.DURATIONS} == DURATIONS
    assert names(schemas.SHOWN) == {*MEMBERS, *READ_ONLY} - {"since", "sinkcredential"}


async def test_the_document_is_valid(face: Face) -> None:
    OpenAPIV31SpecValidator(face.document).validate()
    found = [
        one["operationId"] for item in face.document["paths"].values() for one in item.values()
    ]
    assert len(found) == len(set(found)) == 18
