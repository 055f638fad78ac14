"""Opening a log: where it is, who may read it, what is in it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import apsw
import msgspec

from hubbub.core.clock import Clock
from hubbub.core.errors import Corrupt, Misconfigured, Unavailable
from hubbub.log.clock import LogClock
from hubbub.log.engines import Entropy
from hubbub.log.options import LogOptions
from hubbub.log.sqlite.checks import DAMAGE, damaged, describe
from hubbub.log.sqlite.engine import Contents, SqliteLog
from hubbub.log.sqlite.fingerprints import Fingerprints
from hubbub.log.sqlite.intake import Intake
from hubbub.log.sqlite.lock import Witness
from hubbub.log.sqlite.matching import Matching
from hubbub.log.sqlite.reader import Reader, View
from hubbub.log.sqlite.sql import SQL
from hubbub.log.sqlite.store import Store
from hubbub.log.sqlite.topics import Topics

LOADED_TOGETHER = 10_000
"""Records whose fingerprints are read in one step at the start."""

_integers: Final = msgspec.json.Decoder(list[int])
_names: Final = msgspec.json.Decoder(list[tuple[int, str]])


async def open_engine(options: LogOptions, *, clock: Clock, entropy: Entropy) -> SqliteLog:
    """Open the log in a file, which is made if there is none.

    Raises `Misconfigured`, `Corrupt`, or `Unavailable` where the disk fails.
    """
    path = path_of(options.store)
    store, contents = await asyncio.to_thread(_open, path, options, clock, entropy)
    return SqliteLog(store, contents, clock)


def path_of(url: str) -> Path:
    """Return the file that a store names. Raises `Misconfigured`."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or parts.fragment or not parts.path or path.is_dir():
        raise Misconfigured(
            f"log.store: {url!r} names no file; write sqlite:///var/lib/hubbub/hubbub.db, "
            "or sqlite:data/hubbub.db for a path from here"
        )
    return path.resolve()  # one name for one file: the lock stands beside it


def _open(
    path: Path, options: LogOptions, clock: Clock, entropy: Entropy
) -> tuple[Store, Contents]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        witness = Witness(path.with_name(path.name + ".lock"))
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be used ({error.strerror}): let this user write to its folder, "
            "or name another file in log.store"
        ) from None
    store = Store(path, witness, clock)
    try:
        _provide(path, witness)
        store.start(entropy)
        return store, _load(store, options, clock)
    except BaseException as error:
        store.close()
        witness.close()
        if isinstance(error, DAMAGE):
            raise damaged(path, error) from None
        if isinstance(error, (apsw.Error, OSError)):
            raise Unavailable(f"{path} cannot be opened: {describe(error)}") from error
        raise


def _provide(path: Path, witness: Witness) -> None:
    """Make the file if it has to be made. Raises `Corrupt` if it should be there."""
    wal = path.with_name(path.name + "-wal")
    if path.exists() and path.stat().st_size:
        return
    if witness.head or (wal.exists() and wal.stat().st_size):
        raise Corrupt(
            f"{path} is {'empty' if path.exists() else 'missing'}, but events were acknowledged in "
            f"it: put it back, or delete {path.name}.lock and {wal.name} to begin a new log"
        )
    # SQLite gives the files beside it the same mode.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _load(store: Store, options: LogOptions, clock: Clock) -> Contents:
    """Read what has to be known of a log that was started."""
    database = store.database
    epoch, kept_head, secret = database.row(SQL["log"])
    oldest, newest = database.row(SQL["ends"])
    (names,) = database.row(SQL["topics"])
    head = max(newest or 0, kept_head)
    tail = oldest or head + 1
    topics = Topics(_names.decode(names), head)
    view = View(epoch, tail, topics, Matching(topics))
    reader = Reader(store.path, view)
    try:
        stamp, total, _ = reader.facts(head) if newest else (0, 0, 0)
        oldest_stamp, *_ = reader.facts(tail) if newest else (0,)
        stamps = LogClock(clock, stamp)
        first = max(tail, head - options.dedupe_max + 1)
        early = stamps.stamp() - int(options.dedupe_window * 1000)
        first = max(first, reader.find(early, tail, head) + 1)
    finally:
        reader.close()
    fingerprints = Fingerprints(secret, options.dedupe_window, options.dedupe_max)
    for low in range(first, head + 1, LOADED_TOGETHER):
        high = min(low + LOADED_TOGETHER - 1, head)
        marks, offsets, newest_stamp = database.row(SQL["fingerprints"], (low, high))
        fingerprints.load(zip(_integers.decode(marks), _integers.decode(offsets), strict=True))
        if newest_stamp is not None:
            fingerprints.turn(high, newest_stamp)
    intake = Intake(
        options, head=head, total=total, clock=stamps, topics=topics, fingerprints=fingerprints
    )
    return Contents(view, intake, stamps, oldest_stamp)
