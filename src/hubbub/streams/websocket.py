"""WebSocket on a topic's own URL: one CloudEvent in JSON per text message (subprotocol `cloudevents.json`).

Events come out; with the right to publish they go in too, and one without `topic` goes to the URL's.
What cannot be taken ends the connection with a code and a reason: there is no other way to answer
in this subprotocol. A gap is told as an event of type `hubbub.gap`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from hubbub.core.contracts import Writer
from hubbub.core.errors import Closing, HubbubError, Unsupported
from hubbub.core.reading import begin
from hubbub.core.selection import Selection
from hubbub.core.start import Start
from hubbub.streams.desk import Desk
from hubbub.streams.session import Session

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLOUDEVENTS_JSON = "cloudevents.json"

MAX_REASON = 123
"""Bytes of a close reason: a control frame holds 125 with the code (RFC 6455 5.5)."""


async def serve_websocket(  # noqa: PLR0913  what a client may ask of a topic's socket
    desk: Desk,
    scope: MutableMapping[str, Any],
    receive: Receive,
    send: Send,
    *,
    selection: Selection,
    start: Start,
    topic: str | None,
    session: Session,
) -> None:
    """Speak `cloudevents.json` until either side ends it.

    `topic` is where events without one go; None if the URL names a pattern.
    """
    after, gap = await begin(desk.log, start, selection)
    writer = await accept(desk, scope, receive, send, (CLOUDEVENTS_JSON,))
    form = desk.encoding("events", writer.framing)
    reader = desk.reader("websocket", writer, form, selection, after)
    writer.on_shutdown = lambda: finish(writer, Closing("this server is stopping; reconnect"))
    cancel = desk.end_at(session.principal.expires, lambda: expire(writer))
    try:
        if gap is not None:
            reader.write(form.gap(gap))
        reader.start()
        async for message in messages(receive):
            await session.publish_event(text_of(message), topic)
    except HubbubError as error:
        finish(writer, error)
    finally:
        cancel()
        desk.leave("websocket", reader)


async def accept(
    desk: Desk,
    scope: MutableMapping[str, Any],
    receive: Receive,
    send: Send,
    known: Sequence[str],
) -> Writer:
    """Complete the handshake with the first subprotocol offered that is known, or none."""
    await receive()  # websocket.connect
    chosen = next((p for p in scope.get("subprotocols", ()) if p in known), None)
    await send({"type": "websocket.accept", "subprotocol": chosen})
    return desk.writer(scope.get("extensions") or {}, send, "messages")


async def messages(receive: Receive) -> AsyncIterator[MutableMapping[str, Any]]:
    """Give every message until the other side is gone."""
    while (message := await receive())["type"] == "websocket.receive":
        yield message


def text_of(message: MutableMapping[str, Any]) -> bytes:
    """Return a text message's bytes. Raises `Unsupported` for a binary one."""
    text = message.get("text")
    if text is None:
        raise Unsupported("send JSON in text messages; binary ones are not understood")
    return text.encode()


def finish(writer: Writer, error: HubbubError) -> None:
    """Close with the code and reason of an error."""
    reason = error.detail.encode()[:MAX_REASON].decode(errors="ignore")
    writer.finish(code=error.close_code, reason=reason)


def expire(writer: Writer) -> None:
    """Close because the token ran out."""
    writer.finish(code=1008, reason="the token has expired; reconnect with a new one")
