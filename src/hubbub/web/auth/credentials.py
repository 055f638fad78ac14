"""Where a token is in a request: four places, in this order (api.md, Who may do what).

1. `Authorization: Bearer <token>`;
2. for a WebSocket the subprotocol `bearer.<token>`, because browsers cannot set headers there;
3. a cookie, which a browser sends by itself: then the page's origin must be checked;
4. `?access_token=` where the settings allow it.

Sans-I/O over an ASGI scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from hubbub.web.auth.errors import InvalidToken

BEARER_SUBPROTOCOL: Final = "bearer."


class Credential(NamedTuple):
    """A token as it was sent."""

    token: bytes
    from_cookie: bool


def find(
    scope: Mapping[str, Any], cookie_name: bytes, *, allow_query: bool = False
) -> Credential | None:
    """Find the token of a request. Raises `InvalidToken` for a header that cannot carry one."""
    authorization = cookies = protocols = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization is not None:
                raise InvalidToken("send one Authorization header, not several")
            authorization = value
        elif name == b"cookie":
            cookies = value if cookies is None else cookies + b"; " + value
        elif name == b"sec-websocket-protocol":
            protocols = value if protocols is None else protocols + b"," + value
    if authorization is not None:
        return Credential(_bearer(authorization), from_cookie=False)
    if protocols is not None and (token := _subprotocol(protocols)) is not None:
        return Credential(token, from_cookie=False)
    if cookies is not None and (token := _cookie(cookies, cookie_name)):
        return Credential(token, from_cookie=True)
    if allow_query and (token := _query(scope.get("query_string", b""))) is not None:
        return Credential(token, from_cookie=False)
    return None


def offered_subprotocols(scope: Mapping[str, Any]) -> list[str]:
    """Return the subprotocols to choose from: without the one that carries a token.

    A browser fails the connection if it offered subprotocols and none was selected, so its page
    offers a real one beside the token: `new WebSocket(url, ["hubbub.v1", "bearer." + token])`.
    """
    offered: Sequence[str] = scope.get("subprotocols") or ()
    return [name for name in offered if not name.startswith(BEARER_SUBPROTOCOL)]


def header(scope: Mapping[str, Any], wanted: bytes) -> str | None:
    """Return the first header of a name, as text."""
    for name, value in scope["headers"]:
        if name == wanted:
            return value.decode("latin-1")
    return None


def _bearer(authorization: bytes) -> bytes:
    if authorization[:7].lower() != b"bearer ":
        raise InvalidToken("send the token as Authorization: Bearer <token>")
    return authorization[7:].strip(b" ")


def _subprotocol(offered: bytes) -> bytes | None:
    for one in offered.split(b","):
        if (name := one.strip()).startswith(b"bearer."):
            return name[7:]
    return None


def _cookie(cookies: bytes, wanted: bytes) -> bytes:
    for pair in cookies.split(b";"):
        name, _, value = pair.strip().partition(b"=")
        if name == wanted:
            return value.strip(b'"')
    return b""


def _query(query: bytes) -> bytes | None:
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == b"access_token":
            return unquote_to_bytes(value)
    return None
