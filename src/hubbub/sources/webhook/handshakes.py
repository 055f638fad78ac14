"""Requests that are no events: a provider asks whether somebody is there, and gets its answer.

An answer that proves knowledge of the secret (Zoom, X) signs what the asker chose, so what may be
asked is held to letters and digits: never a text that would pass as a signed webhook. Echoes are
text/plain with nosniff, bounded in length and characters (T14).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence

import msgspec

from hubbub.core.errors import Malformed, TooLarge
from hubbub.sources.webhook import keys, sns
from hubbub.sources.webhook.errors import Unverified
from hubbub.sources.webhook.request import Received, at
from hubbub.sources.webhook.scheme import AnyScheme, Echo
from hubbub.sources.webhook.selectors import lenient
from hubbub.sources.webhook.verify import Verified, verify

MAX_CHALLENGE = 512
"""Characters of a text that is sent back: Microsoft Graph's have about 200."""

_CHALLENGE = re.compile(rf"[\x20-\x7e]{{1,{MAX_CHALLENGE}}}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{1,128}=*")
_ORIGIN = re.compile(r"[A-Za-z0-9.-]{1,253}")
_RATE = re.compile(r"[0-9]{1,9}|\*")

_NOSNIFF = ("x-content-type-options", "nosniff")


class Answer(msgspec.Struct, frozen=True):
    """What to answer, and nothing else to do, except perhaps to visit a link."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    visit: str | None = None
    """A URL to GET before the answer goes out: one of the provider's own hosts, checked."""


def handshake(  # noqa: PLR0913  as verify
    scheme: AnyScheme,
    received: Received,
    secrets: Sequence[str],
    now: float,
    *,
    verify_token: str = "",
    tolerance: float | None = None,
    certificate: bytes | None = None,
) -> Answer | None:
    """Return the answer to a handshake, None where the request is none.

    Raises `Unverified` where the asker must prove itself and does not, `Malformed` or `TooLarge`.
    """

    def prove() -> Verified:
        return verify(scheme, received, secrets, now, tolerance=tolerance, certificate=certificate)

    if received.method == "OPTIONS":
        return _consent(received)
    if received.method == "HEAD":
        return Answer(200) if scheme.head else None
    if scheme.echo is not None and _meant(scheme.echo, received):
        return _echo(scheme.echo, received, verify_token, prove)
    if scheme.handshake == "x" and received.method == "GET":
        return _crc(received, secrets)
    if scheme.handshake and received.method == "POST":
        return _posted(scheme.handshake, received, secrets, prove)
    return None


def _posted(
    kind: str, received: Received, secrets: Sequence[str], prove: Callable[[], Verified]
) -> Answer | None:
    if kind == "sns":
        url = sns.subscribe_url(received)
        if url is None:
            return None
        prove()
        return Answer(200, visit=url)
    body = _readable(received)
    if kind == "zoom" and at(body, "/event") == "endpoint.url_validation":
        return _zoom(body, secrets[prove().key])
    if kind == "discord":
        return _discord(body, prove)
    return None


def _consent(received: Received) -> Answer | None:
    """CloudEvents http-webhook 1.0.2, section 4: consent at once, so no callback is ever called."""
    origin = received.header("webhook-request-origin")
    if origin is None:
        return None
    if not _ORIGIN.fullmatch(origin):
        raise Malformed("WebHook-Request-Origin is a DNS name")
    headers = [("allow", "POST"), ("webhook-allowed-origin", origin)]
    rate = received.header("webhook-request-rate")
    if rate is not None:
        if not _RATE.fullmatch(rate):
            raise Malformed("WebHook-Request-Rate is a number of requests per minute")
        headers.append(("webhook-allowed-rate", rate))
    return Answer(200, tuple(headers))


def _meant(echo: Echo, received: Received) -> bool:
    return (
        received.method == echo.method
        and all(lenient((place,), received) == text for place, text in echo.when.items())
        and (bool(echo.when) or lenient((echo.take,), received) is not None)
    )


def _echo(
    echo: Echo, received: Received, verify_token: str, prove: Callable[[], Verified]
) -> Answer:
    if echo.signed:
        prove()
    if echo.token:
        given = lenient((echo.token,), received) or ""
        if not verify_token or not keys.equal(given, verify_token):
            raise Unverified("the verify token is not the source's verify_token")
    text = lenient((echo.take,), received) or ""
    if not _CHALLENGE.fullmatch(text):
        raise Malformed(f"the challenge is not 1 to {MAX_CHALLENGE} printable characters")
    return Answer(200, (("content-type", "text/plain; charset=utf-8"), _NOSNIFF), text.encode())


def _crc(received: Received, secrets: Sequence[str]) -> Answer | None:
    token = lenient(("query:crc_token",), received)
    if token is None:
        return None
    key = keys.hmac_key(secrets[0], "text") if secrets else None
    if key is None:
        raise Unverified("the source has no secret to answer with; set one")
    signed = keys.digest(key, _nonce(token).encode(), "sha256")
    return _json({"response_token": "sha256=" + base64.b64encode(signed).decode()})


def _zoom(body: object, secret: str) -> Answer:
    token = at(body, "/payload/plainToken")
    plain = _nonce(token if isinstance(token, str) else "")
    signed = keys.digest(keys.hmac_key(secret, "text") or b"", plain.encode(), "sha256")
    return _json({"plainToken": plain, "encryptedToken": signed.hex()})


def _discord(body: object, prove: Callable[[], Verified]) -> Answer | None:
    kind = at(body, "/type")
    if isinstance(kind, bool) or at(body, "/event") is not None:
        return None
    if kind == 0:  # PING of webhook events
        prove()
        return Answer(204)
    if kind == 1:  # PING of interactions
        prove()
        return _json({"type": 1})
    return None


def _nonce(text: str) -> str:
    if not _NONCE.fullmatch(text):
        raise Malformed("the token to answer is not 1 to 128 letters, digits, - or _")
    return text


def _readable(received: Received) -> object:
    try:
        return received.document()
    except (Malformed, TooLarge):
        return None


def _json(value: dict[str, object]) -> Answer:
    headers = (("content-type", "application/json"), _NOSNIFF)
    return Answer(200, headers, msgspec.json.encode(value))
