"""Which other pages may use the gateway: exact origins, and nothing is ever reflected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import msgspec
import pytest

from asgi import Client, Reply
from gateway import running_gateway
from hubbub.web.auth import AuthOptions
from hubbub.web.options import WebOptions

pytestmark = pytest.mark.anyio

APP = "https://app.example"
CORS = "access-control-"


def granted(reply: Reply) -> dict[str, str]:
    return {n.removeprefix(CORS): v for n, v in reply.lines if n.startswith(CORS)}


Make = Callable[..., Client]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:
        clients = {
            origins: Client(
                (
                    await stack.enter_async_context(
                        running_gateway(
                            web=WebOptions(cors_origins=origins), auth=AuthOptions(origins=(APP,))
                        )
                    )
                ).app()
            )
            for origins in ((), (APP, "http://localhost:5173"), ("*",))
        }
        yield lambda *origins: clients[origins]


async def test_nothing_is_granted_unless_set(make: Make) -> None:
    client = make()
    for method in ("GET", "OPTIONS"):
        headers = {"origin": APP, "access-control-request-method": "POST"}
        reply = await client(method, "/topics/a", b"", headers)
        assert granted(reply) == {}
    assert "origin" not in reply.get("vary")


async def test_a_known_origin_may_read(make: Make) -> None:
    client = make(APP, "http://localhost:5173")
    for origin in (APP, "http://localhost:5173"):
        reply = await client.get("/topics/a", {"origin": origin})
        found = granted(reply)
        assert found["allow-origin"] == origin
        assert found["allow-credentials"] == "true"
        exposed = found["expose-headers"].split(", ")
        assert {"Hubbub-Position", "Link", "Retry-After"} <= {*exposed}
        assert "origin" in reply["vary"]
        assert "accept" in reply["vary"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "http://app.example",
        "https://app.example:8443",
        "https://APP.example",
        "https://app.example/",
        "null",
        "",
    ],
)
async def test_others_are_not_reflected(make: Make, origin: str) -> None:
    client = make(APP, "http://localhost:5173")
    headers = {"origin": origin, "access-control-request-method": "GET"}
    for method in ("GET", "OPTIONS"):
        reply = await client(method, "/topics/a", b"", headers)
        assert granted(reply) == {}
        assert "origin" in reply["vary"]
        assert not origin or origin not in str(reply.lines)


async def test_without_an_origin_caches_are_told_that_it_counts(make: Make) -> None:
    assert "origin" in (await make(APP, "http://localhost:5173").get("/topics/a"))["vary"]


async def test_every_page_may_read_but_without_its_cookies(make: Make) -> None:
    client = make("*")
    reply = await client.get("/topics/a", {"origin": "https://any.example"})
    assert granted(reply)["allow-origin"] == "*"
    assert "allow-credentials" not in granted(reply)
    assert "origin" not in reply["vary"]


async def test_a_preflight(make: Make) -> None:
    client = make(APP, "http://localhost:5173")
    headers = {
        "origin": APP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, CE-Id,ce-my_x, x-evil, ce-\u00e9",
    }
    reply = await client("OPTIONS", "/topics/a", b"", headers)
    assert (reply.status, reply.body) == (204, b"")
    found = granted(reply)
    assert found["allow-origin"] == APP
    assert "POST" in found["allow-methods"]
    allowed = found["allow-headers"].split(", ")
    assert {"authorization", "last-event-id", "idempotency-key", "content-type", "ce-id"} <= {
        *allowed
    }
    assert not {"x-evil", "ce-my_x", "*"} & {*allowed}
    assert int(found["max-age"]) > 0


async def test_options_that_is_no_preflight_tells_methods(make: Make) -> None:
    client = make(APP, "http://localhost:5173")
    reply = await client("OPTIONS", "/topics/a", b"", {"origin": APP})
    assert reply["allow"] == "GET, HEAD, POST, OPTIONS"
    assert granted(reply)["allow-origin"] == APP


async def test_refusals_can_be_read_too(make: Make) -> None:
    client = make(APP, "http://localhost:5173")
    for path in ("/nothing", "/topics/a*", "/events?since=x"):
        reply = await client.get(path, {"origin": APP})
        assert reply.status >= 400
        assert granted(reply)["allow-origin"] == APP
    reply = await client.post("/topics/a", b"{", origin=APP)
    assert reply.status == 400
    assert granted(reply)["allow-origin"] == APP


async def test_a_stream_can_be_read_too(make: Make) -> None:
    reply = await make(APP, "http://localhost:5173").get(
        "/topics/a", {"origin": APP, "accept": "text/event-stream"}
    )
    assert reply["content-type"] == "text/event-stream"
    assert granted(reply)["allow-origin"] == APP


@pytest.mark.parametrize("origins", [["null"], ["*", APP], ["app.example"], [f"{APP}/"], [""]])
def test_origins_that_are_none(origins: list[str]) -> None:
    with pytest.raises(msgspec.ValidationError, match="origin"):
        msgspec.convert({"cors_origins": origins}, WebOptions)


@pytest.mark.parametrize("url", ["events.example", "ftp://x", "https://", "https://x/?a=b"])
def test_public_urls_that_are_none(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="public_url"):
        msgspec.convert({"public_url": url}, WebOptions)
