"""TLS: who is trusted, and what it is called when nobody is."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from hubbub.net import RequestFailed

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def test_a_certificate_that_holds(authority, trusting, receive, client, ok) -> None:
    receiver = await receive(ok, ssl=serving(authority.issue_cert("hook.example", "127.0.0.1")))

    async def resolve(name: str) -> list[str]:
        return ["127.0.0.1"]

    egress = await client(ssl_context=trusting, resolve=resolve)
    for host in ("127.0.0.1", "hook.example"):
        first, second = [
            await egress.fetch(f"https://{host}:{receiver.port}/", timeout=10, max_body=100)
            for _ in range(2)
        ]
        assert first.body == second.body == b"ok"
        assert first.timings.connect > 0
        assert first.timings.tls > 0
        assert first.timings.tls <= first.timings.first_byte <= first.timings.total
        assert (second.timings.connect, second.timings.tls) == (0, 0)


@pytest.mark.parametrize("case", ["untrusted", "expired", "another name", "system's authorities"])
async def test_certificates_that_do_not_hold(case: str, authority, receive, client, ok) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificate = {
        "untrusted": lambda: trustme.CA().issue_cert("127.0.0.1"),
        "expired": lambda: authority.issue_cert("127.0.0.1", not_after=yesterday),
        "another name": lambda: authority.issue_cert("127.0.0.2", "other.example"),
        "system's authorities": lambda: authority.issue_cert("127.0.0.1"),
    }[case]()
    receiver = await receive(ok, ssl=serving(certificate))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    egress = await client(ssl_context=None if case.startswith("system") else trusting)
    with pytest.raises(RequestFailed) as raised:
        await egress.fetch(f"https://127.0.0.1:{receiver.port}/", timeout=10, max_body=100)
    assert raised.value.cause == "tls"
    assert "certificate of 127.0.0.1 does not hold" in raised.value.detail
    assert receiver.requests == []


async def test_a_server_that_speaks_no_tls(receive, client, answer) -> None:
    def make(receiver):
        async def behave(reader, writer) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

        return behave

    receiver = await receive(make)
    egress = await client()
    with pytest.raises(RequestFailed) as raised:
        await egress.fetch(f"https://127.0.0.1:{receiver.port}/", timeout=10, max_body=100)
    assert raised.value.cause == "tls"


async def test_a_server_that_closes_during_the_handshake(receive, client) -> None:
    def make(receiver):
        async def behave(reader, writer) -> None:
            await reader.read(1)

        return behave

    receiver = await receive(make)
    egress = await client()
    with pytest.raises(RequestFailed) as raised:
        await egress.fetch(f"https://127.0.0.1:{receiver.port}/", timeout=10, max_body=100)
    assert raised.value.cause == "tls"


async def test_a_handshake_that_hangs_ends_at_the_deadline(receive, client) -> None:
    def make(receiver):
        async def behave(reader, writer) -> None:
            while await reader.read(1000):
                pass

        return behave

    receiver = await receive(make)
    egress = await client()
    with pytest.raises(RequestFailed) as raised:
        await egress.fetch(f"https://127.0.0.1:{receiver.port}/", timeout=0.3, max_body=100)
    assert raised.value.cause == "timeout"
