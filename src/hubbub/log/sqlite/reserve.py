"""A few megabytes kept back, so that a full disk is a state to come out of and not an end.

When space runs out the reserve is given up: the write-ahead log can be emptied into the database and
retention can go on deleting. Appends are taken again when the reserve could be put back and some
space is left beside it.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

RESERVE_BYTES = 4 * 1024 * 1024
"""Room to empty the write-ahead log, which is 4 MB when two checkpoints are due (store.py)."""

SPARE_BYTES = 2 * 1024 * 1024
"""Left free beside the reserve, or the next append would be refused again at once."""


class Reserve:
    """The file that holds the space."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def hold(self) -> bool:
        """Take the space if there is enough; tell whether it is held. Raises what else fails."""
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            missing = RESERVE_BYTES - os.fstat(file).st_size
            if missing > 0:
                # Written, not allocated: it works on every file system, and takes a few ms.
                os.lseek(file, 0, os.SEEK_END)
                while missing > 0:
                    missing -= os.write(file, bytes(missing))
                os.fsync(file)
        except OSError as error:
            self.release()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return False
            raise
        finally:
            os.close(file)
        free = os.statvfs(self._path)
        if free.f_bavail * free.f_frsize < SPARE_BYTES:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the space up."""
        self._path.unlink(missing_ok=True)
