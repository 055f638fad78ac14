"""The section `[egress]`."""

from __future__ import annotations

import msgspec
import pytest

from hubbub.net import EgressOptions


def test_nothing_private_may_be_reached_by_default() -> None:
    assert EgressOptions().allow == ()
    assert EgressOptions().allow_fetch == ()
    assert EgressOptions().ports == ()


@pytest.mark.parametrize("name", ["allow", "allow_fetch"])
@pytest.mark.parametrize(
    "block", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "", "10.0.0.0-10.1.0.0", "fe80::/129"]
)
def test_what_is_no_network_is_named(name: str, block: str) -> None:
    with pytest.raises(ValueError, match="is not a network such as"):
        EgressOptions(**{name: (block,)})


@pytest.mark.parametrize("block", ["::ffff:10.0.0.0/104", "64:ff9b::a00:0/104"])
def test_networks_inside_others_are_written_as_what_is_judged(block: str) -> None:
    with pytest.raises(ValueError, match="write .* as the IPv4 network"):
        EgressOptions(allow=(block,))


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_are_ports(port: int) -> None:
    with pytest.raises(ValueError, match="a port is a number from 1 to 65535"):
        EgressOptions(ports=(443, port))


def test_unknown_settings_are_errors() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"alow": []}, EgressOptions)
