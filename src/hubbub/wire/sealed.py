"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) in one line of text.

    v1.KEYID.BASE64URL(nonce, ciphertext, tag)

The key id tells which key of the settings opens it, so that keys can be changed without a day when
nothing opens: new secrets are sealed with the new key, old ones open with the old one. The context
says whose secret it is (`subscription/ID`): a text that is copied to another owner does not open.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hubbub.core.errors import Corrupt, Misconfigured

KEY_LENGTH = 32
"""Octets of a key: AES-256."""

NONCE_LENGTH = 12
"""Octets of a nonce; random ones do for 2**32 secrets under one key (SP 800-38D 8.3)."""

_KEY_ID_LENGTH: Final = 8  # octets: enough to tell the few keys of a server apart
_VERSION: Final = "v1"


def key_id(key: bytes) -> str:
    """Return the public name of a key: 16 hexadecimal digits. Raises `Misconfigured`."""
    if len(key) != KEY_LENGTH:
        raise Misconfigured(f"a key for secrets has {KEY_LENGTH} octets, not {len(key)}")
    return hashlib.sha256(b"hubbub sealing key\0" + key).digest()[:_KEY_ID_LENGTH].hex()


def seal(key: bytes, text: str, context: str, nonce: bytes) -> str:
    """Encrypt `text` for `context`; `nonce` is 12 random octets that were never used with this key.

    Raises `Misconfigured` for a key of another length, ValueError for such a nonce.
    """
    if len(nonce) != NONCE_LENGTH:
        raise ValueError(f"a nonce has {NONCE_LENGTH} octets")
    head = f"{_VERSION}.{key_id(key)}"
    octets = nonce + AESGCM(key).encrypt(nonce, text.encode(), _associated(head, context))
    return f"{head}.{base64.urlsafe_b64encode(octets).decode()}"


def unseal(keys: Iterable[bytes], sealed: str, context: str) -> str:
    """Decrypt what `seal` made for `context` with one of the keys.

    Raises `Misconfigured` if its key is not among them, naming the key's id, and `Corrupt` if it is
    not what was sealed, or not for this context.
    """
    wanted, octets = _parts(sealed)
    key = next((key for key in keys if key_id(key) == wanted), None)
    if key is None:
        raise Misconfigured(
            f"the secret of {context} is sealed with the key {wanted}, which is not here;"
            " bring that key back, or give a new secret"
        )
    nonce, encrypted = octets[:NONCE_LENGTH], octets[NONCE_LENGTH:]
    associated = _associated(f"{_VERSION}.{wanted}", context)
    try:
        return AESGCM(key).decrypt(nonce, encrypted, associated).decode()
    except (InvalidTag, ValueError):  # ValueError: a nonce cut short
        raise _damaged(context) from None


def _associated(head: str, context: str) -> bytes:
    return f"{head}.{context}".encode()


def _parts(sealed: str) -> tuple[str, bytes]:
    """Return key id and octets. Raises `Corrupt`."""
    version, _, rest = sealed.partition(".")
    wanted, _, text = rest.partition(".")
    if version != _VERSION:
        raise Corrupt(
            "a sealed secret begins with v1.; restore it from a backup, or give a new one"
        )
    try:
        return wanted, base64.b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        raise _damaged("a subscription or source") from None


def _damaged(context: str) -> Corrupt:
    return Corrupt(
        f"the sealed secret of {context} is damaged, or was sealed for another owner;"
        " restore it from a backup, or give a new one"
    )
