"""Topics in URLs, both ways, and the Link header."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import InvalidTopic
from hubbub.core.topic import check_topic
from hubbub.wire import links

PATHS = {
    "orders/42": b"orders/42",
    "a b": b"a%20b",
    "größe/日本": b"gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC",
    "a+b&c=d,e;f:g@h!$'()~": b"a+b&c=d,e;f:g@h!$'()~",
    "50%": b"50%25",
    'a"b<c>d': b"a%22b%3Cc%3Ed",
    "a?b#c": b"a%3Fb%23c",
    "orders/*": b"orders/*",
}


@pytest.mark.parametrize(("topic", "path"), PATHS.items())
def test_both_ways(topic: str, path: bytes) -> None:
    assert links.topic_path(topic) == "/topics/" + path.decode()
    assert links.topic_of(path) == topic


@pytest.mark.parametrize(
    ("path", "topic"), [(b"%6f%72ders", "orders"), (b"a%2eb", "a.b"), (b"%41", "A"), (b"", "")]
)
def test_needless_encoding_is_understood(path: bytes, topic: str) -> None:
    assert links.topic_of(path) == topic


@pytest.mark.parametrize(
    "path",
    [
        b"a%2Fb",
        b"a%2fb/c",
        b"%",
        b"a%4",
        b"a%zz",
        b"a%+1",
        b"a% 1",
        b"%C0%AF",
        b"%ED%A0%80",
        b"\xff",
    ],
)
def test_refused(path: bytes) -> None:
    with pytest.raises(InvalidTopic):
        links.topic_of(path)


@given(st.text(min_size=1, max_size=60))
def test_any_topic_survives_its_url(text: str) -> None:
    try:
        topic = check_topic(text)
    except InvalidTopic:
        return
    path = links.topic_path(topic)
    assert path.isascii()
    assert not set(path) & set(' "<>%') - {"%"}
    assert links.topic_of(path.removeprefix("/topics/").encode()) == topic


@given(st.binary(max_size=60))
def test_nothing_else_is_ever_raised(path: bytes) -> None:
    with contextlib.suppress(InvalidTopic):
        links.topic_of(path)


def test_the_header() -> None:
    pairs = [("https://h/hub", "hub"), ("https://h/topics/a", "self")]
    assert links.header(pairs) == b'<https://h/hub>; rel="hub", <https://h/topics/a>; rel="self"'
