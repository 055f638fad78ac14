"""The console's files, from the package: `/` and `/console/{file}`.

They are read once and looked up by name, so no path is ever made of what a request says. The page
may load its own files and talk to this server, and nothing else (Content Security Policy).
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from hubbub.core.errors import NotFound
from hubbub.web.answers import Answer
from hubbub.web.face import Headers, Receive, Scope, Send
from hubbub.web.query import has_tag

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}


class File(NamedTuple):
    """One file, ready to be sent."""

    content_type: bytes
    body: bytes
    tag: bytes


@cache
def console_files() -> dict[str, File]:
    """Read the console's files, by name."""
    found: dict[str, File] = {}
    for entry in files("hubbub.console").joinpath("static").iterdir():
        kind = _TYPES.get(entry.name.rpartition(".")[2])
        if kind is not None:
            body = entry.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            found[entry.name] = File(kind.encode(), body, tag.encode())
    return found


async def index(scope: Scope, _receive: Receive, _send: Send) -> Answer:
    """Answer with the page."""
    return _serve(scope, "index.html")


async def asset(scope: Scope, _receive: Receive, _send: Send) -> Answer:
    """Answer with one of the files that the page loads."""
    return _serve(scope, scope["path_params"]["file"])


def _serve(scope: Scope, name: str) -> Answer:
    found = console_files().get(name)
    if found is None:
        raise NotFound("the console has no such file; it starts at /")
    headers: Headers = [
        (b"cache-control", b"no-cache"),
        (b"content-security-policy", POLICY.encode()),
        (b"etag", found.tag),
    ]
    if has_tag(scope, found.tag):
        return Answer(304, headers=headers)
    return Answer(200, found.content_type, found.body, headers)
