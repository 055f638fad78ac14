"""The rules of a head that no connection is needed for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.web.server.head import Line, is_websocket, split_target, without_upgrade


@given(st.from_regex(rb"/[a-z/%.0-9]{0,20}(\?[a-z=&?/]{0,20})?", fullmatch=True))
def test_a_target_in_absolute_form_has_the_same_path_and_query(target):
    assert split_target(b"http://example.org:80" + target) == split_target(target)


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"*", (b"*", b"")),
        (b"/?a?b", (b"/", b"a?b")),
        (b"http://a", (b"/", b"")),
        (b"http://a?b/c", (b"/", b"b/c")),
        (b"http://a/?b://c", (b"/", b"b://c")),
    ],
)
def test_split_target(target, parts):
    assert split_target(target) == parts


def test_an_ignored_upgrade_leaves_everything_else_as_it_was():
    line = Line(b"PUT", b"/a?b", "1.1")
    headers = [
        (b"host", b"a"),
        (b"connection", b"close, Upgrade,HTTP2-Settings"),
        (b"upgrade", b"h2c"),
        (b"http2-settings", b"AAM"),
        (b"empty", b""),
        (b"connection", b"upgrade"),
    ]
    assert without_upgrade(line, headers) == (
        b"PUT /a?b HTTP/1.1\r\nhost: a\r\nconnection: close\r\nempty: \r\n\r\n"
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"websocket"], True),
        ([b"WebSocket"], True),
        ([b"h2c"], False),
        ([b"websocket, h2c"], False),
        ([b"websocket", b"websocket"], False),
        ([], False),
    ],
)
def test_is_websocket(values, expected):
    assert is_websocket([(b"upgrade", value) for value in values]) is expected
