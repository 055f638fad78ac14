"""The dialects that webhooks are signed in, several at once: who moves here changes no receiver.

    standard   webhook-id, webhook-timestamp, webhook-signature     id.timestamp.body  v1 or v1a
    github     X-Hub-Signature-256: sha256=HEX                      body
    stripe     Stripe-Signature: t=...,v1=HEX                       timestamp.body
    slack      X-Slack-Signature: v0=HEX                            v0:timestamp:body
    shopify    X-Shopify-Hmac-SHA256: BASE64                        body
    hookdeck   X-Hookdeck-Signature: BASE64                         body

All but `standard` are HMAC-SHA256 whose key is the UTF-8 text of the whole secret, `whsec_` included,
because that is what the providers' own libraries do with it. `standard` decodes the secret
(`hubbub.webhooks`). A `whsk_` key signs `standard` only.

In a rotation `standard` and `stripe` sign with every secret and `hookdeck` with two. The headers of
the others hold one signature, which is made with the active secret: their receivers have to know it
before. `X-Hub-Signature` (SHA-1) is left out: GitHub keeps it for receivers from before 2020.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote

from hubbub import webhooks
from hubbub.core.errors import Malformed

SHORTEST_TEXT, LONGEST_TEXT = 16, 256
"""Octets of a secret whose text is the key: fewer can be guessed from one delivery, and 256 is more
than any provider hands out."""

_SECRET: Final = "/protocolsettings/secret"
_SIGNING: Final = "/protocolsettings/signing"
_VISIBLE: Final = "!#$&'()*+,/:;=?@[\\]^`{|}~"  # of ASCII, but the double quote and percent

Pairs = list[tuple[str, str]]
"""Names and values of headers."""


class _Post(NamedTuple):
    """What is signed."""

    id: str
    timestamp: int
    type: str
    body: bytes


class Signing:
    """Secrets and dialects, read once: `prepare` makes it."""

    def __init__(self, dialects: Sequence[Callable[[_Post], Pairs]]) -> None:
        self._dialects = dialects

    def headers(self, id: str, timestamp: int, type: str, body: bytes) -> Pairs:  # noqa: A002
        """Return the headers of one attempt.

        `id` is the message's, the same in every attempt: 1 to 256 visible ASCII characters, no full
        stop. `timestamp` is the attempt's, in whole seconds since the Unix epoch. `type` is that of
        the event. Raises ValueError for an id or timestamp that cannot be signed.
        """
        post = _Post(id, timestamp, type, body)
        return [pair for dialect in self._dialects for pair in dialect(post)]


def prepare(secrets: Sequence[str], dialects: Sequence[str]) -> Signing:
    """Read secrets, the active one first, and behind it those that still hold in a rotation.

    The active secret has to fit every dialect; the others sign where they fit. Raises `Malformed`,
    pointing into `protocolsettings`, for no or unknown dialects and for a secret that cannot work.
    """
    if not secrets:
        raise Malformed("there is no secret to sign with; give one", pointer=_SECRET)
    if not dialects:
        raise Malformed(f"name a dialect to sign in: {_known()}", pointer=_SIGNING)
    for at, name in enumerate(dialects):
        if name not in DIALECTS:
            hint = f"{name[:40]!r} is no dialect; there are {_known()}"
            raise Malformed(hint, pointer=f"{_SIGNING}/{at}")
    return Signing([_prepared(secrets, name) for name in dict.fromkeys(dialects)])


def jwk(secret: str) -> dict[str, str]:
    """Return the public key of a `whsk_` secret as a JWK, for `/.well-known/hubbub-keys.json`.

    `kid` is the key's thumbprint (RFC 8037, RFC 7638). Raises `Malformed` for another secret.
    """
    try:
        public = webhooks.public_key(secret)
    except webhooks.InvalidSecret as error:
        raise Malformed(str(error), pointer=_SECRET) from None
    x = _url_safe(base64.b64decode(public.removeprefix("whpk_")))
    # The members that RFC 7638 takes for OKP, by name and without spaces.
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    kid = _url_safe(hashlib.sha256(members.encode()).digest())
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig"}


def _known() -> str:
    return ", ".join(DIALECTS)


def _prepared(secrets: Sequence[str], name: str) -> Callable[[_Post], Pairs]:
    """Bind a dialect to the keys that the secrets are for it."""
    active, *others = secrets
    wrong = _wrong_decoded if name == "standard" else _wrong_text
    if (reason := wrong(active)) is not None:
        raise Malformed(f"{reason} (for signing as {name})", pointer=_SECRET)
    fitting = [active, *(secret for secret in others if wrong(secret) is None)]
    if name == "standard":
        return partial(_standard, webhooks.Signer(fitting))
    return partial(_TEXT_KEYED[name], [secret.encode() for secret in fitting])


def _wrong_decoded(secret: str) -> str | None:
    """Say why a secret cannot sign `standard`."""
    try:
        webhooks.Signer(secret)
    except webhooks.InvalidSecret as error:
        return str(error)
    return None


def _wrong_text(secret: str) -> str | None:
    """Say why a secret cannot sign with its text."""
    if secret.startswith(("whsk_", "whpk_")):
        return "an Ed25519 key signs only as standard; use a whsec_ secret, or standard alone"
    if not secret.isascii() or not secret.isprintable():
        return "a secret is of visible ASCII characters"
    if not SHORTEST_TEXT <= len(secret) <= LONGEST_TEXT:
        return f"a secret has {SHORTEST_TEXT} to {LONGEST_TEXT} characters, this one {len(secret)}"
    return None


def _standard(signer: webhooks.Signer, post: _Post) -> Pairs:
    return [
        ("webhook-id", post.id),
        ("webhook-timestamp", str(post.timestamp)),
        ("webhook-signature", signer.sign(post.id, post.timestamp, post.body)),
    ]


def _github(keys: Sequence[bytes], post: _Post) -> Pairs:
    return [
        ("X-GitHub-Event", _in_header(post.type)),
        ("X-GitHub-Delivery", post.id),
        ("X-Hub-Signature-256", "sha256=" + _hmac(keys[0], post.body).hex()),
    ]


def _stripe(keys: Sequence[bytes], post: _Post) -> Pairs:
    content = b"%d.%b" % (post.timestamp, post.body)
    signatures = "".join([f",v1={_hmac(key, content).hex()}" for key in keys])
    return [("Stripe-Signature", f"t={post.timestamp}{signatures}")]


def _slack(keys: Sequence[bytes], post: _Post) -> Pairs:
    content = b"v0:%d:%b" % (post.timestamp, post.body)
    return [
        ("X-Slack-Request-Timestamp", str(post.timestamp)),
        ("X-Slack-Signature", "v0=" + _hmac(keys[0], content).hex()),
    ]


def _shopify(keys: Sequence[bytes], post: _Post) -> Pairs:
    return [
        ("X-Shopify-Topic", _in_header(post.type)),
        ("X-Shopify-Webhook-Id", post.id),
        ("X-Shopify-Event-Id", post.id),
        ("X-Shopify-Hmac-SHA256", _base64_hmac(keys[0], post.body)),
    ]


def _hookdeck(keys: Sequence[bytes], post: _Post) -> Pairs:
    names = ("X-Hookdeck-Signature", "X-Hookdeck-Signature-2")
    return [(name, _base64_hmac(key, post.body)) for name, key in zip(names, keys, strict=False)]


_TEXT_KEYED: Final[dict[str, Callable[[Sequence[bytes], _Post], Pairs]]] = {
    "github": _github,
    "stripe": _stripe,
    "slack": _slack,
    "shopify": _shopify,
    "hookdeck": _hookdeck,
}

DIALECTS: Final = ("standard", *_TEXT_KEYED)
"""Every dialect there is."""


def _hmac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")


def _base64_hmac(key: bytes, content: bytes) -> str:
    return base64.b64encode(_hmac(key, content)).decode()


def _url_safe(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _in_header(text: str) -> str:
    """Percent-encode what a header cannot hold, as CloudEvents does (HTTP binding 3.1.3.2)."""
    return quote(text, safe=_VISIBLE)
