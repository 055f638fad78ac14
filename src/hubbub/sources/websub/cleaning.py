"""HTML of strangers, made fit to be shown: feedparser's sanitizer, kept from taking long.

Scripts, event handlers, forms that post elsewhere and the like are taken out, and addresses are made
absolute. Whoever shows it in a page of theirs should still have a content security policy.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# feedparser has no types.

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any, Final

from hubbub.core.errors import Misconfigured
from hubbub.sources.websub.parsing import MISSING

MAX_STYLE: Final = 500
"""Characters of a `style` that is looked at; longer ones are left out."""

MAX_URLS: Final = 8
"""`url` in a `style`: each that is not closed is looked for up to the end."""

_TYPE: Final = "text/html"
_TAG: Final = re.compile(r"<[^<>]*>")
_LONE: Final = re.compile("[\ud800-\udfff]")


def marks(text: str) -> int:
    """Return how many tags and entities there are."""
    return text.count("<") + text.count("&")


def clean(text: str, base: str) -> str:
    """Return HTML that can be shown, its addresses resolved against `base`."""
    if not marks(text):
        return valid(text)
    resolver, sanitizer = _processors()
    text = _closed(text)
    try:
        resolving = resolver(base, "utf-8", _TYPE)
        resolving.feed(text)
        cleaning = sanitizer("utf-8", _TYPE)
        cleaning.feed(resolving.output().replace("<![CDATA[", "&lt;![CDATA["))
        return valid(cleaning.output().strip().replace("\r\n", "\n"))
    except Exception:  # noqa: BLE001 -- its words without its markup, rather than nothing
        return html.escape(plain(text), quote=False)


def plain(text: str) -> str:
    """Return the text of HTML on one line, as a title needs it."""
    if marks(text):
        text = html.unescape(_TAG.sub("", text))
    return " ".join(valid(text).split())


def as_html(text: str) -> str:
    """Return plain text as HTML."""
    return html.escape(valid(text), quote=False).replace("\n", "<br>\n")


def valid(text: str) -> str:
    """Replace what is no character, so that it can be encoded."""
    return _LONE.sub("\ufffd", text)


def _closed(text: str) -> str:
    """Cut at a comment that is never closed, which is what a browser shows of it."""
    opened = text.find("<!--", text.rfind("-->") + 1)
    return text if opened == -1 else text[:opened]


@lru_cache(maxsize=1)
def _processors() -> tuple[Any, Any]:
    try:
        from feedparser import sanitizer, urls  # noqa: PLC0415
    except ImportError:
        raise Misconfigured(MISSING) from None

    base: Any = sanitizer._HTMLSanitizer  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    class Sanitizer(base):
        def sanitize_style(self, style: str) -> Any:
            if len(style) > MAX_STYLE or style.lower().count("url") > MAX_URLS:
                return ""
            return super().sanitize_style(style)

    return urls.RelativeURIResolver, Sanitizer
