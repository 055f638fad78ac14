"""Listening and turning away."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import stat
import time

import pytest

from hubbub.core.errors import Misconfigured
from hubbub.web.server import Server, ServerOptions, running
from hubbub.web.server.admission import Admission
from hubbub.web.server.listeners import Acceptor, bind, close_all

from .raw import GET, App, Client, client_of, connect, process_of

pytestmark = pytest.mark.anyio


def addresses(**options) -> list:
    sockets = bind(ServerOptions(**options))
    try:
        return [(sock.family, sock.getsockname()[:2]) for sock in sockets]
    finally:
        close_all(sockets)


def test_one_free_port_for_every_address():
    found = addresses(host="", port=0)
    assert len({name[1] for _, name in found}) == 1
    assert (socket.AF_INET, "0.0.0.0") in [(family, name[0]) for family, name in found]


def test_an_address_that_cannot_be_had():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            Misconfigured, match=f"127.0.0.1:{port}: Address already in use; choose"
        ):
            bind(ServerOptions(port=port))
    with pytest.raises(Misconfigured, match=r"cannot listen on 192\.0\.2\.1:0"):
        bind(ServerOptions(host="192.0.2.1", port=0))
    with pytest.raises(Misconfigured, match=r"cannot listen on /nowhere/at\.all"):
        bind(ServerOptions(uds="/nowhere/at.all"))


async def test_a_unix_socket(tmp_path):
    path = tmp_path / "hubbub.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    async with running(App(), ServerOptions(uds=str(path))) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert (server.url, server.port) == ("http://localhost", 0)
        client = Client(*await asyncio.open_unix_connection(path))
        client.send(GET.replace(b"localhost", b"anything.example"))
        assert (await client.response()).status == 200
        await client.aclose()
    assert not path.exists()


async def test_a_unix_socket_that_was_handed_in_stays(tmp_path):
    """Whoever made it, systemd for one, listens on it again."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "hubbub.sock"))
    server = Server(App())
    await server.start([sock])
    await server.stop()
    assert (tmp_path / "hubbub.sock").exists()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(Misconfigured):
        await Server(App(), ServerOptions(uds=str(path))).start()
    assert path.read_text() == "data"


async def test_accepted_connections_inherit_what_was_set():
    async with client_of(App()) as (server, client):
        client.send(GET)
        await client.response()
        (protocol,) = server._state.connections
        sock = protocol.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.parametrize(
    "options",
    [
        {"max_connections": 2},
        {"max_connections_per_address": 2, "uncounted_peers": ()},
        {"fd_reserve": 1_000_000},
    ],
)
async def test_one_too_many_is_told_so_and_others_live_on(options):
    async with running(App(), ServerOptions(port=0, **options)) as server:
        taken = 0 if "fd_reserve" in options else 2
        clients = [await connect(server) for _ in range(taken)]
        for client in clients:
            client.send(GET)
            assert (await client.response()).status == 200
        if taken:
            extra = await connect(server)
            response = await extra.response()
            assert response.status == 503
            assert response.headers["retry-after"] == "5"
            assert response.problem["title"] == "Service Unavailable"
            assert await extra.rest() == b""
            await extra.aclose()
            assert server.refused == 1
        for client in clients:
            client.send(GET)
            assert (await client.response()).status == 200
            await client.aclose()
        await server._state.admission.empty()
        again = await connect(server)
        again.send(GET)
        assert (await again.response()).status == 200
        await again.aclose()


async def test_a_flood_of_refused_connections_does_not_pile_up():
    async with running(App(), ServerOptions(port=0, max_connections=1)) as server:
        first = await connect(server)
        first.send(GET)
        await first.response()
        extras = [await connect(server) for _ in range(200)]
        for extra in extras:
            assert (await extra.response()).status == 503
        assert len(server._acceptor._parting) <= 64
        for extra in extras:
            await extra.aclose()
        await first.aclose()


async def test_accepting_pauses_when_the_system_has_no_means(caplog):
    """As under `strace -e inject=accept4:error=EMFILE`: uvloop's own server would give up."""

    class Failing(socket.socket):
        failures = 3

        def accept(self):
            if Failing.failures:
                Failing.failures -= 1
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return super().accept()

    listener = Failing()
    listener.bind(("127.0.0.1", 0))
    server = Server(App(), ServerOptions())
    await server.start([listener])
    client = await connect(server)
    client.send(GET)
    assert (await client.response()).status == 200
    assert [r.getMessage() for r in caplog.records] == [
        "cannot accept connections: Too many open files"
    ]
    await client.aclose()
    await server.stop()


async def test_a_connection_that_cannot_be_taken_is_counted_out_and_closed(caplog):
    options = ServerOptions(port=0)
    admission = Admission(options, time.monotonic)

    def fail(peer):
        raise RuntimeError(peer)

    acceptor = Acceptor(bind(options), admission, fail, bytes)
    acceptor.start(1)
    reader, writer = await asyncio.open_connection(*acceptor.sockets[0].getsockname())
    assert await reader.read() == b""
    await admission.empty()
    assert admission.count == 0
    assert "a connection could not be taken: RuntimeError" in caplog.text
    writer.close()
    acceptor.close()


@pytest.mark.slow
async def test_running_out_of_descriptors_harms_newcomers_only():
    """128 descriptors, 300 connections: a quarter stays free, what is open works, it recovers."""
    async with process_of("Filing", files=128) as server:
        first = await connect(server)
        others = [await connect(server) for _ in range(300)]
        answers = [await first_answer(other) for other in others]
        assert 70 <= answers.count(200) <= 96  # of 128, 96 are for connections and what is open
        assert answers.count(200) + answers.count(503) == 300
        first.send(GET)
        assert (await first.response()).status == 200
        for other in others:
            await other.aclose()
        status = 0
        while status != 200:  # as soon as it has noticed that they left
            again = await connect(server)
            status = await first_answer(again)
            await again.aclose()
        await first.aclose()
        server.signal(signal.SIGTERM)
        status, errors = await server.end()
    assert status == 0
    assert len(errors.splitlines()) <= 2  # a line every ten seconds, however many are refused
    assert "refusing connections: fd_reserve keeps descriptor 96 free for the log" in errors


async def first_answer(client: Client) -> int:
    """Ask; return the answer's status, 503 also for a reset that was faster than its words."""
    client.send(GET)
    try:
        return (await client.response()).status
    except (ConnectionError, asyncio.IncompleteReadError):
        return 503
