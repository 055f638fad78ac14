"""What failures of the guarded HTTP client mean."""

from __future__ import annotations

import logging

_log = logging.getLogger("hubbub.websub")


def explain(error: Exception) -> tuple[str, bool]:
    """Say why a request failed, and whether it always will: the guard does not let it out."""
    cause = getattr(error, "cause", None)
    if cause is None:
        _log.error("a request failed on our side", exc_info=error)
        return f"{type(error).__name__} on our side", False
    return str(getattr(error, "detail", cause)), cause == "refused"
