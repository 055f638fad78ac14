from __future__ import annotations

import msgspec
import pytest

from hubbub.log.options import LogOptions


def test_sections_of_the_settings_are_read() -> None:
    text = b'{"store": "memory:", "retention": {"max_count": 5}, "dedupe_window": 0}'
    options = msgspec.json.decode(text, type=LogOptions)
    assert (options.store, options.retention.max_count) == ("memory:", 5)
    assert options.retention.max_age == 7 * 86_400


@pytest.mark.parametrize(
    "text",
    [
        b'{"sotre": "memory:"}',
        b'{"trim_interval": 0}',
        b'{"dedupe_max": -1}',
        b'{"ring_bytes": -1}',
    ],
)
def test_what_cannot_work_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=LogOptions)


def test_the_key_is_never_shown() -> None:
    options = LogOptions(store="memory:", secrets_key="c2VjcmV0")
    assert "c2VjcmV0" not in repr(options)
    assert "store='memory:'" in repr(options)
