"""Logs: JSON lines for machines, aligned lines for a terminal; everything passes `scrub`.

Rooms log through the standard library (`logging.getLogger("hubbub.streams")`), as uvicorn, asyncio
and aiohttp do, so one handler at the root sees every line there is.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final, TextIO

import msgspec
import structlog

from hubbub.observe.options import ObserveOptions
from hubbub.observe.scrub import clean, clean_trace, clean_value

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

_NAMED: Final = ("timestamp", "level", "logger", "event")
_THEIRS: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


def configure(options: ObserveOptions, stream: TextIO | None = None) -> None:
    """Have everything logged in this process come out of `stream` (standard error) in one form."""
    root = logging.getLogger()
    root.handlers = [handler(options, stream or sys.stderr)]
    root.setLevel(options.level.upper())
    for name in _THEIRS:
        theirs = logging.getLogger(name)
        theirs.handlers = []
        theirs.propagate = True
    logging.captureWarnings(capture=True)


def handler(options: ObserveOptions, stream: TextIO) -> logging.Handler:
    """Make the handler that writes lines to `stream`."""
    is_terminal = stream.isatty()
    pretty = options.format == "console" or (options.format == "auto" and is_terminal)
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=is_terminal, pad_event_to=40) if pretty else _json
    )
    made = logging.StreamHandler(stream)
    made.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.ExtraAdder(),
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                _scrubbed,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    return made


def _scrubbed(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Make every field harmless. The last word before a line is rendered."""
    for name in list(line):
        if name in ("_record", "_from_structlog"):
            continue
        value = line.pop(name)
        if name == "exception":
            line[name] = clean_trace(str(value))
        elif name in _NAMED:
            line[name] = clean(str(value))
        else:
            line[clean(name)] = clean_value(name, value)
    return line


def _json(_logger: object, _method: str, line: EventDict) -> str:
    """Render a line as JSON: time, level, logger and message first, then the fields."""
    ordered: dict[str, object] = {
        "time": line.pop("timestamp", None),
        "level": line.pop("level", None),
        "logger": line.pop("logger", None),
        "message": line.pop("event", None),
    }
    return msgspec.json.encode({**ordered, **line}).decode()
