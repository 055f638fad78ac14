"""The forms, addresses and signatures of WebSub (W3C Recommendation 2018-01-23), and of what came before it.

Pure: text and bytes in, values out. Numbers in the tests are those of the Recommendation's sections.
PubSubHubbub 0.3 and 0.4 speak the same forms with a few more fields, which are read here as well.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from hubbub.core.attributes import media_type
from hubbub.core.errors import Malformed, Unsupported
from hubbub.wire.feeds import NEWEST

FORM: Final = "application/x-www-form-urlencoded"

Form = Literal["json", "batch", "atom", "json-feed", "latest"]
"""How a topic of ours is represented: its events as JSON, two kinds of feeds, or the data of the last
event. They are the values of `format` in its URL; `latest` is also what topics of others are."""

PLAIN: Final[Form] = "json"
"""What the URL of a topic is without `format`."""

FORMS: Final[dict[str, Form]] = {form: form for form in get_args(Form)}

BATCH: Final[dict[Form, int]] = {
    "json": 100,
    "batch": 100,
    "atom": NEWEST,
    "json-feed": NEWEST,
    "latest": 1,
}
"""Events of one notification, as many as are on a page that is fetched."""

METHODS: Final = ("sha256", "sha1", "sha384", "sha512")
"""Signature methods (section 7.1), ours first."""

MAX_SECRET: Final = 199
"""Bytes of a secret in UTF-8: the Recommendation says less than 200 (section 5.1)."""

MAX_URL: Final = 2048
"""Characters of a topic or callback: what is called anywhere here has at most that."""

MAX_FIELDS: Final = 1024
"""Fields of a form: WordPress sends all the feeds of a site in one ping."""

MAX_TOPICS: Final = 1000
"""Topics of one ping."""

MAX_TOKEN: Final = 4096
"""Bytes of a `hub.verify_token`, which is repeated in a URL (PubSubHubbub 0.3, section 6.1)."""

MAX_LEASE_DIGITS: Final = 18
"""Digits of `hub.lease_seconds` that are a number; more would only mean for ever."""

_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_SCHEME: Final = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")


class Subscribing(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscriber asks of a hub (section 5.1)."""

    mode: Literal["subscribe", "unsubscribe"]
    callback: str
    """As it was given: the query of it is preserved byte for byte."""
    topic: str
    secret: str = ""
    """Empty: none; deliveries are not signed."""
    lease: int | None = None
    """Seconds that are asked for, None: whatever the hub likes."""
    is_old: bool = False
    """Whether `hub.verify` was said: a client of PubSubHubbub 0.3, which never renews by itself."""
    token: str = ""
    """`hub.verify_token`, which an old client wants to see again."""
    methods: tuple[str, ...] = ()
    """Signature methods the subscriber can verify, best first (`hub.signature_methods`, ours)."""

    def __repr__(self) -> str:
        """Show which it is; the secret and the token stay out of logs and tracebacks."""
        return f"Subscribing({self.mode}, {self.topic!r})"


class Delivering(msgspec.Struct, frozen=True, kw_only=True):
    """How the hub delivers to one callback: the `protocolsettings` of a subscription it made."""

    topic: str
    """URL of the topic as it was subscribed to."""
    hub: str
    """URL of the hub as publishers advertise it."""
    form: Form
    method: str
    """Signature method."""
    lease: int
    """Seconds that were granted."""
    renew: bool = False
    """Whether the hub asks again before the lease ends: old clients never do."""
    is_foreign: bool = False
    """Whether the topic is fetched from somebody else."""


class Publishing(msgspec.Struct, frozen=True):
    """A ping: these topics have news."""

    topics: tuple[str, ...]
    """Each once."""


def read_form(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Read the fields of a form (section 5.1: UTF-8). Raises `Unsupported` or `Malformed`."""
    if media_type(content_type) != FORM:
        raise Unsupported(f"a hub is spoken to in forms: send Content-Type: {FORM}")
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except UnicodeDecodeError:
        raise Malformed("the form is not percent-encoded UTF-8") from None
    except ValueError:
        raise Malformed(f"the form has more than {MAX_FIELDS} fields") from None


def parse(fields: Iterable[tuple[str, str]]) -> Subscribing | Publishing:
    """Tell what a form asks of a hub; fields that it does not know are ignored (section 5.1).

    Raises `Malformed`.
    """
    form = _Form(fields)
    match form.one("hub.mode"):
        case "subscribe" | "unsubscribe" as mode:
            return _subscribing(form, mode)
        case "publish":
            return Publishing(_topics(form))
        case "":
            raise Malformed("hub.mode is missing: subscribe, unsubscribe or publish")
        case _:
            raise Malformed("hub.mode is subscribe, unsubscribe or publish")


class _Form:
    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name, []).append(value)

    def all(self, *names: str) -> list[str]:
        return [value for name in names for value in self._values.get(name, ())]

    def one(self, name: str) -> str:
        """Return the value of a field; repeated it must say the same."""
        values = self._values.get(name, [""])
        if len(set(values)) > 1:
            raise Malformed(f"{name} says {len(values)} different things; say one")
        return values[0]


def _subscribing(form: _Form, mode: Literal["subscribe", "unsubscribe"]) -> Subscribing:
    secret = form.one("hub.secret")
    if len(secret.encode()) > MAX_SECRET:
        raise Malformed(f"hub.secret has at most {MAX_SECRET} bytes")
    token = form.one("hub.verify_token")
    if len(token.encode()) > MAX_TOKEN:
        raise Malformed(f"hub.verify_token has at most {MAX_TOKEN} bytes")
    asked = ",".join(form.all("hub.signature_methods")).lower()
    known = dict.fromkeys(one.strip() for one in asked.split(",") if one.strip() in METHODS)
    if asked and not known:
        raise Malformed(f"hub.signature_methods names one of {', '.join(METHODS)}")
    return Subscribing(
        mode=mode,
        callback=_url(form.one("hub.callback"), "hub.callback"),
        topic=_url(form.one("hub.topic"), "hub.topic"),
        secret=secret,
        lease=_lease(form.one("hub.lease_seconds")) if mode == "subscribe" else None,
        is_old=bool(form.all("hub.verify")),
        token=token,
        methods=tuple(known),
    )


def _topics(form: _Form) -> tuple[str, ...]:
    """Read a ping: `hub.topic`, `hub.url`, both, repeated, as PHP writes lists, or with commas."""
    given = form.all("hub.topic", "hub.url", "hub.topic[]", "hub.url[]")
    split = [one for text in given for one in _list(text)]
    topics = tuple(dict.fromkeys(_url(one, "hub.topic") for one in split))
    if not topics:
        raise Malformed("a ping names what has changed: hub.topic, or hub.url as of old")
    if len(topics) > MAX_TOPICS:
        raise Malformed(f"a ping names at most {MAX_TOPICS} topics; send several")
    return topics


def _list(text: str) -> list[str]:
    """Split at commas before a URL only: a comma inside one is a part of it."""
    parts = re.split(r"\s*,\s*(?=https?://)", text.strip(), flags=re.IGNORECASE)
    return [part for part in parts if part]


def _url(text: str, name: str) -> str:
    if not text:
        raise Malformed(f"{name} is missing")
    if len(text) > MAX_URL:
        raise Malformed(f"{name} has at most {MAX_URL} characters")
    if not _SCHEME.match(text) or _CONTROL.search(text):
        raise Malformed(f"{name} is a URL that starts with http:// or https://, without blanks")
    if "#" in text:
        raise Malformed(f"{name} has no fragment: leave out # and what follows")
    return text


def _lease(text: str) -> int | None:
    if not text:
        return None
    if not _DIGITS.fullmatch(text) or not text.strip("0"):
        raise Malformed("hub.lease_seconds is a positive whole number of seconds")
    return int(text.lstrip("0")[:MAX_LEASE_DIGITS])


def with_parameters(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Append parameters to a URL, whose own query stays byte for byte (section 5.3)."""
    query = urlencode(list(parameters), quote_via=quote)
    separator = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{separator}{query}"


def sign(method: str, secret: str, body: bytes) -> str:
    """Return the `X-Hub-Signature` of a body (section 7.1); `method` is one of `METHODS`."""
    return f"{method}={hmac.new(secret.encode(), body, method).hexdigest()}"


def verify(header: str, secret: str, body: bytes) -> bool:
    """Tell whether an `X-Hub-Signature` is that of a body, by the method that it names."""
    method, _, digest = header.strip().partition("=")
    if method.lower() not in METHODS or not digest.isascii():
        return False
    expected = hmac.new(secret.encode(), body, method.lower()).hexdigest()
    return hmac.compare_digest(expected, digest.lower())


def subscribe_form(
    mode: Literal["subscribe", "unsubscribe"],
    callback: str,
    topic: str,
    *,
    lease: int | None = None,
    secret: str = "",
) -> bytes:
    """Write what a subscriber sends to a hub (section 5.1)."""
    fields = [("hub.mode", mode), ("hub.topic", topic), ("hub.callback", callback)]
    if lease is not None:
        fields.append(("hub.lease_seconds", str(lease)))
    if secret:
        fields.append(("hub.secret", secret))
    return urlencode(fields, quote_via=quote).encode()


def publish_form(topic: str) -> bytes:
    """Write a ping for one topic: some hubs look for `hub.topic`, the older ones for `hub.url`."""
    fields = [("hub.mode", "publish"), ("hub.topic", topic), ("hub.url", topic)]
    return urlencode(fields, quote_via=quote).encode()


def digest(*parts: str) -> str:
    """Return 32 hex digits that stand for some texts, however long they are."""
    hashed = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass"))
    return hashed.hexdigest()[:32]


def chosen(wanted: Sequence[str], fallback: str) -> str:
    """Return the signature method for a subscriber that can verify some."""
    return wanted[0] if wanted else fallback
