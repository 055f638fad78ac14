"""The guard with real sockets: what may not be reached sees no connection."""

from __future__ import annotations

import asyncio

import pytest

from hubbub.net import RequestFailed

pytestmark = pytest.mark.anyio

SPELLINGS = [
    "http://127.0.0.1:{}/",
    "http://127.1.2.3:{}/",
    "http://localhost:{}/",
    "http://LOCALHOST:{}/",
    "http://localhost.:{}/",
    "http://127.0.0.1.:{}/",
    "http://2130706433:{}/",
    "http://017700000001:{}/",
    "http://0x7f000001:{}/",
    "http://0x7f.0.0.1:{}/",
    "http://127.1:{}/",
    "http://0:{}/",
    "http://0.0.0.0:{}/",
    "http://[::]:{}/",
    "http://[::1]:{}/",
    "http://[::127.0.0.1]:{}/",
    "http://[::ffff:127.0.0.1]:{}/",
    "http://[::ffff:7f00:1]:{}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{}/",
    "http://[64:ff9b::127.0.0.1]:{}/",
    "http://[2002:7f00:1::]:{}/",
    "http://[2001:0:7f00:1::80ff:fffe]:{}/",
    "http://１２７.０.０.１:{}/",  # noqa: RUF001
    "http://①②⑦.⓪.⓪.①:{}/",
    "http://127。0。0。1:{}/",
    "http://%31%32%37.0.0.1:{}/",
    "http://a@127.0.0.1:{}/",
    "http://example.com:80@127.0.0.1:{}/",
    "http://127.0.0.1:{}\\@example.com/",
    "http://127.0.0.1:{}#@example.com/",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_of_loopback_is_connected_to(spelling: str, receive, client, ok) -> None:
    four = await receive(ok, host="127.0.0.1")
    egress = await client(allow=())
    with pytest.raises(RequestFailed) as raised:
        await egress.fetch(spelling.format(four.port), timeout=5, max_body=100)
    assert raised.value.cause == "refused"
    assert four.connections == 0


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["169.254.169.254"],
        ["8.8.8.8", "127.0.0.1"],  # one bad address is enough
        ["127.0.0.1", "2001:4860:4860::8888"],
        ["8.8.8.8"] * 20 + ["10.0.0.1"],  # also behind those that would be tried
        ["fe80::1%eth0"],
        ["nonsense"],
    ],
)
async def test_names_that_point_inwards(found: list[str], receive, client, ok) -> None:
    async def resolve(name: str) -> list[str]:
        return found

    receiver = await receive(ok)
    egress = await client(allow=(), resolve=resolve)
    with pytest.raises(RequestFailed) as raised:
        await egress.fetch(f"http://rebind.example:{receiver.port}/", timeout=5, max_body=100)
    assert raised.value.cause == "refused"
    assert raised.value.detail.startswith("rebind.example leads to what may not be called; egress.")
    assert "127.0.0.1" not in raised.value.detail, "nobody resolves names of ours by asking us"
    assert receiver.connections == 0


async def test_a_name_that_flips_never_reaches_the_bad_address(receive, client, ok) -> None:
    """Rebinding: with every answer of the name server another address, good and bad in turn."""
    bad = await receive(ok, host="127.0.0.1")
    good = ["127.0.0.2", "127.0.0.1"] * 10
    answers = iter(good)

    async def resolve(name: str) -> list[str]:
        return [next(answers)]

    egress = await client(allow=("127.0.0.2/32",), resolve=resolve, dns_ttl=0.0)
    causes = []
    for _ in good:
        with pytest.raises(RequestFailed) as raised:
            await egress.fetch(f"http://flip.example:{bad.port}/", timeout=5, max_body=100)
        causes.append(raised.value.cause)
    assert causes == ["connect", "refused"] * 10  # nothing listens at 127.0.0.2
    assert bad.connections == 0


async def test_addresses_are_pinned_for_a_while(receive, client, answer) -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    receiver = await receive(answer(closing))
    answers = iter([["127.0.0.1"], ["127.9.9.9"]])
    asked = []

    async def resolve(name: str) -> list[str]:
        asked.append(name)
        return next(answers)

    egress = await client(resolve=resolve)
    url = f"http://pinned.example:{receiver.port}/"
    for _ in range(3):  # each over a new connection
        await egress.fetch(url, timeout=5, max_body=100)
    assert asked == ["pinned.example"]
    assert receiver.connections == 3


async def test_the_lists_are_independent(receive, client, ok) -> None:
    receiver = await receive(ok)
    url = f"http://127.0.0.1:{receiver.port}/"
    deliveries = await client(allow=("127.0.0.1/32",))
    fetches = await client(allow=("10.0.0.0/8", "127.0.0.2/32"))
    assert (await deliveries.fetch(url, timeout=5, max_body=100)).body == b"ok"
    with pytest.raises(RequestFailed, match="refused: 127.0.0.1 may not be called: loopback"):
        await fetches.fetch(url, timeout=5, max_body=100)
    assert receiver.connections == 1


async def test_ipv6_and_what_is_mapped_into_it_work_where_allowed(receive, client, ok) -> None:
    six = await receive(ok, host="::1")
    four = await receive(ok)
    egress = await client()
    for url in (f"http://[::1]:{six.port}/", f"http://[::ffff:127.0.0.1]:{four.port}/"):
        assert (await egress.fetch(url, timeout=5, max_body=100)).status == 200


async def test_ports_outside_the_list_are_refused(receive, client, ok) -> None:
    receiver = await receive(ok)
    egress = await client(ports=(443,))
    with pytest.raises(RequestFailed, match=r"may not be called \(egress.ports\)"):
        await egress.fetch(f"http://127.0.0.1:{receiver.port}/", timeout=5, max_body=100)
    assert receiver.connections == 0


async def test_proxies_of_the_environment_are_ignored(receive, client, ok, monkeypatch) -> None:
    proxy = await receive(ok)
    receiver = await receive(ok)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    egress = await client()
    await egress.fetch(f"http://127.0.0.1:{receiver.port}/", timeout=5, max_body=100)
    assert (proxy.connections, receiver.connections) == (0, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_answers(status: int, receive, client, ok, answer) -> None:
    inside = await receive(ok)
    location = f"Location: http://127.0.0.1:{inside.port}/\r\n"
    receiver = await receive(
        answer(f"HTTP/1.1 {status} Moved\r\n{location}Content-Length: 0\r\n\r\n".encode())
    )
    egress = await client()
    reply = await egress.request(
        "POST",
        f"http://127.0.0.1:{receiver.port}/",
        headers=[],
        body=b"x",
        timeout=5,
        max_body=100,
    )
    assert reply.status == status
    assert inside.connections == 0


async def test_one_lookup_however_many_ask(receive, client, ok) -> None:
    receiver = await receive(ok)
    go = asyncio.Event()
    asked = []

    async def resolve(name: str) -> list[str]:
        asked.append(name)
        await go.wait()
        return ["127.0.0.1"]

    egress = await client(resolve=resolve)
    url = f"http://many.example:{receiver.port}/"
    requests = [asyncio.create_task(egress.fetch(url, timeout=10, max_body=100)) for _ in range(20)]
    while not asked:
        await asyncio.sleep(0)
    requests[0].cancel()  # whoever gives up takes nothing from the others
    await asyncio.sleep(0)
    go.set()
    replies = await asyncio.gather(*requests, return_exceptions=True)
    assert isinstance(replies[0], asyncio.CancelledError)
    assert [reply.status for reply in replies[1:]] == [200] * 19
    assert asked == ["many.example"]


async def test_lookups_end_in_time(client) -> None:
    async def resolve(name: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    egress = await client(resolve=resolve, dns_timeout=0.05)
    with pytest.raises(RequestFailed) as raised:
        await egress.fetch("http://slow.example/", timeout=10, max_body=100)
    assert raised.value.cause == "dns"
    assert raised.value.timings.dns > 40  # the loop rounds its timers


@pytest.mark.parametrize("empty", [True, False])
async def test_names_without_addresses(empty: bool, client) -> None:
    async def resolve(name: str) -> list[str]:
        if empty:
            return []
        raise OSError(-2, "Name or service not known")

    egress = await client(resolve=resolve)
    with pytest.raises(RequestFailed, match=r"dns: the name no.example has no address"):
        await egress.fetch("http://no.example/path?token=secret", timeout=10, max_body=100)


async def test_the_resolver_of_the_system(receive, client, ok) -> None:
    receiver = await receive(ok)
    egress = await client()
    reply = await egress.fetch(f"http://localhost:{receiver.port}/", timeout=10, max_body=100)
    assert reply.status == 200
    assert reply.timings.dns > 0
    with pytest.raises(RequestFailed) as raised:
        await egress.fetch("http://nowhere.invalid/", timeout=20, max_body=100)
    assert raised.value.cause == "dns"
