"""Who is told of new records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from hubbub.core.contracts import Listener
from hubbub.core.event import Record

_log = logging.getLogger("hubbub.log")


class Listeners:
    """Listeners in the order they came; false if there is none."""

    def __init__(self) -> None:
        self._all: dict[object, Listener] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, listener: Listener) -> Callable[[], None]:
        """Add one; return the way out, which may be called twice."""
        key = object()
        self._all[key] = listener

        def remove() -> None:
            self._all.pop(key, None)

        return remove

    def tell(self, records: Sequence[Record]) -> None:
        """Hand records to all. One that raises breaks its promise, but not the append's."""
        for listener in tuple(self._all.values()):
            try:
                listener(records)
            except Exception:  # noqa: BLE001  its mistake is not the publisher's
                _log.exception("a listener of the log failed")
