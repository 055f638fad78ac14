"""`hubbub publish`: one event, or one for each line of a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from hubbub.cli.options import DEFAULT_URL, Token, Url
from hubbub.cli.outcome import reported, run_async
from hubbub.core.errors import Malformed, Misconfigured

if TYPE_CHECKING:
    from hubbub.client import Published

LINES = 2000
"""Lines that are read and sent before the progress bar moves."""

JSON = "application/json"


@reported
def publish(
    topic: Annotated[str, typer.Argument(help="Where to, such as orders/42.")],
    data: Annotated[
        str | None, typer.Argument(help="JSON or text; - reads it from standard input.")
    ] = None,
    *,
    kind: Annotated[
        str | None, typer.Option("--type", help="Type of the event, such as shop.order.placed.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(help="Publish each line of this file as JSON; - is standard input."),
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Publish an event; it is durable when this returns."""
    if data is not None and file is not None:
        raise Misconfigured("DATA and --file both say what to publish: give one of them")
    if file is None:
        body, content_type = _payload(data)
        published = run_async(_one(url, token, topic, body, kind, content_type))
        again = " (it was there already)" if published.duplicate else ""
        print(f"{published.position} {published.topic} {published.id}{again}")
        return
    with _opened(file) as lines:
        count, last = run_async(_many(url, token, topic, lines, kind))
    where = "" if last is None else f", the last one at {last.position}"
    print(f"{count} events published to {topic}{where}")


async def _one(  # noqa: PLR0917
    url: str,
    token: str | None,
    topic: str,
    body: bytes | None,
    kind: str | None,
    content_type: str | None,
) -> Published:
    from hubbub.client import AsyncClient  # noqa: PLC0415

    async with AsyncClient(url, token=token) as client:
        return await client.publish(topic, body, type=kind, content_type=content_type)


async def _many(
    url: str, token: str | None, topic: str, lines: IO[bytes], kind: str | None
) -> tuple[int, Published | None]:
    from hubbub.client import AsyncClient  # noqa: PLC0415

    count, last = 0, None
    async with AsyncClient(url, token=token) as client:
        with _progress(lines) as advance:
            for part in _parts(lines):
                sent = await client.publish_many(topic, part, type=kind, content_type=JSON)
                count, last = count + len(sent), sent[-1]
                advance(count)
    return count, last


def _payload(data: str | None) -> tuple[bytes | None, str | None]:
    """Return the bytes of DATA and their media type: JSON if they are JSON, else text."""
    if data is None:
        return None, None
    body = sys.stdin.buffer.read() if data == "-" else data.encode("utf-8", "surrogateescape")
    from hubbub.wire.json import check  # noqa: PLC0415

    try:
        check(body)
    except Malformed:
        return body, "text/plain" if _is_text(body) else "application/octet-stream"
    return body, JSON


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def _opened(file: str) -> Generator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as lines:
            yield lines
    except OSError as error:
        raise Misconfigured(f"cannot read {file}: {error.strerror}") from None


def _parts(lines: IO[bytes]) -> Iterator[list[bytes]]:
    """Give the lines in parts, each checked to be JSON, empty ones left out."""
    from hubbub.wire.json import check  # noqa: PLC0415

    part: list[bytes] = []
    for number, line in enumerate(lines, 1):
        if not (text := line.strip()):
            continue
        try:
            check(text)
        except Malformed as error:
            if part:
                yield part
            raise Malformed(
                f"line {number}: {error.detail}; the lines before it were published"
            ) from None
        part.append(text)
        if len(part) == LINES:
            yield part
            part = []
    if part:
        yield part


@contextmanager
def _progress(lines: IO[bytes]) -> Generator[Callable[[int], None]]:
    """Show on a terminal how far a file is read; gives what to call with the events sent."""
    if not sys.stderr.isatty():
        yield _show_nothing
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    size = os.fstat(lines.fileno()).st_size if lines.seekable() else None
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=size)

        def advance(count: int) -> None:
            done = lines.tell() if size is not None else 0
            bar.update(task, completed=done, description=f"{count} events")

        yield advance


def _show_nothing(_count: int) -> None:
    """Stand in for a progress bar where nobody would see one."""
