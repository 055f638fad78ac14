"""What commands that follow a stream say on standard error: gaps, and connections that were lost."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hubbub.cli.outcome import complain

if TYPE_CHECKING:
    from hubbub.client import Gap


@contextmanager
def losses_told() -> Generator[None]:
    """Tell of every lost connection, and when it will be tried again."""
    log, handler = logging.getLogger("hubbub.client"), _Complaints()
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def tell_gap(gap: Gap) -> None:
    """Tell that events are gone, and where it goes on."""
    complain(f"events after {gap.requested} are gone; going on after {gap.resumes_at}")


class _Complaints(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        complain(record.getMessage())
