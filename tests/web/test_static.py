"""The console's files: by name, with a policy that keeps everything else out."""

from __future__ import annotations

import pytest

from asgi import Client
from hubbub.web.static import console_files

pytestmark = pytest.mark.anyio


async def test_the_page(client: Client) -> None:
    reply = await client.get("/")
    assert reply.status == 200
    assert reply["content-type"] == "text/html; charset=utf-8"
    policy = reply["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= {*policy}
    assert "unsafe" not in reply["content-security-policy"]


@pytest.mark.parametrize("name", sorted(console_files()))
async def test_every_file(client: Client, name: str) -> None:
    reply = await client.get(f"/console/{name}")
    assert (reply.status, reply.body) == (200, console_files()[name].body)
    assert reply["cache-control"] == "no-cache"


async def test_what_has_not_changed_is_not_sent_again(client: Client) -> None:
    for path in ("/", "/console/app.js"):
        first = await client.get(path)
        again = await client.get(path, {"if-none-match": first["etag"]})
        assert (again.status, again.body) == (304, b"")
        assert again["etag"] == first["etag"]
        other = await client.get(path, {"if-none-match": '"other"'})
        assert other.status == 200


@pytest.mark.parametrize("name", ["", "..", "__init__.py", "index.html/", "%2e%2e", "app.js%00"])
async def test_other_names(client: Client, name: str) -> None:
    assert (await client.get(f"/console/{name}")).status == 404
