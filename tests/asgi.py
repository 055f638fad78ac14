"""An ASGI driver: one request to an application in this process, without a server in between."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from hubbub.web.face import App

LOCAL = (b"host", b"127.0.0.1:8080")


class Reply:
    """What came back."""

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.lines = [(name.decode(), value.decode("latin-1")) for name, value in headers]
        self.body = body

    def __getitem__(self, name: str) -> str:
        """Return a header's value; several lines of one name are joined."""
        found = [value for key, value in self.lines if key == name.lower()]
        if not found:
            raise KeyError(name)
        return ", ".join(found)

    def get(self, name: str, default: str = "") -> str:
        return ", ".join(value for key, value in self.lines if key == name) or default

    def __contains__(self, name: str) -> bool:
        return any(key == name.lower() for key, _ in self.lines)

    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


def http_scope(
    method: str,
    path: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """Return the scope that a server would make of a request line and headers."""
    raw, _, query = path.partition("?")
    lines = list(headers.items() if isinstance(headers, Mapping) else headers)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw, errors="replace"),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [LOCAL, *((n.lower().encode(), v.encode("utf-8")) for n, v in lines)],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
        "extensions": {},
    }


class Client:
    """Sends requests to an application."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(
        self,
        method: str,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        *,
        cut: bool = False,
        scope: Mapping[str, Any] = {},
    ) -> Reply:
        """Send a request; a body in parts comes in several messages, a `cut` one never ends.

        `scope` replaces parts of the scope.
        """
        parts = [body] if isinstance(body, bytes) else list(body)
        last = len(parts) - 1
        inbox: list[dict[str, Any]] = [
            {"type": "http.request", "body": part, "more_body": place < last or cut}
            for place, part in enumerate(parts)
        ]
        self.taken = 0
        """Messages of the request that the application took."""
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            self.taken += 1
            return inbox.pop(0) if inbox else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(http_scope(method, path, headers) | dict(scope), receive, send)
        if not sent:
            return Reply(0, (), b"")
        start, *rest = sent
        assert start["type"] == "http.response.start"
        return Reply(start["status"], start["headers"], b"".join(m.get("body", b"") for m in rest))

    async def get(self, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Reply:
        return await self("GET", path, b"", headers or {}, **more)

    async def post(
        self,
        path: str,
        body: bytes | str | Any = b"",
        content_type: str | None = "application/json",
        **headers: str,
    ) -> Reply:
        """Post bytes as they are, anything else as JSON; header names take `_` for `-`."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            lines["content-type"] = content_type
        return await self("POST", path, sent, lines)
