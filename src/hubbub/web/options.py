"""The settings of the HTTP face, section `[web]`."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from hubbub.web.auth.origins import check_origin

EVERYBODY = ("*",)
"""`cors_origins` that lets every page in, without its cookies."""


class WebOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the gateway presents itself to HTTP clients."""

    public_url: str = ""
    """URL under which clients reach the gateway, for links and feeds; empty: what they asked for."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may read and publish from a browser, such as `https://app.example`; `*`
    alone lets every page, without cookies."""

    def __post_init__(self) -> None:
        if self.public_url:
            parts = urlsplit(self.public_url)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
                raise ValueError("public_url looks like https://events.example.com or .../hubbub")
        if self.cors_origins != EVERYBODY:
            for origin in self.cors_origins:
                check_origin(origin)
