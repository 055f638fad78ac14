"""Sources of kind `websub`: what their documents may say."""

from __future__ import annotations

from typing import Any

import pytest

from hubbub.core.errors import InvalidTopic, Malformed
from hubbub.net import check_target
from hubbub.sources.websub import feeds
from hubbub.sources.websub.feeds import Feeds

FEEDS = Feeds(check_target)
URL = "https://x.example/feed"


def test_what_is_not_said() -> None:
    opened = FEEDS.open("n", "news/blog", {"url": URL})
    assert (opened.topic, opened.pattern, opened.address, opened.secrets) == (
        "news/blog",
        "news/blog",
        URL,
        1,
    )
    options = opened.options
    assert (options.split, options.hub, options.lease, options.poll, options.backfill) == (
        True,
        None,
        None,
        None,
        0,
    )
    assert FEEDS.open("n", "t", {"url": URL, "secret": False}).secrets == 0


@pytest.mark.parametrize(
    ("topic", "options", "pointer"),
    [
        ("", {"url": URL}, "/topic"),
        ("a/*", {"url": URL}, "/topic"),
        ("a//b", {"url": URL}, "/topic"),
        ("t", {}, "/options"),
        ("t", {"url": "ftp://x.example/"}, "/options/url"),
        ("t", {"url": "https://a@x.example/"}, "/options/url"),
        ("t", {"url": URL, "hub": "x"}, "/options/hub"),
        ("t", {"url": URL, "lease": 5}, "/options/lease"),
        ("t", {"url": URL, "poll": 5}, "/options/poll"),
        ("t", {"url": URL, "backfill": 5000}, "/options/backfill"),
        ("t", {"url": URL, "split": "yes"}, "/options/split"),
        ("t", {"url": URL, "other": 1}, "/options"),
    ],
)
def test_what_cannot_work_is_pointed_at(topic: str, options: Any, pointer: str) -> None:
    with pytest.raises(Malformed) as caught:
        FEEDS.open("n", topic, options)
    assert caught.value.pointer == pointer
    assert isinstance(caught.value, InvalidTopic) == (bool(topic) and pointer == "/topic")


def test_what_must_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "find_spec", lambda _: None)
    with pytest.raises(Malformed, match=r"pip install 'hubbub\[websub\]'"):
        FEEDS.open("n", "t", {"url": URL})
