"""Topics of our own by their URLs: what `GET` of the same URL shows is what its subscribers get.

`/topics/{pattern}` with `format`, `type` and `filter`, and nothing else: where to start and how many
is no part of a topic.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from hubbub.core.errors import InvalidFilter, InvalidTopic, Malformed
from hubbub.core.filters import compile_sql
from hubbub.core.topic import check_pattern
from hubbub.wire.links import topic_of
from hubbub.wire.websub import FORMS, PLAIN, Form

TOPICS: Final = "/topics/"

MAX_TYPES: Final = 100
"""Types that a topic may be narrowed to, as in a subscription."""

_STRAY: Final = re.compile(r"""[^!-~]|["<>\\^`{|}]""")
"""What no URL has as it is (RFC 3986), and what would end one in a `Link` header."""


class OwnTopic(msgspec.Struct, frozen=True):
    """What a URL selects of the log."""

    pattern: str
    form: Form = PLAIN
    types: tuple[str, ...] = ()
    sql: str | None = None


def read(url: str, base: str) -> OwnTopic | None:
    """Read the URL of a topic of ours; None if it is not below `base`.

    Raises `Malformed` for one of ours that nobody can subscribe to.
    """
    if not is_below(url, base):
        return None
    if _STRAY.search(url, len(base)):
        raise Malformed("hub.topic: percent-encode characters other than those of RFC 3986")
    path, _, query = url[len(base) :].partition("?")
    if not path.startswith(TOPICS):
        raise Malformed("hub.topic is at this gateway and not below /topics/")
    try:
        pattern = check_pattern(topic_of(path[len(TOPICS) :].encode()))
    except InvalidTopic as error:
        raise Malformed(f"hub.topic names no topic: {error.detail}") from None
    return _narrowed(pattern, query)


def is_below(url: str, base: str) -> bool:
    """Tell whether a URL is at our address, in whatever case."""
    return url[: len(base)].lower() == base.lower() and url[len(base) :][:1] in ("", "/", "?")


def _narrowed(pattern: str, query: str) -> OwnTopic:
    form: Form | None = None
    types: list[str] = []
    sql: str | None = None
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_TYPES + 2)
    except ValueError:
        raise Malformed("hub.topic has too many parameters") from None
    for name, value in fields:
        match name:
            case "format" if value in FORMS and form is None:
                form = FORMS[value]
            case "format" if value in FORMS:
                raise Malformed("hub.topic has format twice")
            case "format":
                raise Malformed(f"hub.topic: format is one of {', '.join(FORMS)}")
            case "type":
                types.append(value)
            case "filter" if sql is None:
                sql = _checked(value)
            case _:
                raise Malformed("hub.topic has format, type and one filter, and nothing else")
    return OwnTopic(pattern, form or PLAIN, tuple(types), sql)


def _checked(sql: str) -> str:
    try:
        compile_sql(sql)
    except InvalidFilter as error:
        raise Malformed(f"hub.topic: the filter is none: {error.detail}") from None
    return sql
