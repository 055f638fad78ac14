"""One process for each log, and a witness of what that process has acknowledged.

Both are one small file beside the database. It is locked (`flock`, POSIX) as long as the log is
open, and the kernel lets go of it when the process dies, however it dies. Its first line says which
offset was acknowledged last. The line is rewritten after every commit without a sync: it outlives
the process, and after a power cut it may lag behind, never lead. So at the start

- a database whose head is below it has lost acknowledged records (a torn or cut write-ahead log, an
  older copy put back): the log goes on under a new epoch, and readers are told of the gap;
- a database without it may be any copy of anything: a new epoch, too;
- `doubt` says that a commit failed half-way: what is above the offset was refused to its publisher
  and has to go.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

from hubbub.core.errors import Misconfigured

_LINE = re.compile(rb"([0-9a-z]{1,16}) ([0-9]{19}) (known|doubt)\n")
_NOTE = b"pid %d\nHubbub keeps here what it acknowledged last. Delete it only with the database.\n"


class Witness:
    """The locked file. `epoch` is empty if there was none."""

    def __init__(self, path: Path) -> None:
        """Lock. Raises `Misconfigured` if another process has the log open."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = re.search(rb"pid ([0-9]+)", os.pread(self._file, 200, 0))
            os.close(self._file)
            who = f"process {int(holder[1])}" if holder else "another process"
            raise Misconfigured(
                f"{who} has the log beside {path} open: stop it first, "
                "or give this one a store of its own"
            ) from None
        found = _LINE.match(os.pread(self._file, 200, 0))
        self.epoch = found[1].decode() if found else ""
        self.head = int(found[2]) if found else 0
        self.is_in_doubt = bool(found) and found[3] == b"doubt"

    def acknowledge(self, head: int) -> None:
        """Note that everything up to `head` is durable.

        That this cannot be noted takes nothing back: the note lags behind, as after a power cut.
        """
        self.head = head
        with suppress(OSError):
            os.pwrite(self._file, self._line(), 0)

    def vouch(self, epoch: str, head: int) -> None:
        """Note that everything up to `head` is durable and that nothing is above it."""
        self.epoch, self.head, self.is_in_doubt = epoch, head, False
        self._sync()

    def doubt(self) -> None:
        """Note that above the head there may be records that nobody was promised."""
        self.is_in_doubt = True
        self._sync()

    def _sync(self) -> None:
        os.pwrite(self._file, self._line() + _NOTE % os.getpid(), 0)
        os.fsync(self._file)

    def _line(self) -> bytes:
        state = b"doubt" if self.is_in_doubt else b"known"
        return b"%b %019d %b\n" % (self.epoch.encode(), self.head, state)

    def close(self) -> None:
        """Let go of the log."""
        os.close(self._file)
