"""What we rely on in uvicorn, websockets and httptools, so that an upgrade cannot break it silently.

If one of these fails after an upgrade: read that class's changes, adapt ours, then widen the bound
in pyproject.toml.
"""

from __future__ import annotations

import asyncio
import inspect
from importlib.metadata import requires, version

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.protocol import Protocol
from websockets.server import ServerProtocol

from hubbub.web.server import layout
from hubbub.web.server.cycle import Cycle
from hubbub.web.server.http import HTTPProtocol
from hubbub.web.server.websocket import WebSocketProtocol

from .raw import GET, App, StreamApp, chunk, client_of, frame, upgrade

LOOKED_AT = ("0.54.",)
"""Releases of uvicorn whose protocol classes were read line by line."""


def test_uvicorn_is_a_release_that_we_know_and_its_bound_is_declared():
    assert version("uvicorn").startswith(LOOKED_AT)
    (bound,) = [r for r in requires("hubbub") or () if r.startswith("uvicorn")]
    assert "<0." in bound


def own_state(kind: type) -> set[str]:
    """Names that a class declares as slots."""
    return set(inspect.getattr_static(kind, "__slots__"))


async def live(app, request_bytes, *more):
    """Give the protocol of a connection in the middle of its life, and let it go."""
    async with client_of(app) as (server, client):
        client.send(request_bytes)
        await client.head()
        for data in more:
            client.send(data)
            await client.frame()
        (protocol,) = server._state.connections
        yield protocol
        cycle = getattr(protocol, "active", None)
        if cycle is not None:
            yield cycle
    yield protocol


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("request_bytes", "more"),
    [(GET, ()), (upgrade(), (frame(b"hello"), frame(b"", 9)))],
    ids=["http", "websocket"],
)
async def test_our_slots_hold_everything_that_uvicorn_sets(request_bytes, more):
    """An attribute that uvicorn adds would land in a dict, which every idle stream would pay for."""
    app = App() if more else StreamApp()
    async for part in live(app, request_bytes, *more):
        assert vars(part) == {}, f"add these names to layout.py: {vars(part)}"


def declared(kind: type) -> set[str]:
    """Names that a class's own methods set on self."""
    names: set[str] = set()
    for function in vars(kind).values():
        if inspect.isfunction(function):
            code, instructions = function.__code__, _stores(function)
            assert code
            names |= instructions
    return names


def _stores(function) -> set[str]:
    import dis

    found: set[str] = set()
    last = None
    for instruction in dis.get_instructions(function):
        if instruction.opname == "STORE_ATTR" and last == "self":
            found.add(instruction.argval)
        last = instruction.argval if instruction.opname == "LOAD_FAST" else None
    return found


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (RequestResponseCycle, layout.CYCLE),
        (HttpToolsProtocol, layout.HTTP),
        (WebSocketsSansIOProtocol, layout.WEBSOCKET),
    ],
)
def test_the_layout_is_what_uvicorn_sets(kind, names):
    assert declared(kind) == set(names)


OVERRIDDEN = {
    HttpToolsProtocol: HTTPProtocol,
    RequestResponseCycle: Cycle,
    WebSocketsSansIOProtocol: WebSocketProtocol,
}

NEW_HERE = {
    HTTPProtocol: {
        "close", "drop", "end_stream", "finish_stream", "linger", "on_deadline", "on_pause_writing",
        "on_request", "on_resume_writing", "on_websocket", "refuse", "wait_in", "watch_writes",
    },
    Cycle: {"break_off", "finish"},
    WebSocketProtocol: {
        "close", "drop", "end_stream", "fail", "finish_stream", "flush", "linger", "note_end",
        "on_deadline", "on_pause_writing", "on_resume_writing", "read_on", "refuse", "say_last",
        "take_over", "watch_writes",
    },
}  # fmt: skip


@pytest.mark.parametrize(("base", "ours"), OVERRIDDEN.items())
def test_every_method_of_ours_overrides_one_of_uvicorns_or_is_known_to_be_new(base, ours):
    """A renamed hook would never be called; a new one of uvicorn's could hide one of ours."""
    methods = {
        name
        for kind in ours.__mro__
        if kind.__module__.startswith("hubbub.")
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    assert methods - set(dir(base)) == NEW_HERE[ours]


SIGNATURES = {
    HttpToolsProtocol.__init__: "self config server_state app_state _loop",
    HttpToolsProtocol._start_asgi_task: "self cycle app",
    HttpToolsProtocol.on_message_begin: "self",
    HttpToolsProtocol.on_header: "self name value",
    HttpToolsProtocol.on_url: "self url",
    RequestResponseCycle.__init__: (
        "self scope transport flow logger access_logger access_log default_headers message_event "
        "expect_100_continue keep_alive on_response"
    ),
    RequestResponseCycle.send: "self message",
    RequestResponseCycle.receive: "self",
    WebSocketsSansIOProtocol.__init__: "self config server_state app_state _loop",
    WebSocketsSansIOProtocol.handle_events: "self",
    WebSocketsSansIOProtocol.handle_connect: "self event",
    WebSocketsSansIOProtocol.send: "self message",
    WebSocketsSansIOProtocol.connection_lost: "self exc",
    ServerProtocol.recv_frame: "self frame",
    Protocol.parse: "self",
    Protocol.fail: "self code reason",
    Protocol.send_close: "self code reason",
}


@pytest.mark.parametrize(("function", "names"), SIGNATURES.items())
def test_what_we_call_takes_what_we_give(function, names):
    assert list(inspect.signature(function).parameters) == names.split()


def test_our_flow_offers_what_uvicorn_calls():
    from hubbub.web.server.gates import Flow

    public = {name for name in vars(FlowControl) if not name.startswith("_")}
    assert public <= set(dir(Flow))
    assert set(vars(ServerState())) == {
        "connections", "default_headers", "tasks", "total_requests",
    }  # fmt: skip
    assert set(inspect.signature(Config).parameters) >= {"http", "ws", "ws_max_size", "lifespan"}


def test_everything_works_on_the_event_loop_of_asyncio_too():
    async def talk():
        app = StreamApp()
        async with client_of(app) as (server, client):
            client.send(GET)
            writer = await app.writer()
            writer.write(chunk(b"one"))
            writer.finish()
            assert (await client.response()).body == b":ok\n\none"
            client.send(b"nonsense\r\n")
            assert (await client.response()).status == 400
            assert await client.rest() == b""
            assert server.connections == 1
        async with client_of(App()) as (_, client):
            client.send(upgrade())
            await client.head()
            client.send(frame(b"hello"))
            assert await client.frame() == (0x81, b"hello")

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(talk())
