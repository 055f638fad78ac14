"""The query string and the path of a request, read strictly."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from hubbub.core.errors import Malformed
from hubbub.web.face import Scope
from hubbub.wire.links import encode_path

MAX_FIELDS: Final = 256
"""Fields of one query: more than all the patterns and types that one reader may name."""

_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


class Query:
    """The fields of a query string. Raises `Malformed`."""

    def __init__(self, query_string: bytes) -> None:
        try:
            self.fields = parse_qsl(
                query_string.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_FIELDS,
            )
        except UnicodeDecodeError:
            raise Malformed("the query is not percent-encoded UTF-8") from None
        except ValueError:
            raise Malformed(f"the query has more than {MAX_FIELDS} fields") from None

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value for key, value in self.fields if key == name]

    def one(self, name: str) -> str | None:
        """Return the value of a field that may be there once."""
        values = self.all(name)
        if len(values) > 1:
            raise Malformed(f"{name} is in the query {len(values)} times; once is meant")
        return values[0] if values else None

    def flag(self, name: str) -> bool:
        """Return whether a field is `true`; absent is false."""
        value = self.one(name)
        if value is None:
            return False
        if value not in _FLAGS:
            raise Malformed(f"{name} is true or false")
        return _FLAGS[value]


NO_QUERY: Final = Query(b"")


def query_of(scope: Scope) -> Query:
    """Return the query of a request."""
    text: bytes = scope.get("query_string", b"")
    return Query(text) if text else NO_QUERY


def raw_path(scope: Scope) -> bytes:
    """Return the path below the mount point, percent-encoded as it came."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        raw = encode_path(scope["path"]).encode()
    root: str = scope.get("root_path", "")
    if root:
        raw = raw.removeprefix(encode_path(root).encode())
    return raw


def has_tag(scope: Scope, tag: bytes) -> bool:
    """Tell whether the client has the representation with a tag already (RFC 9110 13.1.2)."""
    known = header(scope, b"if-none-match") or b""
    return known.strip() == b"*" or tag in [
        one.strip().removeprefix(b"W/") for one in known.split(b",")
    ]


def all_of(scope: Scope, wanted: bytes) -> str:
    """Return the values of all headers of a name as one list."""
    return ", ".join(value.decode("latin-1") for name, value in scope["headers"] if name == wanted)


def header(scope: Scope, wanted: bytes) -> bytes | None:
    """Return the first header of a name."""
    for name, value in scope["headers"]:
        if name == wanted:
            return value
    return None
