"""Which addresses may be connected to.

Oracles: the blocks of IANA's registries, written down here once more as numbers, and `ipaddress`, whose
`is_global` may only ever be more lenient than the table.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.net.addresses import SPECIAL_V4, SPECIAL_V6, networks, refusal

REGISTRY_V4 = """
    0.0.0.0 8, 10.0.0.0 8, 100.64.0.0 10, 127.0.0.0 8, 169.254.0.0 16, 172.16.0.0 12, 192.0.0.0 24,
    192.0.2.0 24, 192.31.196.0 24, 192.52.193.0 24, 192.88.99.0 24, 192.168.0.0 16, 192.175.48.0 24,
    198.18.0.0 15, 198.51.100.0 24, 203.0.113.0 24, 224.0.0.0 4, 240.0.0.0 4, 168.63.129.16 32
"""
BLOCKS = [
    (int(IPv4Address(base)), int(size)) for base, size in map(str.split, REGISTRY_V4.split(","))
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]
REFUSED = [
    "0.0.0.0",
    "10.1.2.3",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.88.99.1",
    "192.168.1.1",
    "198.19.255.255",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo (RFC 4380)
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "2620:4f:8000::1",
    "2a00:1450:4001::5efe:10.0.0.1",  # ISATAP
    "2a00:1450:4001:0:200:5efe:127.0.0.1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "2606:4700::1%eth0",
    "fec0::1",
    "ff02::1",
]
UNREADABLE = [
    "",
    "localhost",
    "2130706433",
    "0x7f.1",
    "127.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "①.1.1.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("address", REFUSED + UNREADABLE)
def test_refused(address: str) -> None:
    assert refusal(address)


@given(st.integers(0, 2**32 - 1))
def test_every_ipv4_address_is_judged_like_the_registry(number: int) -> None:
    special = any(number >> (32 - size) == base >> (32 - size) for base, size in BLOCKS)
    assert (refusal(str(IPv4Address(number))) is not None) == special


@given(st.sampled_from(BLOCKS), st.integers(0, 2**32 - 1), st.integers(-1, 1))
def test_blocks_are_exact(block: tuple[int, int], offset: int, side: int) -> None:
    base, size = block
    inside = base | (offset & ((1 << (32 - size)) - 1))
    assert refusal(str(IPv4Address(inside)))
    assert refusal(str(IPv6Address((0xFFFF << 32) | inside)))
    assert refusal(str(IPv6Address((0x64FF9B << 96) | inside)))
    assert refusal(str(IPv6Address((0x2002 << 112) | (inside << 80))))


@given(st.ip_addresses())
def test_never_more_lenient_than_the_standard_library(address: IPv4Address | IPv6Address) -> None:
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped
    if not address.is_global and not mapped:
        assert refusal(str(address))


@given(st.sampled_from(SPECIAL_V4 + SPECIAL_V6), st.data())
def test_the_whole_of_a_block_is_refused_and_can_be_allowed(block: tuple[str, str], data) -> None:
    (network,) = networks([block[0]])
    number = data.draw(st.integers(int(network[0]), int(network[-1])))
    address = str(type(network[0])(number))
    if ip_address(address).version == 6 and (
        number >> 32 == 0xFFFF or number >> 32 == 0x64FF9B << 64
    ):
        return  # these are the IPv4 address inside
    assert refusal(address)
    if not any(hidden in address for hidden in ("5efe",)) and block[0] not in (
        "2001::/23",
        "2002::/16",
        "::/3",
    ):
        assert refusal(address, (network,)) is None


def test_an_allowed_network_allows_what_carries_it_as_well() -> None:
    allowed = networks(["10.1.0.0/16"])
    assert refusal("10.1.2.3", allowed) is None
    assert refusal("::ffff:10.1.2.3", allowed) is None
    assert refusal("64:ff9b::10.1.2.3", allowed) is None
    assert refusal("10.2.0.1", allowed) == "private"
    assert refusal("::ffff:10.2.0.1", allowed) == "private inside"
    assert refusal("2002:a01:203::1", allowed) == "6to4"


def test_allowing_a_tunnel_does_not_allow_what_it_leads_to() -> None:
    allowed = networks(["2002::/16", "2001::/23", "fe80::/10"])
    assert refusal("2002:808:808::1", allowed) is None
    assert refusal("2002:7f00:1::", allowed) == "loopback inside"
    assert refusal("fe80::5efe:127.0.0.1", allowed) == "loopback inside"
    assert refusal("2001:0:7f00:1::", allowed) is not None  # Teredo: the server
    assert refusal("2001:0:808:808::80ff:fffe", allowed) == "loopback inside"  # and the client
