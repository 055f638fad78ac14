"""Nothing that a peer sends may raise a warning, let alone a traceback, in the server's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def quiet_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail if anything was logged that an operator would be woken by."""
    caplog.set_level(logging.DEBUG)
    yield
    loud = [r for r in caplog.get_records("call") if r.levelno >= logging.WARNING or r.exc_info]
    assert not loud, [record.getMessage() for record in loud]
