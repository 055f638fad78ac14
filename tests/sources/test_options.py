"""The settings of publishing."""

from __future__ import annotations

import msgspec
import pytest

from hubbub.sources.options import MIN_BYTES, PublishOptions


def test_defaults() -> None:
    options = PublishOptions()
    assert options.max_bytes == 1024 * 1024
    assert options.rate == 0
    assert options.idempotency_ttl == 24 * 3600


@pytest.mark.parametrize("name", ["max_bytes", "max_request_bytes"])
def test_an_event_of_64_kib_always_fits(name: str) -> None:
    assert MIN_BYTES == 65_536
    msgspec.convert({name: MIN_BYTES}, PublishOptions)
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert({name: MIN_BYTES - 1}, PublishOptions)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"max_byte": 1}, PublishOptions)
