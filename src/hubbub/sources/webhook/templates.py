"""Texts with places in braces: what a provider signs, and the topic that an event goes to.

    {id}.{timestamp}.{body}             signed: body, timestamp, id, url, decoded_url, method,
                                        crc32, secret and every selector
    github/{header:x-github-event}      topic: provider, type, id, method and every selector

A topic's values are made safe as part of *one* segment: `/`, `*`, `%`, controls and invisible
characters are percent-encoded, an absent or empty value is `_`, a long one is cut. So nobody who
sends a webhook can choose where outside its template an event goes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

import msgspec

from hubbub.core.attributes import FORBIDDEN
from hubbub.core.errors import InvalidTopic, Malformed
from hubbub.core.topic import check_topic
from hubbub.sources.webhook.request import Received
from hubbub.sources.webhook.selectors import Selector, lenient, selector

MAX_TEMPLATE = 512
"""Characters of a template: topics have 255 bytes, and a place is longer than what comes of it."""

MAX_VALUE = 100
"""Bytes of one value in a topic: two fit beside a prefix; event types are shorter than 60."""

SIGNED = frozenset(("body", "timestamp", "id", "url", "decoded_url", "method", "crc32", "secret"))
TOPIC = frozenset(("provider", "type", "id", "method"))

Part = str | Selector
"""A selector, or the name of a place."""


class Hole(msgspec.Struct, frozen=True):
    """A place in a template."""

    what: Part
    text: str
    """As it was written."""


@lru_cache(maxsize=512)
def parse(template: str, names: frozenset[str]) -> tuple[str | Hole, ...]:
    """Split a template into texts and holes. Raises `Malformed` with the place of the mistake."""
    if len(template) > MAX_TEMPLATE:
        raise Malformed(f"a template has at most {MAX_TEMPLATE} characters")
    parts: list[str | Hole] = []
    place = 0
    while place < len(template):
        opening = template.find("{", place)
        end = opening if opening >= 0 else len(template)
        literal = template[place:end]
        if "}" in literal:
            raise Malformed("} without its {", position=place + literal.index("}"))
        if literal:
            parts.append(literal)
        if opening < 0:
            break
        closing = template.find("}", opening)
        if closing < 0:
            raise Malformed("{ without its }", position=opening)
        parts.append(_hole(template[opening + 1 : closing], names, opening))
        place = closing + 1
    return tuple(parts)


class TopicTemplate:
    """A topic with places in braces, checked once and rendered per event."""

    def __init__(self, text: str) -> None:
        """Read a template. Raises `Malformed` or `InvalidTopic` saying where it is wrong."""
        self.text = text
        self._parts = parse(text, TOPIC)
        check_topic("".join(part if isinstance(part, str) else "x" for part in self._parts))

    def render(
        self,
        received: Received,
        *,
        provider: str,
        type: str,  # noqa: A002  CloudEvents calls it so
        id: str,  # noqa: A002
        form_field: str = "",
    ) -> str:
        """Return the topic of a verified request. Raises `InvalidTopic` where it is too long."""
        known = {"provider": provider, "type": type, "id": id, "method": received.method}

        def value(hole: Hole) -> str:
            if isinstance(hole.what, Selector):
                return lenient((hole.text,), received, form_field) or ""
            return known[hole.what]

        made = "".join(part if isinstance(part, str) else safe(value(part)) for part in self._parts)
        dotted = [
            part.replace(".", "%2E") if part in (".", "..") else part for part in made.split("/")
        ]
        try:
            return check_topic("/".join(dotted))
        except InvalidTopic as error:
            raise InvalidTopic(
                f"the source's topic template makes no topic of this request: {error.detail}"
            ) from None


def safe(value: str) -> str:
    """Return a value as (a part of) one segment of a topic."""
    room = MAX_VALUE
    kept: list[str] = []
    for character in value[: MAX_VALUE + 1]:
        made = _escaped(character)
        room -= len(made.encode("utf-8", "surrogatepass"))
        if room < 0:
            break
        kept.append(made)
    return "".join(kept) or "_"


def render_bytes(template: str, fill: Callable[[Hole], bytes]) -> bytes:
    """Return a signed text. Raises `Malformed`, and whatever `fill` raises."""
    return b"".join(
        part.encode() if isinstance(part, str) else fill(part) for part in parse(template, SIGNED)
    )


def _hole(text: str, names: frozenset[str], position: int) -> Hole:
    if text in names:
        return Hole(text, text)
    try:
        return Hole(selector(text), text)
    except Malformed:
        known = ", ".join(sorted(names))
        raise Malformed(
            f"{{{text[:40]}}} is unknown here; there are {known}, header:NAME, query:NAME,"
            " form:NAME and json:/POINTER",
            position=position,
        ) from None


def _escaped(character: str) -> str:
    if character.isascii():
        plain = character.isprintable() and character not in "/*%"
    else:
        plain = unicodedata.category(character) not in ("Cc", "Cf", "Cs") and not FORBIDDEN.search(
            character
        )
    if plain:
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
