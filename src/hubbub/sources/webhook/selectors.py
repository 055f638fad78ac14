"""Where in a request a text is: one notation for signatures, times, ids, types and templates.

header:x-github-event       a header; `header:x-docusign-signature-*` all that begin so
query:signature             a parameter of the address
json:/data/object/id        a JSON pointer into the body, or into the form's JSON field
form:MessageSid             a field of a form
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, cast, get_args

import msgspec

from hubbub.core.errors import Malformed, TooLarge
from hubbub.sources.webhook.request import Received, as_text, at

Place = Literal["header", "query", "json", "form"]

MAX_SELECTOR = 256
"""Characters of one selector: the deepest real pointer has about 60."""


class Selector(msgspec.Struct, frozen=True):
    """A place in a request."""

    place: Place
    name: str

    def all(self, received: Received, form_field: str = "") -> list[str]:
        """Return the texts there, none where there are none.

        Raises `Malformed` or `TooLarge` where the body cannot be read as JSON or a form.
        """
        if self.place == "header":
            return received.header_values(self.name)
        if self.place == "json":
            text = as_text(at(received.document(form_field), self.name))
            return [] if text is None else [text]
        pairs = received.query if self.place == "query" else received.form
        return [value for name, value in pairs if name == self.name]


@lru_cache(maxsize=512)
def selector(text: str) -> Selector:
    """Read a selector. Raises `Malformed`."""
    place, colon, name = text.partition(":")
    if place not in get_args(Place) or not colon or not name or len(text) > MAX_SELECTOR:
        raise Malformed(
            f"{text[:40]!r} is no place in a request; write header:NAME, query:NAME, form:NAME"
            " or json:/POINTER"
        )
    if place == "json" and not name.startswith("/"):
        raise Malformed(f"{text[:40]!r}: a JSON pointer begins with /, such as json:/data/id")
    return Selector(cast("Place", place), name.lower() if place == "header" else name)


def texts(places: tuple[str, ...], received: Received, form_field: str = "") -> list[str]:
    """Return all texts at all places, in order. Raises `Malformed` or `TooLarge`."""
    return [text for place in places for text in selector(place).all(received, form_field)]


def first(places: tuple[str, ...], received: Received, form_field: str = "") -> str | None:
    """Return the first text that is not empty. Raises `Malformed` or `TooLarge`."""
    for place in places:
        for text in selector(place).all(received, form_field):
            if text:
                return text
    return None


def lenient(places: tuple[str, ...], received: Received, form_field: str = "") -> str | None:
    """Return the first text that is not empty, None also where the body cannot be read.

    For what describes a verified request: a body that is no JSON is an event all the same.
    """
    for place in places:
        try:
            if found := first((place,), received, form_field):
                return found
        except (Malformed, TooLarge):
            continue
    return None
