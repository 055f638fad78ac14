"""The listening sockets, and what happens to a connection before anything is made for it.

The event loops' own servers give up at the wrong moment: uvloop closes the listener for good when
accept fails, asyncio lets everybody wait a second and logs it each time. Here accepting pauses for a
tenth of a second, and a connection that cannot be taken is told so in one write and closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hubbub.core.errors import Misconfigured
from hubbub.web.server.admission import Admission
from hubbub.web.server.connection import Peer
from hubbub.web.server.options import ServerOptions

ACCEPT_BURST = 64
"""Connections accepted before the loop turns to those that it has: a storm must not starve them."""

ACCEPT_PAUSE = 0.1
"""Seconds without accepting after the system had no means for one more connection."""

MAX_PARTING = 64
"""Refused connections that stay open until the next heartbeat, so that their peers can read why."""

Factory = Callable[[Peer], asyncio.Protocol]


KEEPALIVE_SECONDS = 60
"""Silence after which the kernel asks a peer whether it is still there; two hours by default."""


def bind(options: ServerOptions) -> list[socket.socket]:
    """Make the listening sockets of the options; listening begins later.

    Raises `Misconfigured` if an address cannot be had.
    """
    where = options.uds or f"{options.host or '*'}:{options.port}"
    try:
        if options.uds is not None:
            return [_bind_unix(Path(options.uds))]
        return _bind_tcp(options)
    except OSError as error:
        raise Misconfigured(
            f"cannot listen on {where}: {error.strerror or error}; "
            "choose another address or port, or stop what uses this one"
        ) from error


def _bind_tcp(options: ServerOptions) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    port = options.port
    found = socket.getaddrinfo(
        options.host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    try:
        for family, kind, proto, _, address in dict.fromkeys(found):
            sock = socket.socket(family, kind, proto)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address[0], port, *address[2:]))
            port = port or sock.getsockname()[1]  # one port for every address
            _set_inherited(sock)
    except BaseException:
        close_all(sockets)
        raise
    return sockets


def _set_inherited(sock: socket.socket) -> None:
    """Set what accepted connections take over from the listener."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # a stream's peer that is gone is found within minutes
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)


def _bind_unix(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()  # left over from a process that was killed
        sock.bind(str(path))
        path.chmod(0o660)
    except BaseException:
        sock.close()
        raise
    return sock


def close_all(sockets: Iterable[socket.socket]) -> None:
    """Close sockets."""
    for sock in sockets:
        sock.close()


class Acceptor:
    """Accepts on listening sockets and makes a protocol for everybody who is admitted."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        admission: Admission,
        factory: Factory,
        refusal: Callable[[], bytes],
    ) -> None:
        self.sockets = list(sockets)
        self._admission = admission
        self._factory = factory
        self._refusal = refusal
        self._loop = asyncio.get_running_loop()
        self._adopting: set[asyncio.Task[Any]] = set()
        self._parting: deque[socket.socket] = deque()
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}

    def start(self, backlog: int) -> None:
        """Listen."""
        for sock in self.sockets:
            sock.setblocking(False)
            sock.listen(backlog)
            self._loop.add_reader(sock.fileno(), self._accept, sock)

    def close(self) -> None:
        """Stop listening; who waits in the kernel is refused by it."""
        for sock in self.sockets:
            self._loop.remove_reader(sock.fileno())
        for pause in self._pauses.values():
            pause.cancel()
        close_all(self.sockets)
        self.part()

    def part(self) -> None:
        """Close the refused connections: they had their time to read why."""
        close_all(self._parting)
        self._parting.clear()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_BURST):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue  # it was gone before it was accepted
            except OSError as error:
                self._pause(listener, error)
                return
            sock.setblocking(False)
            self._take(sock, address)

    def _pause(self, listener: socket.socket, error: OSError) -> None:
        self._admission.report(f"cannot accept connections: {error.strerror}")
        self._loop.remove_reader(listener.fileno())
        self._pauses[listener] = self._loop.call_later(ACCEPT_PAUSE, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        del self._pauses[listener]
        self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _take(self, sock: socket.socket, address: Any) -> None:
        client = None if isinstance(address, str | bytes) else (str(address[0]), int(address[1]))
        key = self._admission.admit(client[0] if client else "", sock.fileno())
        if key is None:
            self._turn_away(sock)
            return
        peer = Peer(client, _local_address(sock), key)
        adopting = self._loop.connect_accepted_socket(lambda: self._factory(peer), sock)
        task = self._loop.create_task(adopting)
        self._adopting.add(task)
        task.add_done_callback(lambda task: self._adopted(task, sock, key))

    def _adopted(self, task: asyncio.Task[Any], sock: socket.socket, key: str) -> None:
        self._adopting.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._admission.report(f"a connection could not be taken: {error!r}")
            self._admission.release(key)
            sock.close()

    def _turn_away(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.send(self._refusal())
            sock.shutdown(socket.SHUT_WR)
        if self._admission.is_reserved(sock.fileno()):
            sock.close()
            return
        if len(self._parting) >= MAX_PARTING:
            self._parting.popleft().close()
        self._parting.append(sock)


def _local_address(sock: socket.socket) -> tuple[str, int | None]:
    address: Any = sock.getsockname()
    return (address, None) if isinstance(address, str) else (str(address[0]), int(address[1]))
