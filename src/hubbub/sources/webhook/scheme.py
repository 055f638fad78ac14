"""How a provider proves that a request is its own, as data (providers.toml, or a user's own).

Every kind says where the signature is and what it covers; `selectors.py` has the notation of places,
`templates.py` that of signed texts. Algorithms are closed sets: nothing is looked up by a name that
came with a request.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Places = Annotated[tuple[str, ...], Meta(max_length=8)]

TOLERANCE = 300.0
"""Seconds a signed time may be off, either way: what Stripe, Slack and Standard Webhooks chose."""


class Timestamp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the signed time is. One of `at` and `field` is given."""

    at: Places = ()
    field: str = ""
    """Name of the item in the signature header itself, as in `t=1614265330,v1=...`."""
    unit: Literal["s", "ms", "iso"] = "s"
    tolerance: Annotated[float, Meta(ge=0)] = TOLERANCE
    """Seconds; 0: signed but not judged, where a provider may repeat an old request as it was."""


class Echo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A handshake answered by sending back a text of the request, as text/plain."""

    take: str
    """Selector of the text to send back."""
    method: Literal["GET", "POST"] = "GET"
    when: dict[str, str] = {}
    """Selectors that must have these texts for the request to be the handshake."""
    token: str = ""
    """Selector of a text that must equal the source's `verify_token`; empty: none is asked for."""
    signed: bool = False
    """Whether the request must be verified first."""


class Scheme(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """What all kinds have: how to describe the event once it is verified."""

    name: str = "custom"
    """The provider, for topics and for `hubbubsource`."""
    id: Places = ()
    """The provider's key for the event: the same when it repeats itself."""
    type: Places = ()
    topic: str = "{provider}/{type}"
    """Template of the topic where the source has none of its own."""
    form_field: str = ""
    """The field that has the JSON, when the body is a form."""
    handshake: Literal["", "zoom", "x", "discord", "sns"] = ""
    echo: Echo | None = None
    head: bool = False
    """Whether the provider tries the address with HEAD before it uses it."""


class Signed(Scheme, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What kinds with a signature have."""

    signature: Places
    """Where it is; there may be several, and any that holds will do."""
    separator: str = ""
    """Between the items of one header, such as `,` in `t=1,v1=a,v1=b`."""
    field: str = ""
    """Name of the items that are signatures; empty: every item is one."""
    pair: str = "="
    """Between the name of an item and its value."""
    prefix: str = ""
    """What stands before the signature itself, such as `sha256=`."""
    encoding: Literal["hex", "base64", "base64url"] = "hex"
    signed: str = "{body}"
    timestamp: Timestamp | None = None


class Hmac(Signed, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="hmac"):
    """A keyed hash with a secret that both sides know."""

    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    key: Literal["text", "base64", "hex"] = "text"
    """How the secret is written; `base64` may begin with `whsec_`."""


class Asymmetric(Signed, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="asymmetric"):
    """A signature with the provider's private key; the source's secrets are its public keys."""

    algorithm: Literal["ed25519", "ecdsa-sha256", "rsa-sha256"]
    key: Literal["hex", "base64", "spki"] = "spki"
    """Raw Ed25519 keys as hex or base64; `spki` is PEM, or the base64 inside it."""


class Standard(Signed, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="standard"):
    """Standard Webhooks 1.0: `v1` with `whsec_` secrets and `v1a` with `whpk_` public keys."""

    signature: Places = ("header:webhook-signature", "header:svix-signature")
    separator: str = " "
    pair: str = ","
    encoding: Literal["hex", "base64", "base64url"] = "base64"
    id: Places = ("header:webhook-id", "header:svix-id")
    signed: str = "{id}.{timestamp}.{body}"
    timestamp: Timestamp | None = Timestamp(
        at=("header:webhook-timestamp", "header:svix-timestamp")
    )


class Secret(Scheme, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="secret"):
    """The secret itself comes with the request."""

    at: Places
    prefix: str = ""


class Basic(Scheme, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="basic"):
    """HTTP Basic (RFC 7617); the source's secrets are `user:password`."""


class Twilio(Signed, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="twilio"):
    """HMAC-SHA1 over the URL and the sorted form (twilio.py)."""

    encoding: Literal["hex", "base64", "base64url"] = "base64"


class PayPal(Signed, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="paypal"):
    """RSA with a certificate named in the request (paypal.py); secrets are the webhook's ids."""

    encoding: Literal["hex", "base64", "base64url"] = "base64"


class Sns(Scheme, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sns"):
    """RSA with a certificate named in the body (sns.py); secrets are the topics' ARNs."""


AnyScheme = Hmac | Asymmetric | Standard | Secret | Basic | Twilio | PayPal | Sns
Inline = Hmac | Asymmetric | Standard | Secret | Basic
"""The kinds that a user may write out in a source's options."""
