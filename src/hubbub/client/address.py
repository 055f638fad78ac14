"""Where the server is, and the URLs under it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from yarl import URL

from hubbub.core.errors import Misconfigured

Query = Sequence[tuple[str, str]]


class Address:
    """The base URL of one server, which may be mounted below a path."""

    def __init__(self, url: str) -> None:
        """Take `http://host:port/path` or `https://...`. Raises `Misconfigured`."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misconfigured("the server's URL looks like http://127.0.0.1:8080")
        if "@" in parts.netloc:
            raise Misconfigured("no user or password in the server's URL: pass a token instead")
        if parts.query or parts.fragment:
            raise Misconfigured("the server's URL ends with its path: no ? and no #")
        self._base = url.rstrip("/")

    def __str__(self) -> str:
        return self._base

    def url(self, path: str, query: Query = ()) -> URL:
        """Return the URL of a path that is encoded already."""
        return URL(self._base + path + ("?" + urlencode(query) if query else ""), encoded=True)
