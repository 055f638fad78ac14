"""A subscription's public JSON and its inside: the object of the CloudEvents Subscriptions API.

The shape is that of cloudevents/subscriptions/spec.md (0.1-wip at c2845a49), section 3.2, with the
members of hubbub beside it: `topics`, `since`, `description`, `expires`, and what is in `config` and
`protocolsettings`. Pure: decoded JSON in, values out; every mistake is told at once with its JSON
pointer. `null` means the same as leaving a member out, but for `sinkcredential`: there it removes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta

from hubbub.core.attributes import check_value
from hubbub.core.clock import rfc3339
from hubbub.core.errors import InvalidPosition, Malformed
from hubbub.core.filters import Predicate, compile_filters
from hubbub.core.selection import Filter, Selection
from hubbub.core.start import SinceTime, Start, parse_since
from hubbub.core.subscription import Subscription
from hubbub.core.topic import MAX_PATTERNS, check_pattern, reduce_patterns
from hubbub.deliveries.members import Reader, members_of
from hubbub.deliveries.secrets import MAX_SECRETS
from hubbub.wire.signatures import DIALECTS, prepare

MEMBERS: Final = (
    "protocol",
    "sink",
    "topics",
    "types",
    "source",
    "filters",
    "since",
    "protocolsettings",
    "config",
    "sinkcredential",
    "description",
    "expires",
)
"""What may be said."""

PROTOCOL: Final = "HTTP"
"""Of subscriptions that people make: webhooks. The others are made by a part of the gateway."""

READ_ONLY: Final = (
    "id",
    "status",
    "reason",
    "position",
    "lag",
    "pending",
    "in_flight",
    "dead",
    "owner",
    "created",
    "changed",
    "warnings",
)
"""What is told: taken and ignored in a whole document, so that one may be sent back as it came."""

SETTINGS: Final = ("secret", "secrets", "signing", "headers", "content", "handshake", "origin")
"""Members of `protocolsettings` for HTTP."""

STANDARD: Final = ("standard",)
"""How deliveries are signed unless it is said otherwise: Standard Webhooks 1.0."""

MAX_TYPES: Final = 100
"""Event types that a subscription may name, as many as patterns."""

MAX_SINK: Final = 8192
"""Characters of a URL: what servers take as a request line."""

MAX_DESCRIPTION: Final = 1000
"""Characters of a description."""

MAX_CREDENTIAL: Final = 4096
"""Characters of a credential: the longest tokens in use are JWTs of about 2 kB."""

MAX_COMPILED: Final = 1024
"""Compiled filters that are remembered: subscriptions with the same one share it."""

_DNS_NAME = r"^(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?\Z"
_Types = Annotated[list[str], Meta(max_length=MAX_TYPES)]
_Topics = Annotated[list[str], Meta(min_length=1, max_length=MAX_PATTERNS)]
_Sink = Annotated[str, Meta(min_length=1, max_length=MAX_SINK)]
_Secrets = Annotated[list[str], Meta(min_length=1, max_length=MAX_SECRETS)]
_Signing = Annotated[list[str], Meta(min_length=1, max_length=len(DIALECTS))]
_Origin = Annotated[str, Meta(pattern=_DNS_NAME)]
_Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION)]
_Hidden = Annotated[str, Meta(min_length=1, max_length=MAX_CREDENTIAL, pattern=r"^[ -~]*\Z")]
_PLAIN: Final[dict[str, Any]] = {
    "content": Literal["structured", "binary", "data"],
    "handshake": Literal["off", "optional", "required"],
    "origin": _Origin,
}


class InvalidSubscription(Malformed):
    """A document that cannot be a subscription: `errors` has every mistake with its place."""

    def __init__(self, errors: Sequence[Malformed]) -> None:
        first = errors[0]
        told = first.detail
        if len(errors) > 1:
            listed = "; ".join(f"{one.pointer or '/'}: {one.detail}" for one in errors)
            told = f"{len(errors)} things are wrong: {listed}"
        super().__init__(told, pointer=first.pointer, position=first.position)
        self.errors = errors


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says, checked."""

    sink: str
    topics: tuple[str, ...]
    """None: whatever the one who asks may read."""
    types: tuple[str, ...]
    source: str | None
    filters: tuple[Any, ...]
    protocol: str
    protocolsettings: dict[str, Any]
    config: dict[str, Any]
    description: str
    expires: int
    start: Start | None
    """Where to begin, if that is said."""
    secrets: tuple[str, ...]
    """Signing secrets that came along, the active one first; none: keep or make them."""
    credential: str | None
    """The `Authorization` of deliveries; empty: none any more, None: nothing was said."""


def read(document: object, now: float, current: Subscription | None = None) -> Draft:
    """Read a whole document; `now` is seconds since the Unix epoch, `current` what it replaces.

    Raises `InvalidSubscription` with every mistake.
    """
    reader = Reader()
    given = reader.object(document, "", (*MEMBERS, *READ_ONLY))
    filters = _filters(reader, given.get("filters", []))
    settings, secrets = _settings(reader, given.get("protocolsettings", {}))
    draft = Draft(
        sink=reader.value(given.get("sink"), _Sink, "/sink", ""),
        topics=_topics(reader, given.get("topics")),
        types=reader.each(
            reader.value(given.get("types", []), _Types, "/types", list[str]()),
            lambda one: check_value("type", one),
            "/types",
        ),
        source=_source(reader, given.get("source")),
        filters=filters,
        protocol=reader.value(given.get("protocol", "HTTP"), Literal["HTTP"], "/protocol", "HTTP"),
        protocolsettings=settings,
        config=reader.config(given.get("config", {}), "/config"),
        description=reader.value(given.get("description", ""), _Description, "/description", ""),
        expires=_expires(reader, given.get("expires"), now, current),
        start=reader.start(given.get("since"), "/since", now),
        secrets=secrets,
        credential=_credential(reader, members_of(document)),
    )
    if reader.errors:
        raise InvalidSubscription(reader.errors)
    return draft


def document_of(subscription: Subscription) -> dict[str, Any]:
    """Return the members that may be said, as they are now, secrets left out."""
    return {
        "protocol": subscription.protocol,
        "sink": subscription.sink,
        "topics": list(subscription.topics),
        "types": list(subscription.types),
        "source": subscription.source,
        "filters": list(subscription.filters),
        "protocolsettings": subscription.protocolsettings,
        "config": subscription.config,
        "description": subscription.description,
        "expires": rfc3339(subscription.expires) if subscription.expires else None,
    }


def patched(subscription: Subscription, patch: object) -> Any:
    """Apply a JSON merge patch (RFC 7396) to the document of a subscription; the result is to be read.

    Raises `InvalidSubscription` for members that are read only: a document that is sent back as it came
    may hold them, a patch means them.
    """
    members = members_of(patch)
    if wrong := [name for name in READ_ONLY if name in members]:
        hint = "is read only; POST to /pause, /resume or /replay below the subscription instead"
        raise InvalidSubscription(
            [Malformed(f"{name} {hint}", pointer=f"/{name}") for name in wrong]
        )
    whole = merge(document_of(subscription), patch)
    if "sinkcredential" in members:  # null there is no way to say nothing
        whole["sinkcredential"] = members["sinkcredential"]
    return whole


def merge(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396, section 2) and return the result."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(members_of(target))
    for name, value in cast("dict[str, Any]", patch).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def selection(subscription: Subscription) -> Selection:
    """Return what a subscription wants; subscriptions that want the same have equal selections."""
    wanted: Filter | None = None
    if subscription.filters or subscription.source is not None:
        asked: Any = subscription.filters
        if subscription.source is not None:
            asked = {"filters": subscription.filters, "source": subscription.source}
        wanted = _compiled(msgspec.json.encode(asked, order="deterministic").decode())
    return Selection.of(subscription.topics, subscription.types, wanted)


@lru_cache(MAX_COMPILED)
def _compiled(text: str) -> Filter:
    asked = msgspec.json.decode(text)
    if isinstance(asked, list):
        return Filter(text, compile_filters(cast("list[object]", asked)))
    found = cast("dict[str, Any]", asked)
    return Filter(text, _from_source(found["source"], compile_filters(found["filters"])))


def _from_source(source: str, others: Predicate) -> Predicate:
    return lambda attributes: attributes.get("source") == source and others(attributes)


def _topics(reader: Reader, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    topics = reader.value(value, _Topics, "/topics", list[str]())
    before = len(reader.errors)
    checked = reader.each(topics, check_pattern, "/topics")
    return reduce_patterns(checked) if len(reader.errors) == before else checked


def _source(reader: Reader, value: object) -> str | None:
    source = reader.value(value, str | None, "/source", None)
    if source is not None:
        try:
            check_value("source", source)
        except Malformed as error:
            reader.fail(error.detail, "/source")
    return source


def _filters(reader: Reader, value: object) -> tuple[Any, ...]:
    filters = reader.value(value, list[Any], "/filters", list[Any]())
    reader.check(lambda: compile_filters(filters), "/filters", None)
    return tuple(filters)


def _expires(reader: Reader, value: object, now: float, current: Subscription | None) -> int:
    """Read when the subscription ends; a time that has passed may only stay as it is."""
    text = reader.value(value, str | None, "/expires", None)
    if text is None:
        return 0
    expires = reader.check(lambda: _time(text, now), "/expires", 0)
    known = current is not None and expires == current.expires
    if 0 < expires <= now * 1000 and not known:
        reader.fail("expires is in the past; give a later time, or leave it out", "/expires")
    return expires


def _time(text: str, now: float) -> int:
    """Read an RFC 3339 time as milliseconds. Raises `InvalidPosition`."""
    start = parse_since(text, now) if text[:4].isdigit() and text[4:5] == "-" else None
    if not isinstance(start, SinceTime) or start.milliseconds <= 0:
        raise InvalidPosition("a time looks like 2026-11-23T09:30:00Z and names its zone")
    return start.milliseconds


def _settings(reader: Reader, value: object) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Read `protocolsettings`: those that are kept as they are, and the secrets."""
    at = "/protocolsettings"
    given = reader.object(value, at, SETTINGS)
    kept: dict[str, Any] = {}
    for name, kind in _PLAIN.items():
        if name in given:
            kept[name] = reader.value(given[name], kind, f"{at}/{name}", None)
    if "signing" in given:
        signing = reader.value(given["signing"], _Signing, f"{at}/signing", list[str]())
        kept["signing"] = list(reader.each(signing, _check_dialect, f"{at}/signing"))
    if "headers" in given:
        kept["headers"] = reader.headers(given["headers"], f"{at}/headers")
    return kept, _secrets(reader, given, kept, at)


def _check_dialect(name: str) -> None:
    if name not in DIALECTS:
        raise Malformed(f"{name[:40]!r} is no dialect; there are {', '.join(DIALECTS)}")


def _secrets(
    reader: Reader, given: Mapping[str, Any], kept: Mapping[str, Any], at: str
) -> tuple[str, ...]:
    """Read the signing secrets, each of which has to fit every dialect."""
    if "secret" in given and "secrets" in given:
        reader.fail("secret or secrets, the active one first; not both", f"{at}/secrets")
        return ()
    at = f"{at}/secret" if "secret" in given else f"{at}/secrets"
    named = [given["secret"]] if "secret" in given else given.get("secrets")
    secrets = tuple(reader.value(named, _Secrets | None, at, None) or ())
    dialects = [one for one in kept.get("signing", STANDARD) if one in DIALECTS] or STANDARD
    for place, secret in enumerate(secrets):
        inside = at if "secret" in given else f"{at}/{place}"
        try:
            prepare([secret], dialects)
        except Malformed as error:
            reader.fail(error.detail, inside)
    return secrets


def _credential(reader: Reader, document: Mapping[str, Any]) -> str | None:
    """Read `sinkcredential` as the `Authorization` that it stands for; None if nothing is said.

    A token is used as it is and never renewed: when it ends the receiver says 401, and the next one
    is to be given here.
    """
    if "sinkcredential" not in document:
        return None
    given = document["sinkcredential"]
    if given is None:
        return ""
    at = "/sinkcredential"
    match members_of(given).get("credentialtype"):
        case "PLAIN":
            found = reader.object(given, at, ("credentialtype", "identifier", "secret"))
            name = reader.value(found.get("identifier"), _Hidden, f"{at}/identifier", "")
            secret = reader.value(found.get("secret"), _Hidden, f"{at}/secret", "")
            if ":" in name:
                reader.fail("identifier holds no colon (RFC 7617, section 2)", f"{at}/identifier")
            return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()
        case "ACCESSTOKEN":
            names = ("credentialtype", "accesstoken", "accesstokentype", "accesstokenexpiresutc")
            found = reader.object(given, at, names)
            kind = reader.value(
                found.get("accesstokentype", "bearer"), str, f"{at}/accesstokentype", ""
            )
            if kind.lower() != "bearer":
                reader.fail("accesstokentype is bearer", f"{at}/accesstokentype")
            reader.value(
                found.get("accesstokenexpiresutc"), str | None, f"{at}/accesstokenexpiresutc", None
            )
            token = reader.value(found.get("accesstoken"), _Hidden, f"{at}/accesstoken", "")
            return f"Bearer {token}"
        case _:
            reader.fail("credentialtype is PLAIN or ACCESSTOKEN", f"{at}/credentialtype")
            return None
