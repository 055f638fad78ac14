"""The members of a subscription's document, each read by itself so that every mistake is told.

A `Reader` never raises: what is wrong goes on `errors` with its JSON pointer (RFC 6901), and a value
that does no harm is returned instead. Nothing here repeats a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
from msgspec import Meta

from hubbub.core.attributes import pointer as member
from hubbub.core.errors import HubbubError, Malformed
from hubbub.core.start import Start, parse_since
from hubbub.core.subscription import Policy

MAX_ERRORS: Final = 20
"""Mistakes that one answer tells: who has more than that reads the documentation first."""

MAX_HEADERS: Final = 50
"""Headers that a subscription may add to every request: servers take about 100 in all."""

MAX_HEADER: Final = 4096
"""Characters of one added header: servers take 8 KiB of a line, some 16 KiB of all lines together."""

FRAMING: Final = frozenset(
    (
        "host",
        "connection",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "user-agent",
    )
)
"""Headers that are the request itself: whoever could set them could smuggle another one (T26)."""

SIGNED: Final = frozenset(
    (
        "x-hub-signature",
        "x-hub-signature-256",
        "stripe-signature",
        "x-slack-signature",
        "x-slack-request-timestamp",
        "x-shopify-hmac-sha256",
        "x-hookdeck-signature",
    )
)
"""Headers that signatures are in: a text of somebody's choice beside ours would only confuse."""

CREDENTIALS: Final = frozenset(("authorization", "cookie", "proxy-authorization"))
"""Headers that are secrets: settings are shown to whoever manages the subscription."""

OURS: Final = ("webhook-", "ce-", "proxy-")
"""Beginnings of header names that are not for others to set."""

DURATIONS: Final = frozenset(
    ("schedule", "timeout", "batch_wait", "disable_after", "max_retry_after")
)
"""Members of `config` in seconds, which may be texts such as `90s`."""

_POLICY: Final = {field.name: field.type for field in msgspec.structs.fields(Policy)}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)", re.ASCII)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}", re.ASCII)
_VALUE = re.compile(r"[!-~](?:[ \t!-~]*[!-~])?", re.ASCII)
Value = TypeVar("Value")


def seconds(value: object) -> object:
    """Read a duration such as `250ms`, `90s`, `15m`, `24h`, `7d` as seconds; leave all else alone."""
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        return float(found[1]) * _UNITS[found[2]]
    return value


class Reader:
    """Reads members and collects what is wrong with them."""

    def __init__(self) -> None:
        self.errors: list[Malformed] = []

    def fail(self, detail: str, at: str, position: int | None = None) -> None:
        """Note a mistake."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(Malformed(detail, pointer=at, position=position))

    def object(self, value: object, at: str, known: Iterable[str]) -> dict[str, Any]:
        """Return the members of an object that are known and not null; the others are mistakes."""
        if not isinstance(value, dict):
            self.fail("an object is expected here", at)
            return {}
        members = cast("dict[str, Any]", value)
        names = tuple(known)
        for name in members:
            if name not in names:
                near = get_close_matches(name, names, 1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
                self.fail(f"there is no member {name[:40]!r}{hint}", at + member(name[:40]))
        return {name: one for name, one in members.items() if name in names and one is not None}

    def value(self, value: object, kind: Any, at: str, default: Value) -> Value:
        """Return a value of a type; `default` where it is none."""
        try:
            return cast("Value", msgspec.convert(value, kind))
        except msgspec.ValidationError as error:
            what, _, place = str(error).partition(" - at `$")
            inside = "".join(f"/{part}" for part in re.findall(r"\w+", place))
            self.fail(_plain(what), at + inside)
            return default

    def check(self, check: Callable[[], Value], at: str, default: Value) -> Value:
        """Return what a check returns; `default` where it refuses."""
        try:
            return check()
        except HubbubError as error:
            self.fail(error.detail, at + error.pointer, error.position)
            return default

    def each(
        self, values: Sequence[str], check: Callable[[str], object], at: str
    ) -> tuple[str, ...]:
        """Check every text of an array by itself."""
        for place, one in enumerate(values):
            try:
                check(one)
            except HubbubError as error:
                self.fail(error.detail, f"{at}/{place}")
        return tuple(dict.fromkeys(values))

    def duration(self, value: object, at: str, most: float, default: float) -> float:
        """Return a duration in seconds, from 0 to `most`."""
        kind = Annotated[float, Meta(ge=0, le=most)]
        return self.value(seconds(value), kind, at, default)

    def start(self, value: object, at: str, now: float) -> Start | None:
        """Return where to begin; `now` is seconds since the Unix epoch. None: nothing is said."""
        text = self.value(value, str | None, at, None)
        return None if text is None else self.check(lambda: parse_since(text, now), at, None)

    def config(self, value: object, at: str) -> dict[str, Any]:
        """Read the members of a `Policy` that are given; durations become seconds."""
        found: dict[str, Any] = {}
        for name, one in self.object(value, at, _POLICY).items():
            given: object = one
            if name in DURATIONS:
                is_list = isinstance(one, list)
                given = (
                    [seconds(item) for item in cast("list[Any]", one)] if is_list else seconds(one)
                )
            found[name] = self.value(given, _POLICY[name], at + member(name), None)
        return found

    def headers(self, value: object, at: str) -> dict[str, str]:
        """Read headers that are added to every request."""
        kind = Annotated[dict[str, object], Meta(max_length=MAX_HEADERS)]
        seen: set[str] = set()
        headers: dict[str, str] = {}
        nothing: dict[str, object] = {}
        for name, one in self.value(value, kind, at, nothing).items():
            inside, lower = at + member(name[:100]), name.lower()
            if (why := _refused(lower)) is not None or lower in seen:
                self.fail(why or "the same header is there twice, in another case", inside)
            elif not isinstance(one, str) or len(one) > MAX_HEADER or not _VALUE.fullmatch(one):
                self.fail(
                    f"a header is a text of 1 to {MAX_HEADER} visible ASCII characters", inside
                )
            else:
                headers[name] = one
            seen.add(lower)
        return headers


def members_of(value: object) -> Mapping[str, Any]:
    """Return a value if it is a JSON object, else nothing."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _refused(name: str) -> str | None:
    """Tell why a header, in lower case, may not be added; None if it may."""
    if not _NAME.fullmatch(name):
        return "a header's name is a token (RFC 9110 5.6.2) of at most 100 characters"
    if name in CREDENTIALS:
        return f"{name} is a secret: put it into sinkcredential, where it is kept sealed"
    if name in FRAMING or name in SIGNED or name.startswith(OURS):
        return f"{name} is set by the delivery itself; choose another name"
    return None


def _plain(message: str) -> str:
    """Say a message of msgspec in the words of an API: what was expected, in lower case."""
    for theirs, ours in (
        ("Expected ", "expected "),
        ("Object missing required field ", "needs the member "),
        ("Object contains unknown field ", "has no member "),
        ("Invalid enum value ", "cannot be "),
    ):
        if message.startswith(theirs):
            return (ours + message.removeprefix(theirs)).replace("`", "")
    return message.replace("`", "")
