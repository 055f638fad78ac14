"""The key under which secrets are kept at rest.

It stands beside the database, so a copy of the database alone gives no secret away; back it up in
another place. `log.secrets_key` goes before the file, for those who keep keys elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from hubbub.core.errors import Misconfigured
from hubbub.log.engines import Entropy
from hubbub.log.options import LogOptions

KEY_BYTES = 32
"""Of AES-256."""


def secrets_key(options: LogOptions, entropy: Entropy) -> bytes:
    """Return the key: of the settings, of the file beside the store, or a new one in such a file.

    Raises `Misconfigured`, which says what to do.
    """
    if options.secrets_key:
        return _given(options.secrets_key)
    if not options.store.startswith("sqlite:"):
        return entropy(KEY_BYTES)
    from hubbub.log.sqlite.opening import path_of  # noqa: PLC0415  only where there is a file

    database = path_of(options.store)
    path = database.with_name(database.name + ".key")
    if not path.exists():
        _write(path, entropy(KEY_BYTES))
    return _read(path)


def _given(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise Misconfigured("log.secrets_key is 32 bytes in base64: openssl rand -base64 32")
    return key


def _write(path: Path, key: bytes) -> None:
    """Make the file, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> bytes:
    try:
        mode, key = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror})") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Misconfigured(f"{path} can be read by others: chmod 600 it")
    if len(key) != KEY_BYTES:
        raise Misconfigured(
            f"{path} does not hold {KEY_BYTES} bytes: put the right one back from a backup, or delete"
            " it and give every subscription and source new secrets"
        )
    return key
