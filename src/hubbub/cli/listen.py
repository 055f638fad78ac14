"""`hubbub listen`: print events as they come, for ever; a lost connection is opened again."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hubbub.cli.live import losses_told, tell_gap
from hubbub.cli.options import DEFAULT_URL, Token, Url
from hubbub.cli.outcome import first_of, output_closed, printable, reported, run_async

if TYPE_CHECKING:
    from hubbub.client import Event, Listener

_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@reported
def listen(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATTERN", help="Topics such as orders/*; none means all."),
    ] = None,
    *,
    since: Annotated[
        str | None,
        typer.Option(help="earliest, a position, a time, or an age such as 2h; default: from now."),
    ] = None,
    last: Annotated[
        int | None, typer.Option(help="Begin with the newest so many instead.", min=1, max=1000)
    ] = None,
    filter: Annotated[  # noqa: A002
        str | None, typer.Option(help="CloudEvents SQL, such as: type LIKE 'order.%'")
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print each event as CloudEvents JSON on one line.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Print events as they come.

    A line has time, topic, type and data. A lost connection is opened again, and nothing is
    missed. Ctrl-C ends it.
    """
    wanted = {"since": since, "last": last, "filter": filter, "types": tuple(kinds or ())}
    with losses_told():
        run_async(_listen(url, token, tuple(patterns or ()), wanted, json=json))


async def _listen(
    url: str, token: str | None, patterns: tuple[str, ...], wanted: dict[str, Any], *, json: bool
) -> None:
    from hubbub.client import AsyncClient  # noqa: PLC0415

    show = _json_line if json else _line
    escape = sys.stdout.isatty()

    async def print_all(events: Listener) -> None:
        async for event in events:
            print(show(event, escape), flush=True)

    async with AsyncClient(url, token=token) as client:
        events = client.listen(*patterns, **wanted, on_gap=tell_gap)
        await first_of(print_all(events), output_closed())


def _line(event: Event, _escape: object) -> str:
    """Show an event for people: one line, nothing in it that moves a cursor."""
    from hubbub.core.attributes import is_json  # noqa: PLC0415
    from hubbub.core.event import payload  # noqa: PLC0415
    from hubbub.wire.json import one_line  # noqa: PLC0415

    recorded = str(event.extensions.get("recordedtime", "-"))
    data = payload(event.json, stored=event.position is not None)
    content = data.content or b""
    try:
        shown = (one_line(content) if is_json(data.content_type or "") else content).decode()
    except UnicodeDecodeError:
        shown = f"<{len(content)} bytes>"
    return printable(f"{recorded} {event.topic} {event.type} {shown}".rstrip())


def _json_line(event: Event, escape: bool) -> str:
    """Show an event as it came; on a terminal, what does not print is escaped as JSON does it."""
    text = event.json.decode()
    return _UNPRINTABLE.sub(lambda c: f"\\u{ord(c[0]):04x}", text) if escape else text
