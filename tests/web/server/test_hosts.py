"""The Host rule: syntax, trust, memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import Misconfigured
from hubbub.web.server.hosts import MAX_REMEMBERED, HostRule, host_of, is_loopback
from hubbub.web.server.refusals import HOST, MISDIRECTED


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        (b"localhost", "localhost"),
        (b"LocalHost:8080", "localhost"),
        (b"example.org:", "example.org"),
        (b"127.0.0.1:0", "127.0.0.1"),
        (b"[::1]:65535", "[::1]"),
        (b"[0:0:0:0:0:0:0:1]", "[::1]"),
        (b"[2001:DB8::A]", "[2001:db8::a]"),
        (b"under_score-~.example", "under_score-~.example"),
        (b"%C3%A9", "%c3%a9"),
    ],
)
def test_valid_authorities(authority, host):
    assert host_of(authority) == host


@pytest.mark.parametrize(
    "authority",
    [
        b"", b":80", b"a b", b"a@b", b"user:pass@b", b"a/b", b"a?b", b"a#b", b"a,b/c", b"a:b", b"a:-1",
        b"a:65536", b"a:999999", b"[::1", b"::1", b"[::1]x", b"[::1::]", b"[fe80::1%25eth0]",
        b"[]", b"a\\b", b"\xc3\xa9", b"a\0", b"%zz", b"%4", b"a" * 256, b"[v1.a]", b"a:80:80",
    ],
)  # fmt: skip
def test_invalid_authorities(authority):
    assert host_of(authority) is None
    assert HostRule(None).check(authority) is HOST


@given(st.binary(max_size=40))
def test_no_value_of_host_is_an_accident(value):
    assert HostRule(None).check(value) in (None, HOST)


def test_loopback_trusts_its_own_names_and_those_of_the_settings():
    rule = HostRule.of(["Events.Example"], loopback=True)
    for good in (b"localhost", b"127.0.0.1:80", b"[::1]", b"events.example:443", b" LOCALHOST "):
        assert rule.check(good) is None
    for foreign in (b"evil.example", b"10.0.0.1", b"events.example.evil.example", b"127.0.0.2"):
        assert rule.check(foreign) is MISDIRECTED


def test_elsewhere_everybody_is_trusted_until_somebody_is_named():
    assert HostRule.of([], loopback=False).check(b"whatever.example") is None
    named = HostRule.of(["[2001:db8::1]"], loopback=False)
    assert named.check(b"[2001:DB8:0::1]:80") is None
    assert named.check(b"localhost") is None
    assert named.check(b"whatever.example") is MISDIRECTED
    assert HostRule.of(["*"], loopback=True).check(b"whatever.example") is None


@pytest.mark.parametrize(
    "name", ["", "a:80", "http://a", "a/b", "*.example", "2001:db8::1", "bücher.example", "[::01]"]
)
def test_names_that_no_host_field_can_hold(name):
    with pytest.raises(Misconfigured, match="without port"):
        HostRule.of([name], loopback=False)


def test_the_memory_of_verdicts_is_bounded():
    rule = HostRule(None)
    for i in range(3 * MAX_REMEMBERED):
        assert rule.check(b"a%d" % i) is None
    assert len(rule._verdicts) <= MAX_REMEMBERED


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.1", False), ("example.org", False)],
)  # fmt: skip
def test_is_loopback(address, expected):
    assert is_loopback(address) is expected
