"""Counting connections in and out."""

from __future__ import annotations

import asyncio
import logging
import resource

import pytest

from hubbub.core.errors import Misconfigured
from hubbub.web.server import admission
from hubbub.web.server.admission import Admission, descriptor_ceiling, raise_descriptor_limit
from hubbub.web.server.options import ServerOptions

ADDRESS = "192.0.2.1"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def admission_of(**options) -> Admission:
    return Admission(ServerOptions(fd_reserve=0, **options), Clock())


def test_the_cap_in_all():
    gate = admission_of(max_connections=2)
    first = gate.admit(ADDRESS, 3)
    assert first is not None
    assert gate.admit("", 4) == ""
    assert gate.admit("192.0.2.2", 5) is None
    gate.release(first)
    assert gate.admit("192.0.2.2", 5) is not None
    assert (gate.count, gate.refused) == (2, 1)


def test_the_cap_by_address():
    gate = admission_of(max_connections_per_address=2)
    keys = [gate.admit(ADDRESS, 3) for _ in range(2)]
    assert gate.admit(ADDRESS, 3) is None
    assert gate.admit("192.0.2.2", 3) == "192.0.2.2"
    gate.release(keys[0])
    assert gate.admit(ADDRESS, 3) == ADDRESS
    for key in (ADDRESS, ADDRESS, "192.0.2.2"):
        gate.release(key)
    assert gate._by_address == {}


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", ""),
        ("127.255.0.1", ""),
        ("::ffff:127.0.0.1", ""),
        ("::1", ""),
        ("", ""),
    ],
)
def test_what_an_address_is_counted_under(host, key):
    assert admission_of().admit(host, 3) == key


def test_uncounted_peers_can_be_set():
    gate = admission_of(uncounted_peers=("10.0.0.0/8",), max_connections_per_address=1)
    assert [gate.admit("10.1.2.3", 3) for _ in range(3)] == [""] * 3
    assert [gate.admit("127.0.0.1", 3) for _ in range(2)] == ["127.0.0.1", None]
    with pytest.raises(Misconfigured, match="uncounted_peers"):
        admission_of(uncounted_peers=("proxy.example",))


def test_descriptors_are_kept_in_reserve(monkeypatch):
    limits = {"soft": 1000}
    monkeypatch.setattr(admission.resource, "getrlimit", lambda _: (limits["soft"], 4000))
    gate = Admission(ServerOptions(fd_reserve=100), Clock())
    assert gate.admit("", 899) == ""
    assert gate.admit("", 900) is None
    limits["soft"] = 2000  # it may be changed from outside while we run
    assert gate.admit("", 900) == ""
    limits["soft"] = 100
    assert descriptor_ceiling(100) == 75
    limits["soft"] = resource.RLIM_INFINITY
    assert descriptor_ceiling(100) is None


def test_the_soft_limit_becomes_the_hard_one():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard - 1), hard))
    raise_descriptor_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_one_line_in_a_while_tells_of_refused_connections(caplog):
    caplog.set_level(logging.WARNING)
    clock = Clock()
    gate = Admission(ServerOptions(max_connections=1, fd_reserve=0), clock)
    gate.admit("", 3)
    for clock.now in range(1, 25):
        gate.admit(ADDRESS, 4)
    assert [record.getMessage().split("; ")[1] for record in caplog.records] == [
        "1 refused so far",
        "11 refused so far",
        "21 refused so far",
    ]


@pytest.mark.anyio
async def test_waiting_until_nobody_is_left():
    gate = admission_of()
    await gate.empty()
    key = gate.admit(ADDRESS, 3)
    waiting = asyncio.create_task(gate.empty())
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.release(key)
    await waiting
