"""`POST`: every row of the table of answers in api.md, and what an attacker might send."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest

from asgi import Client, Reply
from gateway import Gateway, running_gateway
from hubbub.core.contracts import Appended
from hubbub.core.errors import Unavailable
from hubbub.core.event import Event
from hubbub.core.grants import Grants
from hubbub.sources import PublishOptions
from hubbub.web.auth import ApiKey, AuthOptions

pytestmark = pytest.mark.anyio

CE = "application/cloudevents+json"
CE_BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
EVENT = {"specversion": "1.0", "id": "A1", "source": "/mycontext", "type": "com.example.someevent"}
KIB = 1024


def problem(reply: Reply, status: int, kind: str) -> dict[str, Any]:
    """Check that a refusal is a problem document of one kind and return it."""
    assert reply.status == status, reply
    assert reply["content-type"] == "application/problem+json"
    document = reply.json()
    assert document["status"] == status
    assert document["type"] == f"https://hubbub.dev/problems/{kind}"
    assert document["detail"]
    return document


# 201


async def test_data_and_its_type(gateway: Gateway, client: Client) -> None:
    reply = await client.post("/topics/orders/42", b'{"total": 1.00}')
    assert reply.status == 201
    assert reply["content-type"] == "application/json"
    assert list(reply.json()) == ["id", "position", "topic"]
    assert reply.json()["topic"] == "orders/42"
    assert reply.json()["position"] == f"{gateway.log.epoch}-1"
    [found] = await gateway.events()
    assert found["id"] == reply.json()["id"]
    assert (found["source"], found["type"]) == ("/topics/orders/42", "hubbub.published")


async def test_every_attribute_as_a_header(gateway: Gateway, client: Client) -> None:
    headers = {f"ce_{name}": value for name, value in EVENT.items()}
    reply = await client.post("/topics/a", b"x", "text/plain", **headers, ce_subject="%E2%82%AC")
    assert reply.json() == {"id": "A1", "position": f"{gateway.log.epoch}-1", "topic": "a"}
    [found] = await gateway.events()
    assert found["subject"] == "€"
    assert found["datacontenttype"] == "text/plain"


async def test_a_structured_event(gateway: Gateway, client: Client) -> None:
    reply = await client.post("/topics/a", {**EVENT, "data": [1]}, CE + "; charset=utf-8")
    assert (reply.status, reply.json()["id"]) == (201, "A1")
    [found] = await gateway.events()
    assert found["source"] == "/mycontext"


async def test_a_batch_in_order(gateway: Gateway, client: Client) -> None:
    body = [{**EVENT, "id": f"{n}", "topic": f"t/{n}"} for n in range(3)]
    reply = await client.post("/events", body, CE_BATCH)
    assert reply.status == 201
    epoch = gateway.log.epoch
    assert reply.json() == {
        "events": [
            {"id": f"{n}", "position": f"{epoch}-{n + 1}", "topic": f"t/{n}"} for n in range(3)
        ]
    }


async def test_an_empty_batch_is_a_batch(client: Client) -> None:
    reply = await client.post("/events", [], CE_BATCH)
    assert (reply.status, reply.json()) == (201, {"events": []})


async def test_lines(gateway: Gateway, client: Client) -> None:
    reply = await client.post("/topics/a?type=line", b'{"n":1}\n\n"two"\r\n3', NDJSON)
    assert reply.status == 201
    assert len(reply.json()["events"]) == 3
    assert [event["type"] for event in await gateway.events()] == ["line"] * 3


@pytest.mark.parametrize(
    ("path", "topic"),
    [
        ("/topics/a", "a"),
        ("/topics/a%20b/%C3%BC", "a b/ü"),
        ("/topics/a+b", "a+b"),
        ("/topics/..a/b..", "..a/b.."),
        ("/events?topic=a/b", "a/b"),
        ("/events?topic=a%2Fb+c", "a/b c"),
    ],
)
async def test_addresses(client: Client, path: str, topic: str) -> None:
    reply = await client.post(path, 1)
    assert (reply.status, reply.json().get("topic")) == (201, topic)


async def test_no_body_is_no_data(gateway: Gateway, client: Client) -> None:
    reply = await client.post("/topics/a", b"", None)
    assert reply.status == 201
    page = await client.get("/topics/a")
    assert "data" not in page.json()[0]


async def test_a_default_type(gateway: Gateway, client: Client) -> None:
    await client.post("/topics/a?type=mine", 1)
    await client.post("/topics/a?type=mine", 1, ce_type="theirs")
    assert [event["type"] for event in await gateway.events()] == ["mine", "theirs"]


async def test_a_body_in_pieces(client: Client) -> None:
    body = [b'{"a":', b"", b"1}"]
    reply = await client("POST", "/topics/a", body, {"content-type": "application/json"})
    assert reply.status == 201
    assert (await client.get("/topics/a")).json()[0]["data"] == {"a": 1}


# 200, 202


async def test_a_duplicate(client: Client) -> None:
    first = await client.post("/topics/a", EVENT, CE)
    again = await client.post("/topics/a", EVENT, CE)
    assert again.status == 200
    assert again.json() == {**first.json(), "duplicate": True}


async def test_a_batch_is_200_only_if_all_of_it_was_there(client: Client) -> None:
    other = {**EVENT, "id": "B2"}
    await client.post("/topics/a", EVENT, CE)
    reply = await client.post("/topics/a", [EVENT, other, other], CE_BATCH)
    assert reply.status == 201
    assert [e.get("duplicate", False) for e in reply.json()["events"]] == [True, False, True]
    reply = await client.post("/topics/a", [EVENT, other], CE_BATCH)
    assert reply.status == 200


async def test_an_ephemeral_event(gateway: Gateway, client: Client) -> None:
    reply = await client.post("/topics/a?ephemeral=true", 1)
    assert (reply.status, list(reply.json())) == (202, ["id", "topic"])
    reply = await client.post("/topics/a?ephemeral=true", [EVENT], CE_BATCH)
    assert (reply.status, reply.json()) == (202, {"events": [{"id": "A1", "topic": "a"}]})
    assert gateway.log.head == 0


# 400


@pytest.mark.parametrize(
    "path",
    [
        "/topics/*",
        "/topics/a/**",
        "/topics/",
        "/topics/a//b",
        "/topics/a/",
        "/topics//a",
        "/topics/a/../b",
        "/topics/a/%2e%2E",
        "/topics/a%2Fb",
        "/topics/a%00",
        "/topics/a%0d%0ab",
        "/topics/a%7F",
        "/topics/a%C2%85",
        "/topics/a%E2%80%8B",
        "/topics/%C0%AF",
        "/topics/%FF",
        "/topics/%ED%A0%80",
        "/topics/%",
        "/topics/%zz",
        "/topics/" + "x" * 256,
        "/events?topic=*",
        "/events?topic=",
        "/events?topic=a&topic=b",
        "/events",
    ],
)
async def test_bad_addresses(gateway: Gateway, client: Client, path: str) -> None:
    problem_kind = "malformed" if "&" in path else "invalid-topic"
    problem(await client.post(path, 1), 400, problem_kind)
    assert gateway.log.head == 0


@pytest.mark.parametrize(
    "query",
    [
        "ephemeral=yes",
        "ephemeral=",
        "type=",
        "type=a%00b",
        "type=%FF",
        "type=a&type=b",
        "a=1&" * 300,
    ],
)
async def test_bad_queries(client: Client, query: str) -> None:
    reply = await client.post(f"/topics/a?{query}", 1)
    assert reply.status == 400, reply


BAD_JSON = [
    b"",
    b"{",
    b"NaN",
    b'"\xff"',
    b"[" * 500 + b"]" * 500,
    b'{"a":1}\x00',
    b"\xef\xbb\xbf{}",
]


@pytest.mark.parametrize("content_type", [CE, CE_BATCH])
@pytest.mark.parametrize("body", BAD_JSON)
async def test_what_is_no_json(client: Client, content_type: str, body: bytes) -> None:
    problem(await client.post("/topics/a", body, content_type), 400, "malformed")


@pytest.mark.parametrize("body", BAD_JSON[1:])
async def test_json_types_are_checked(client: Client, body: bytes) -> None:
    for content_type in ("application/json", "application/geo+json", "TEXT/JSON"):
        problem(await client.post("/topics/a", body, content_type), 400, "malformed")


async def test_a_mistake_is_pointed_at(client: Client) -> None:
    document = problem(
        await client.post("/topics/a", {**EVENT, "id": ""}, CE), 400, "invalid-event"
    )
    assert document["errors"] == [{"detail": "id is not empty", "pointer": "/id"}]


async def test_every_bad_item_of_a_batch_is_told_and_none_is_published(
    gateway: Gateway, client: Client
) -> None:
    body = [EVENT, {**EVENT, "type": 1}, 7, {**EVENT, "x": 1.5}]
    document = problem(await client.post("/topics/a", body, CE_BATCH), 400, "invalid-event")
    assert [error["pointer"] for error in document["errors"]] == ["/1/type", "/2", "/3/x"]
    assert gateway.log.head == 0


async def test_bad_lines(gateway: Gateway, client: Client) -> None:
    document = problem(await client.post("/topics/a", b"1\n{\n3", NDJSON), 400, "invalid-event")
    assert [error["pointer"] for error in document["errors"]] == ["/1"]
    problem(await client.post("/events", b"1\n", NDJSON), 400, "invalid-topic")
    assert gateway.log.head == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce-id", "a%0Ab"),
        ("ce-id", "a%E2%80%AEb"),
        ("ce-id", ""),
        ("ce-type", "%00"),
        ("ce-source", "a b"),
        ("ce-subject", "a%0D%0AX-Evil: 1"),
        ("ce-subject", "%C0%A0"),
        ("ce-Bad_Name", "x"),
        ("ce-time", "yesterday"),
        ("ce-specversion", "0.3"),
        ("content-type", "json\x0b"),
        ("content-type", "nonsense"),
    ],
)
async def test_bad_headers(gateway: Gateway, client: Client, name: str, value: str) -> None:
    reply = await client("POST", "/topics/a", b"1", {"content-type": "text/plain"} | {name: value})
    assert reply.status == 400, reply
    assert "\r" not in str(reply.lines)
    assert gateway.log.head == 0


# 413, 415


def small() -> Any:
    """Run a gateway that takes as little as one may take."""
    return running_gateway(publish=PublishOptions(max_bytes=64 * KIB, max_request_bytes=128 * KIB))


async def test_an_event_of_the_bound_and_one_byte_more() -> None:
    async with small() as gateway:
        client = Client(gateway.app())
        for content_type in ("application/octet-stream", "text/plain"):
            assert (await client.post("/topics/a", b"x" * 64 * KIB, content_type)).status == 201
            reply = await client.post("/topics/a", b"x" * (64 * KIB + 1), content_type)
            assert "65536" in problem(reply, 413, "too-large")["detail"]
            assert reply["connection"] == "close"
        assert gateway.log.head == 2


async def test_a_declared_length_is_believed_before_reading() -> None:
    async with small() as gateway:
        client = Client(gateway.app())
        for length in (str(64 * KIB + 1), "9" * 500):
            headers = {"content-length": length, "content-type": "text/plain"}
            problem(await client("POST", "/topics/a", b"", headers), 413, "too-large")
            assert client.taken == 0


async def test_reading_stops_at_the_bound() -> None:
    async with small() as gateway:
        client = Client(gateway.app())
        parts = [b"x" * KIB] * 1000
        problem(await client("POST", "/topics/a", parts, {"content-type": "a/b"}), 413, "too-large")
        assert client.taken == 65


async def test_several_events_may_be_larger_together_than_one_alone() -> None:
    async with small() as gateway:
        client = Client(gateway.app())
        two = [{**EVENT, "id": f"{n}", "data": "x" * 50 * KIB} for n in range(2)]
        assert (await client.post("/topics/a", two, CE_BATCH)).status == 201
        three = [{**EVENT, "id": f"{n}", "data": "x" * 50 * KIB} for n in range(2, 5)]
        problem(await client.post("/topics/a", three, CE_BATCH), 413, "too-large")
        big = [EVENT, {**EVENT, "data": "x" * 65 * KIB}]
        document = problem(await client.post("/topics/a", big, CE_BATCH), 413, "too-large")
        assert document["errors"][0]["pointer"] == "/1"
        line = b'"' + b"x" * 65 * KIB + b'"\n1'
        problem(await client.post("/topics/a", line, NDJSON), 413, "too-large")
        assert gateway.log.head == 2


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "x"])
async def test_compressed_bodies_are_refused_unread(client: Client, coding: str) -> None:
    reply = await client.post("/topics/a", b"\x1f\x8b", content_encoding=coding)
    problem(reply, 415, "unsupported")
    assert client.taken == 0


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
async def test_no_coding(client: Client, coding: str) -> None:
    assert (await client.post("/topics/a", 1, content_encoding=coding)).status == 201


@pytest.mark.parametrize("kind", ["cloudevents+avro", "cloudevents", "cloudevents-batch+xml"])
async def test_other_formats_of_events(client: Client, kind: str) -> None:
    document = problem(
        await client.post("/topics/a", b"", f"application/{kind}"), 415, "unsupported"
    )
    assert CE in document["detail"]


async def test_a_large_request_is_parsed_beside_the_loop(gateway: Gateway, client: Client) -> None:
    lines = b"".join(b'{"n":%d,"x":"%b"}\n' % (n, b"x" * 500) for n in range(1000))
    first = await client.post("/topics/a", lines, NDJSON, idempotency_key="k")
    assert first.status == 201
    offsets = [int(event["position"].rpartition("-")[2]) for event in first.json()["events"]]
    assert offsets == list(range(1, 1001))
    document = problem(await client.post("/topics/a", lines + b"{", NDJSON), 400, "invalid-event")
    assert document["errors"][0]["pointer"] == "/1000"
    assert gateway.log.head == 1000


# 401, 403

TOKEN = "hk_" + "a" * 43
KEY = ApiKey(
    name="anna",
    hash=hashlib.sha256(TOKEN.encode()).hexdigest(),
    grants=Grants(publish=("orders/*",)),
)


async def test_rights() -> None:
    async with running_gateway(auth=AuthOptions(keys=(KEY,))) as gateway:
        client = Client(gateway.app())
        bearer = f"Bearer {TOKEN}"
        assert (await client.post("/topics/orders/1", 1, authorization=bearer)).status == 201
        reply = await client.post("/topics/orders/1", 1)
        problem(reply, 401, "unauthenticated")
        assert reply["www-authenticate"].startswith("Bearer")
        assert client.taken == 0
        reply = await client.post("/topics/orders/1", 1, authorization="Bearer hk_wrong")
        assert TOKEN not in str(problem(reply, 401, "unauthenticated"))
        reply = await client.post("/topics/news", 1, authorization=bearer)
        assert "news" in problem(reply, 403, "forbidden")["detail"]
        assert client.taken == 0
        batch = [{**EVENT, "topic": "orders/1"}, {**EVENT, "id": "2", "topic": "news"}]
        reply = await client.post("/events", batch, CE_BATCH, authorization=bearer)
        problem(reply, 403, "forbidden")
        assert gateway.log.head == 1


async def test_a_foreign_page_cannot_publish_to_an_open_server(client: Client) -> None:
    reply = await client.post("/topics/a", b"1", "text/plain", origin="https://evil.example")
    problem(reply, 403, "foreign-origin")


# 409, 422


async def test_the_same_key_gives_the_same_answer(gateway: Gateway, client: Client) -> None:
    for key in ('"8e03-\\"q\\""', "8e03-bare"):
        first = await client.post("/topics/a", b"1", idempotency_key=key)
        again = await client.post("/topics/a", b"1", idempotency_key=key)
        assert (first.status, again.status) == (201, 201)
        assert first.body == again.body
        assert again["content-type"] == "application/json"
    assert gateway.log.head == 2


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(EVENT, CE), ([EVENT, EVENT], CE_BATCH), (b"1\n2\n3\n", NDJSON), (b"x", "text/plain")],
)
async def test_in_every_mode(
    gateway: Gateway, client: Client, body: Any, content_type: str
) -> None:
    first = await client.post("/topics/a", body, content_type, idempotency_key="k")
    head = gateway.log.head
    again = await client.post("/topics/a", body, content_type, idempotency_key="k")
    assert (again.status, again.body) == (first.status, first.body)
    assert gateway.log.head == head


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/topics/a", b"2", {}),
        ("/topics/b", b"1", {}),
        ("/topics/a?type=t", b"1", {}),
        ("/topics/a", b"1", {"ce_subject": "s"}),
        ("/topics/a", b"1", {"content_type": "text/plain"}),
    ],
)
async def test_the_same_key_for_another_request(
    client: Client, path: str, body: bytes, headers: dict[str, str]
) -> None:
    await client.post("/topics/a", b"1", idempotency_key="k")
    content_type = headers.pop("content_type", "application/json")
    reply = await client.post(path, body, content_type, idempotency_key="k", **headers)
    problem(reply, 422, "key-reused")


async def test_headers_that_decide_nothing_may_differ(client: Client) -> None:
    await client.post("/topics/a", b"1", idempotency_key="k", user_agent="one")
    reply = await client.post("/topics/a", b"1", idempotency_key='"k"', user_agent="two")
    assert reply.status == 201


async def test_while_the_first_is_running(gateway: Gateway, client: Client) -> None:
    told: list[Reply] = []
    append = gateway.log.append

    async def slow(events: Sequence[Event]) -> list[Appended]:
        told.append(await client.post("/topics/a", b"1", idempotency_key="k"))
        return await append(events)

    gateway.log.append = slow
    assert (await client.post("/topics/a", b"1", idempotency_key="k")).status == 201
    problem(told[0], 409, "in-progress")
    assert gateway.log.head == 1


async def test_after_a_failure_the_key_may_be_used_again(gateway: Gateway, client: Client) -> None:
    problem(await client.post("/topics/a", b"{", idempotency_key="k"), 400, "malformed")
    assert (await client.post("/topics/a", b"{}", idempotency_key="k")).status == 201


async def test_a_key_survives_a_crash_between_commit_and_answer(
    gateway: Gateway, client: Client
) -> None:
    first = await client.post("/topics/a", b"1\n2\n", NDJSON, idempotency_key="k")
    restarted = Gateway()
    restarted.log = restarted.publisher._log = gateway.log
    again = await Client(restarted.app()).post("/topics/a", b"1\n2\n", NDJSON, idempotency_key="k")
    assert again.status == 200
    assert [{**event, "duplicate": True} for event in first.json()["events"]] == again.json()[
        "events"
    ]
    assert gateway.log.head == 2


@pytest.mark.parametrize("key", ["", '""', '"a', 'a b"', "é", "x" * 256, '"' + "x" * 256 + '"'])
async def test_bad_keys(gateway: Gateway, client: Client, key: str) -> None:
    problem(await client.post("/topics/a", 1, idempotency_key=key), 400, "malformed")
    assert gateway.log.head == 0


async def test_every_request_is_counted_once(gateway: Gateway, client: Client) -> None:
    await client.post("/topics/a", EVENT, CE)
    await client.post("/topics/a", EVENT, CE)
    await client.post("/topics/a?ephemeral=true", 1)
    for path, body in (("/topics/*", b"1"), ("/topics/a", b"{"), ("/events", b"1")):
        await client.post(path, body)
    await client.post("/topics/a", 1, content_encoding="gzip")
    assert gateway.publisher.outcomes == {
        "created": 1,
        "duplicate": 1,
        "ephemeral": 1,
        "refused": 4,
        "unavailable": 0,
    }


# 429, 503, and what is not answered


async def test_too_fast() -> None:
    async with running_gateway(publish=PublishOptions(rate=0.5, burst=1)) as gateway:
        client = Client(gateway.app())
        assert (await client.post("/topics/a", 1)).status == 201
        reply = await client.post("/topics/a", 1)
        problem(reply, 429, "too-many")
        assert reply["retry-after"] == "2"


async def test_not_durable_now(gateway: Gateway, client: Client) -> None:
    async def full(_events: Sequence[Event]) -> list[Appended]:
        raise Unavailable("the disk is full; free some space", retry_after=4.2)

    gateway.log.append = full
    reply = await client.post("/topics/a", 1, idempotency_key="k")
    problem(reply, 503, "unavailable")
    assert reply["retry-after"] == "5"
    del gateway.log.append
    assert (await client.post("/topics/a", 1, idempotency_key="k")).status == 201


async def test_a_fault_of_ours_says_nothing_about_itself(
    gateway: Gateway, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async def faulty(_events: Sequence[Event]) -> list[Appended]:
        raise RuntimeError("password is hunter2 at 0x7f00")

    gateway.log.append = faulty
    reply = await client.post("/topics/a", 1)
    problem(reply, 500, "error")
    assert b"hunter2" not in reply.body
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("parts", [[b""], [b'{"a":1}'], [b'{"a"', b":1}"]])
async def test_a_request_that_is_cut_off_publishes_nothing(
    gateway: Gateway, client: Client, parts: list[bytes]
) -> None:
    headers = {"content-type": "application/json", "idempotency-key": "k"}
    reply = await client("POST", "/topics/a", parts, headers, cut=True)
    assert reply.status == 0
    assert gateway.log.head == 0
    assert (await client.post("/topics/a", b"2", idempotency_key="k")).status == 201


async def test_answers_are_not_to_be_stored_or_guessed(client: Client) -> None:
    for reply in (await client.post("/topics/a", 1), await client.post("/topics/*", 1)):
        assert reply["cache-control"] == "no-store"
        assert reply["x-content-type-options"] == "nosniff"
        assert reply["referrer-policy"] == "no-referrer"
        assert reply["content-length"] == str(len(reply.body))


async def test_bytes_in_are_bytes_out(client: Client) -> None:
    body = b' {"b": 1.0, "a": "\\u00e9", "big": 12345678901234567890}\r\n'
    await client.post("/topics/a", body)
    page = await client.get("/topics/a")
    assert b'"data":' + body in page.body
    assert json.loads(page.body)[0]["data"]["a"] == "é"
