"""The server: starts, keeps time, and stops in a written order.

    start   the application's lifespan, then listening
    stop    1. listen no more
            2. tell every connection: idle ones close, streams say goodbye (`on_shutdown`)
            3. wait until all are gone, for `drain_timeout` at the most; then cut what is left
            4. the application's lifespan

uvicorn's own Server is not used: it polls ten times a second, waits for open streams without bound
unless told otherwise, and exits the process from within. Its configuration object, its lifespan and
its protocol classes are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn

from hubbub.core.errors import Misconfigured
from hubbub.web.server.admission import raise_descriptor_limit
from hubbub.web.server.connection import Peer
from hubbub.web.server.hosts import HostRule, is_loopback
from hubbub.web.server.http import HTTPProtocol
from hubbub.web.server.listeners import Acceptor, bind, close_all
from hubbub.web.server.options import ServerOptions
from hubbub.web.server.refusals import OVERLOADED
from hubbub.web.server.state import State
from hubbub.web.server.websocket import WebSocketProtocol

logger = logging.getLogger("hubbub.web.server")

INTERRUPTED = 130
"""Exit status after a second signal: what was open was cut off."""

CUT_TIMEOUT = 1.0
"""Seconds that cancelled requests get to clean up."""

_YIELD_EVERY = 256  # connections told to stop between two turns of the loop


class Server:
    """Serves one ASGI application, once: `start` and `stop`, or `async with`, or `serve`, or `run`."""

    def __init__(self, app: ASGIApp, options: ServerOptions | None = None) -> None:
        self.options = options or ServerOptions()
        self._config = Config(
            app,
            http=HTTPProtocol,
            ws=WebSocketProtocol,
            ws_max_size=self.options.ws_max_message,
            ws_per_message_deflate=False,  # State has the one form that we offer
            lifespan="auto",
            interface="asgi3",
            log_config=None,
            log_level=logging.WARNING,  # below that, uvicorn logs queries and websockets headers
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        self._stop_asked = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The TCP port, also where the options left it to the system; 0 on a Unix socket."""
        return self._port

    @property
    def url(self) -> str:
        """Where the server is, without a slash at the end; a Unix socket has `http://localhost`."""
        if self.options.uds is not None:
            return "http://localhost"
        host = self.options.host or "localhost"
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._state.admission.count

    @property
    def refused(self) -> int:
        """How many connections were turned away."""
        return self._state.admission.refused

    async def start(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Start the application and listen, on these bound sockets or on the options' address.

        Raises `Misconfigured` if the address cannot be had or the application refuses to start.
        """
        loop = asyncio.get_running_loop()
        raise_descriptor_limit()
        owned = bind(self.options) if sockets is None else list(sockets)
        names = [sock.getsockname() for sock in owned if sock.family != socket.AF_UNIX]
        try:
            on_loopback = bool(names) and all(is_loopback(name[0]) for name in names)
            hosts = HostRule.of(self.options.trusted_hosts, loopback=on_loopback)
            self._state = State(self.options, hosts, loop.time)
            self._config.load()
            self._lifespan = LifespanOn(self._config)
            await self._start_application()
        except BaseException:
            close_all(owned)
            raise
        self._port = names[0][1] if names else 0
        self._acceptor = Acceptor(owned, self._state.admission, self._protocol, self._overloaded)
        self._beat()
        self._acceptor.start(self.options.backlog)

    async def _start_application(self) -> None:
        await self._lifespan.startup()
        if self._lifespan.should_exit:
            raise Misconfigured("the application did not start; its log says why")

    async def stop(self) -> None:
        """Stop in order; callers after the first wait for the same end."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(), name="hubbub server stop")
        await asyncio.shield(self._stopping)

    async def serve(self, sockets: Sequence[socket.socket] | None = None) -> int:
        """Serve until SIGTERM or SIGINT asks to stop; return the exit status.

        0 if all went well, 1 if the application failed to shut down, `INTERRUPTED` if a second
        signal cut everything off. Raises as `start` does.
        """
        forced = asyncio.Event()
        with self._signals(forced):
            serving = asyncio.create_task(self._serve(sockets), name="hubbub server")
            forcing = asyncio.create_task(forced.wait(), name="hubbub second signal")
            try:
                await asyncio.wait({serving, forcing}, return_when=asyncio.FIRST_COMPLETED)
                if serving.done():
                    await serving
                    return 1 if self._lifespan.should_exit else 0
                serving.cancel()
                return INTERRUPTED
            finally:
                forcing.cancel()

    def run(self, sockets: Sequence[socket.socket] | None = None) -> int:
        """Serve on an event loop of its own, uvloop's where there is one; return the exit status."""
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(self.serve(sockets))

    async def _serve(self, sockets: Sequence[socket.socket] | None) -> None:
        await self.start(sockets)
        logger.info("listening on %s", self.url)
        await self._stop_asked.wait()
        await self.stop()

    @contextlib.contextmanager
    def _signals(self, forced: asyncio.Event) -> Generator[None]:
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if self._stop_asked.is_set():
                forced.set()
            self._stop_asked.set()

        handled = (signal.SIGTERM, signal.SIGINT)
        for number in handled:
            loop.add_signal_handler(number, on_signal)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    def _protocol(self, peer: Peer) -> HTTPProtocol:
        loop = asyncio.get_running_loop()
        return HTTPProtocol(self._config, self._state, self._lifespan.state, loop, peer)

    def _overloaded(self) -> bytes:
        return OVERLOADED.response(self._state.default_headers)

    def _beat(self) -> None:
        """Keep time for everybody: the deadlines, the Date of the answers."""
        state = self._state
        loop = asyncio.get_running_loop()
        self._heartbeat = loop.call_later(state.lanes.resolution, self._beat)
        state.tell_date(time.time())
        self._acceptor.part()
        state.lanes.sweep()

    async def _stop(self) -> None:
        state = self._state
        state.is_stopping = True
        self._stop_listening()
        for i, connection in enumerate(list(state.connections)):
            if i % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
            self._shut_down(connection)
        try:
            async with asyncio.timeout(self.options.drain_timeout):
                await state.admission.empty()
                while state.tasks:
                    await asyncio.wait(state.tasks)
        except TimeoutError:
            await self._cut()
        self._heartbeat.cancel()
        await self._lifespan.shutdown()

    def _stop_listening(self) -> None:
        self._acceptor.close()
        if self.options.uds is not None:
            Path(self.options.uds).unlink(missing_ok=True)

    def _shut_down(self, connection: Any) -> None:
        """Tell a connection; what its application does then must not keep it from the others."""
        try:
            connection.shutdown()
        except Exception:
            logger.exception("a connection could not be told that the server stops")
            connection.transport.abort()

    async def _cut(self) -> None:
        state = self._state
        logger.warning(
            "drain_timeout is over: cutting %d connections and %d requests",
            state.admission.count,
            len(state.tasks),
        )
        for connection in list(state.connections):
            connection.transport.abort()
        for task in state.tasks:
            task.cancel()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=CUT_TIMEOUT)


def _loop_factory() -> type[asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415  # not on every platform
    except ImportError:
        return asyncio.SelectorEventLoop
    return uvloop.Loop


@contextlib.asynccontextmanager
async def running(app: ASGIApp, options: ServerOptions | None = None) -> AsyncGenerator[Server]:
    """Run a server inside this event loop, on a free port of loopback unless told otherwise."""
    async with Server(app, options or ServerOptions(port=0)) as server:
        yield server


async def serve(
    app: ASGIApp,
    options: ServerOptions | None = None,
    *,
    sockets: Sequence[socket.socket] | None = None,
) -> int:
    """Serve until a signal asks to stop; return the exit status."""
    return await Server(app, options).serve(sockets)
