"""What Flask-WebSub wants of Celery, in threads of one process."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

_log = logging.getLogger("celery-like")


class Again(Exception):
    """Raised by `retry`, which ends the task as in Celery."""


class Queue:
    """Does tasks in their order of coming, a few at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4)

    def task(self, *, bind: bool = False, max_retries: int = 3) -> Callable[..., Any]:
        """Make a task of a function: it gets a `delay`."""

        def made(function: Callable[..., None]) -> Any:
            def delay(*args: Any) -> None:
                self._pool.submit(self._run, function, args, 0 if bind else None, max_retries)

            return SimpleNamespace(delay=delay)

        return made

    def _run(
        self, function: Callable[..., None], args: tuple[Any, ...], tries: int | None, most: int
    ) -> None:
        def retry(*, countdown: float) -> None:
            assert tries is not None
            if tries < most:
                again = functools.partial(self._run, function, args, tries + 1, most)
                timer = threading.Timer(countdown, self._pool.submit, [again])
                timer.daemon = True
                timer.start()
            raise Again

        bound = SimpleNamespace(request=SimpleNamespace(retries=tries), retry=retry)
        try:
            function(*args) if tries is None else function(bound, *args)
        except Again:
            pass
        except Exception:
            _log.exception("the task %s failed", function.__name__)
