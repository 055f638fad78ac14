"""Server-Sent Events: the life of one stream (WHATWG HTML 9.2, api.md Read).

The first bytes go out at once and hold `retry:` and an `id:` of where the stream begins, so that a
client which is cut off before its first event still comes back to the right place; or the gap, if
what it asked for is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Literal

from hubbub.core.grants import Principal
from hubbub.core.reading import begin, position
from hubbub.core.selection import Selection
from hubbub.core.start import Start
from hubbub.streams.desk import WIRE, Desk
from hubbub.streams.encoding import Encoding
from hubbub.wire import sse

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx holds answers back otherwise
]


async def serve_sse(  # noqa: PLR0913  what a client may ask of a stream
    desk: Desk,
    scope: MutableMapping[str, Any],
    receive: Receive,
    send: Send,
    *,
    selection: Selection,
    start: Start,
    principal: Principal,
    headers: Sequence[tuple[bytes, bytes]] = (),
    format: Literal["cloudevents", "data"] = "cloudevents",  # noqa: A002
    event_types: bool = False,
    control: bool = False,
) -> None:
    """Stream until either side ends it.

    `headers` are added to the response; `event_types` adds `event: <type>` to every event, and
    `control` has `hubbub.live` said once the stream has caught up.
    """
    log = desk.log
    after, gap = await begin(log, start, selection)
    extensions: dict[str, Any] = scope.get("extensions") or {}
    framing = "chunked" if WIRE in extensions else "plain"
    dialect = "sse" if format == "cloudevents" else "sse-data"
    form = desk.encoding(dialect, framing, types=event_types)
    opening = sse.comment("hubbub") + sse.retry(int(desk.options.retry * 1000))
    # The position of a client that lost events moves with the news of that, not before it.
    if gap is not None:
        opening += desk.encoding(dialect, "plain").gap(gap)
    else:
        opening += sse.position_only(str(position(log, after)))
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [*_HEADERS, *headers],
        }
    )
    await send({"type": "http.response.body", "body": opening, "more_body": True})
    writer = desk.writer(extensions, send, framing)
    reader = desk.reader("sse", writer, form, selection, after)

    def goodbye() -> None:
        reader.close()
        writer.finish(form.join([sse.retry(desk.comeback())]))

    writer.on_shutdown = goodbye
    cancel = desk.end_at(principal.expires, writer.finish)
    try:
        reader.start(_say_live(reader.write, form) if control else None)
        while (await receive())["type"] != "http.disconnect":
            pass
    finally:
        cancel()
        desk.leave("sse", reader)


def _say_live(write: Callable[[Any], None], form: Encoding) -> Callable[[], None]:
    return lambda: write(form.control("live", {}))
