"""The `Idempotency-Key` header: what it says, and what makes two requests the same."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from hubbub.core.errors import Malformed
from hubbub.web.face import Scope

MAX_KEY: Final = 255
"""Characters of a key: UUIDs are what the draft advises, this is what others allow."""

# RFC 9651 3.3.3, with the parameters that an item may carry and that mean nothing here.
_QUOTED = re.compile(rb'"((?:[ !#-\[\]-~]|\\["\\])*)"(?: *;[ -~]*)?')
_BARE = re.compile(rb"[!#-~][!-~]*")


def key_of(scope: Scope) -> str:
    """Return the key of a request that has one: a structured-field String, or bare as Stripe has it.

    Raises `Malformed`.
    """
    values = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    if len(values) > 1:
        raise Malformed("send one Idempotency-Key, not several")
    text = values[0].strip(b" ")
    if found := _QUOTED.fullmatch(text):
        key = re.sub(rb"\\(.)", rb"\1", found[1])
    elif _BARE.fullmatch(text):
        key = text
    else:
        raise Malformed('Idempotency-Key is a quoted string, such as "8e03978e-40d5-43dd"')
    if not 0 < len(key) <= MAX_KEY:
        raise Malformed(f"Idempotency-Key has 1 to {MAX_KEY} characters")
    return key.decode()


def fingerprint(scope: Scope, path: bytes, body: bytes) -> bytes:
    """Return a hash of all that decides what a request publishes: address, attributes and body."""
    digest = hashlib.sha256()
    parts = [path, scope.get("query_string", b"")]
    for name, value in sorted(scope["headers"]):
        if name == b"content-type" or name.startswith(b"ce-"):
            parts += [name, value]
    for part in (*parts, body):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()
