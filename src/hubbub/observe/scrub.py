r"""Make what is logged harmless: no secrets, no control characters, no payloads, bounded (CWE-117).

- Tokens, `Authorization` and cookie headers, `access_token=` and passwords in URLs are replaced,
  wherever in a text they are; so is the value of a field that is named like one.
- What does not print (C0, C1, bidi and other format characters, line separators) is escaped, so that
  nobody can write lines of ours or move the cursor of whoever reads them.
- Bytes are named by their length only: payloads do not get into logs.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any, Final, cast

MAX_TEXT: Final = 2048
"""Characters of one field: a long URL fits, a payload does not."""

MAX_TRACE: Final = 16_384
"""Characters of a traceback, of which the end is kept: that is where the error stands."""

MAX_ITEMS: Final = 50
"""Members of a structure that are logged."""

MAX_DEPTH: Final = 4
"""Structures in structures that are logged."""

REDACTED: Final = "[redacted]"

_LONGEST: Final = 32_768
"""Characters that are searched for secrets; what is behind them is cut off anyway."""

_OF_TOKENS: Final = string.ascii_letters + string.digits + "_-.~+/%="
"""What tokens are made of: half a token at a cut would not be known for one, so it goes too."""

_NAMES = re.compile(
    r"authorization|cookie|token|secret|password|passwd|api_?key|credential|signature",
    re.IGNORECASE,
)
# Linear in the text, whatever the text: no repetition can begin inside itself.
_SECRETS = re.compile(
    r"(?P<field>\b(?:proxy-)?authorization\b['\"]?\s?[:=]\s?|\b(?:set-)?cookie\b['\"]?\s?[:=]\s?)"
    r"[^\r\n]+"
    r"|(?P<pair>(?:token|secret|password|api_?key|signature)\w{0,16}(?:=|%3d))[^&\s\"';,]+"
    r"|(?P<scheme>\bbearer[ .])[\w.~+/%-]+=*"
    r"|(?P<url>://[^/\s:@]*:)[^/\s@]+(?=@)"
    r"|(?<![\w-])hk_[\w-]{8,}"
    r"|\bwhsec_[\w+/=-]+"
    r"|(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Replace every secret in a text."""
    return _SECRETS.sub(_replaced, text)


def printable(text: str) -> str:
    """Escape what does not print."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def clean(text: str) -> str:
    """Make one text harmless: one line, no secrets, at most `MAX_TEXT` characters."""
    if is_cut := len(text) > _LONGEST:
        text = text[:_LONGEST].rstrip(_OF_TOKENS)
    found = printable(redact(text))
    if is_cut or len(found) > MAX_TEXT:
        return found[: MAX_TEXT - 3] + "..."
    return found


def clean_trace(text: str) -> str:
    """Make a traceback harmless; its lines stay lines."""
    if is_cut := len(text) > _LONGEST:
        text = text[-_LONGEST:].lstrip(_OF_TOKENS)
    found = "\n".join(printable(line) for line in redact(text).split("\n"))
    if is_cut or len(found) > MAX_TRACE:
        return "..." + found[3 - MAX_TRACE :]
    return found


def clean_value(name: str, value: Any, depth: int = 0) -> Any:
    """Make the value of a field harmless; `name` may say that it is a secret."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if _NAMES.search(name):
        return REDACTED
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return _clean_structure(name, cast("Any", value), depth + 1)
    try:
        return clean(str(value))
    except Exception:  # noqa: BLE001 - an object that cannot be shown must not lose the line
        return f"<{type(value).__name__}>"


def _clean_structure(name: str, value: Mapping[Any, Any] | Collection[Any], depth: int) -> Any:
    if depth > MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        members = islice(cast("Mapping[Any, Any]", value).items(), MAX_ITEMS)
        return {clean(str(key)): clean_value(str(key), one, depth) for key, one in members}
    return [clean_value(name, one, depth) for one in islice(value, MAX_ITEMS)]


def _replaced(found: re.Match[str]) -> str:
    kept = next((text for text in found.groupdict().values() if text), "")
    return kept + REDACTED
