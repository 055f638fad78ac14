"""A request as the provider sent it: what schemes read from.

The body is kept byte for byte; JSON and forms are views of it, read at most once. Nothing here
raises anything but `Malformed` and `TooLarge`.
"""

from __future__ import annotations

from functools import cached_property
from typing import cast
from urllib.parse import parse_qsl

import msgspec

from hubbub.core.attributes import media_type
from hubbub.core.errors import Malformed, TooLarge

Pair = tuple[str, str]

MAX_FIELDS = 1000
"""Fields of a form: the largest real ones (Mandrill, Slack) have a few dozen; sorting costs more."""

FORM = "application/x-www-form-urlencoded"


class Received(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One request to `/hooks/{name}`."""

    method: str
    """In upper case."""
    url: str
    """The public URL as the provider called it, with its query: some providers sign it."""
    path: str = ""
    query: tuple[Pair, ...] = ()
    """The decoded parameters in order, repeated ones kept."""
    headers: tuple[Pair, ...] = ()
    """Names in lower case, in order, repeated ones kept."""
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the first header of that lower-case name."""
        return next((value for found, value in self.headers if found == name), None)

    def header_values(self, name: str) -> list[str]:
        """Return every header of that name; a `*` at the end stands for any ending."""
        if name.endswith("*"):
            return [value for found, value in self.headers if found.startswith(name[:-1])]
        return [value for found, value in self.headers if found == name]

    @cached_property
    def is_form(self) -> bool:
        """Whether the body says it is a form."""
        return media_type(self.header("content-type") or "") == FORM

    @cached_property
    def form(self) -> tuple[Pair, ...]:
        """The fields of a form in order; none where the body is no form."""
        if not self.is_form:
            return ()
        if self.body.count(b"&") >= MAX_FIELDS:
            raise TooLarge(f"the form has more than {MAX_FIELDS} fields")
        try:
            return tuple(parse_qsl(self.body.decode(), keep_blank_values=True, errors="strict"))
        except ValueError:  # not UTF-8, before or after percent-decoding
            raise Malformed("the form is not UTF-8; send it as it was made") from None

    @cached_property
    def json(self) -> object:
        """The body as JSON, read strictly (UTF-8, no NaN)."""
        return _decode(self.body, "the body")

    def document(self, form_field: str = "") -> object:
        """Return the JSON that tells of the event: a form's `form_field`, otherwise the body."""
        if not (form_field and self.is_form):
            return self.json
        text = next((value for name, value in self.form if name == form_field), None)
        if text is None:
            raise Malformed(f"the form has no field {form_field}")
        return _decode(text.encode("utf-8", "surrogatepass"), f"the field {form_field}")


def at(document: object, pointer: str) -> object:
    """Return what a JSON pointer (RFC 6901) leads to, None where it leads nowhere."""
    found = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = cast("dict[str, object]", found).get(key)
        elif isinstance(found, list):
            items = cast("list[object]", found)
            place = int(key) if key.isascii() and key.isdigit() and len(key) < 7 else len(items)  # noqa: PLR2004
            found = items[place] if place < len(items) else None
        else:
            return None
    return found


def as_text(value: object) -> str | None:
    """Return a JSON scalar as text; None for null, arrays and objects."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _decode(content: bytes, what: str) -> object:
    try:
        return msgspec.json.decode(content)
    except (ValueError, RecursionError):
        raise Malformed(f"{what} is not JSON, which this provider sends") from None
