"""A WebSocket echo server on hubbub's own server class: `python -m hubbub.testing.echo --port N`.

Text and binary come back as they are, compressed where the peer negotiated it; scripts/autobahn
holds it against the Autobahn TestSuite. Any HTTP request is answered with its own body.
"""

from __future__ import annotations

import argparse
import sys

from starlette.types import Receive, Scope, Send

from hubbub.web.server import Server, ServerOptions

MAX_MESSAGE = 16 * 1024 * 1024
"""Size of the largest message that the Autobahn TestSuite sends."""


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send back whatever comes; an ASGI application."""
    if scope["type"] == "websocket":
        await _echo_messages(receive, send)
    elif scope["type"] == "http":
        await _echo_body(receive, send)
    else:
        await _live(receive, send)


async def _echo_messages(receive: Receive, send: Send) -> None:
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def _echo_body(receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    for moment in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{moment}.complete"})


def main() -> int:
    """Serve until a signal asks to stop; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hubbub.testing.echo", description=echo.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    options = ServerOptions(
        host=arguments.host, port=arguments.port, ws_max_message=MAX_MESSAGE, body_timeout=120.0
    )
    return Server(echo, options).run()


if __name__ == "__main__":
    sys.exit(main())
