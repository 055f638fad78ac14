"""Published keys: fetched when needed, never too often, and believed for a while without the server."""

from __future__ import annotations

import asyncio
import json

import pytest

from hubbub.core.errors import Misconfigured
from hubbub.web.auth import jwks
from hubbub.web.auth.errors import KeysUnreachable
from hubbub.web.auth.jwks import MAX_BYTES, MAX_STALE, MIN_INTERVAL, RemoteKeys

from .conftest import PAIRS

pytestmark = pytest.mark.anyio

URL = "https://id.example/jwks.json"


class Provider:
    """Answers like the server that publishes keys, and counts."""

    def __init__(self) -> None:
        self.fetches = 0
        self.changes = 0
        self.kids = ["one"]
        self.is_down = False
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, url: str) -> bytes:
        assert url == URL
        self.fetches += 1
        self.asked.set()
        await self.gate.wait()
        if self.is_down:
            raise KeysUnreachable("down")
        return json.dumps({"keys": [PAIRS["EdDSA"].jwk(kid=kid) for kid in self.kids]}).encode()

    def changed(self) -> None:
        self.changes += 1


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def keys(provider, clock) -> RemoteKeys:
    return RemoteKeys(URL, provider.fetch, clock, provider.changed)


def kids(keys: RemoteKeys, kid: str) -> list[str]:
    return [key.kid for key in keys.find("EdDSA", kid)]


async def test_nothing_is_known_before_the_first_fetch(keys, provider):
    with pytest.raises(KeysUnreachable) as caught:
        keys.find("EdDSA", "one")
    assert caught.value.status == 503
    assert caught.value.retry_after == 1
    await keys.refresh()
    assert kids(keys, "one") == ["one"]


async def test_the_same_keys_again_are_no_change(keys, provider):
    await keys.refresh()
    await keys.refresh()
    assert (provider.fetches, provider.changes) == (2, 1)


async def test_a_rotated_key_is_found_but_made_up_ids_do_not_hammer(keys, provider, clock):
    await keys.refresh()
    fresh = asyncio.create_task(keys.keep_fresh())
    clock.time += MIN_INTERVAL
    provider.kids = ["two"]
    provider.asked.clear()
    with pytest.raises(KeysUnreachable) as caught:
        keys.find("EdDSA", "two")
    assert caught.value.retry_after == 1
    await provider.asked.wait()
    await asyncio.sleep(0)
    assert kids(keys, "two") == ["two"]
    assert (provider.fetches, provider.changes) == (2, 2)
    for number in range(50):
        assert kids(keys, f"made-up-{number}") == []
    await asyncio.sleep(0)
    assert provider.fetches == 2
    fresh.cancel()
    await asyncio.wait([fresh])


async def test_no_fetch_is_made_for_what_none_could_find(keys, provider, clock):
    assert keys.find("HS256", "one") == []
    await keys.refresh()
    clock.time += MIN_INTERVAL
    assert keys.find("none", "two") == []
    assert keys.find("RS256", "") == []
    with pytest.raises(KeysUnreachable):
        keys.find("RS256", "two")


async def test_while_a_fetch_is_on_its_way_nothing_is_refused(keys, provider):
    await keys.refresh()
    provider.gate.clear()
    provider.asked.clear()
    fetching = asyncio.create_task(keys.refresh())
    await provider.asked.wait()
    with pytest.raises(KeysUnreachable):
        keys.find("EdDSA", "two")
    assert kids(keys, "one") == ["one"]
    fetching.cancel()
    await asyncio.wait([fetching])
    assert kids(keys, "two") == []


async def test_without_the_provider_the_last_keys_are_believed_for_a_while(keys, provider, clock):
    provider.is_down = True
    await keys.refresh()
    with pytest.raises(KeysUnreachable) as caught:
        keys.find("EdDSA", "one")
    assert caught.value.retry_after == MIN_INTERVAL
    provider.is_down = False
    await keys.refresh()
    provider.is_down = True
    clock.time += MAX_STALE
    await keys.refresh()
    assert kids(keys, "one") == ["one"]
    clock.time += 1
    await keys.refresh()
    with pytest.raises(KeysUnreachable):
        keys.find("EdDSA", "one")


async def test_an_unusable_answer_keeps_the_keys(keys, provider, clock):
    await keys.refresh()
    provider.kids = []
    await keys.refresh()
    assert kids(keys, "one") == ["one"]
    assert provider.fetches == 2


@pytest.mark.parametrize("url", ["http://id.example/jwks", "ftp://a/b", "jwks.json", "https://"])
async def test_keys_over_an_open_line_are_not_believed(url, provider, clock):
    with pytest.raises(Misconfigured, match="jwks_url"):
        RemoteKeys(url, provider.fetch, clock, provider.changed)


async def serve(answer: bytes) -> tuple[asyncio.Server, str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"


def http(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


async def test_fetching_over_a_real_socket():
    server, url = await serve(http(b"{}" * 1000))
    async with server:
        assert await jwks.fetch(url) == b"{}" * 1000
    with pytest.raises(KeysUnreachable):
        await jwks.fetch(url)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(b"", "404 Not Found"), "404"),
        (http(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"), "302"),
        (http(b"x" * (MAX_BYTES + 1)), "larger"),
        (b"nonsense\r\n\r\n", "cannot be fetched"),
    ],
)
async def test_answers_that_give_no_keys(answer, said):
    server, url = await serve(answer)
    async with server:
        with pytest.raises(KeysUnreachable, match=said):
            await jwks.fetch(url)
