"""A source of webhooks as it is read: its topic, what that covers, its scheme."""

from __future__ import annotations

from typing import Any

import pytest

from hubbub.core.errors import InvalidTopic, Malformed
from hubbub.sources.webhook.hook import Hook, Webhooks


def opened(topic: str = "", **options: Any) -> Hook:
    return Webhooks().open("in", topic, {"provider": "github", "secrets": ["a", "b"], **options})


@pytest.mark.parametrize(
    ("topic", "pattern"),
    [
        ("", "github/*"),
        ("a/b", "a/b"),
        ("a/{type}", "a/*"),
        ("a-{type}/{provider}/b", "*/github/b"),
        ("{type}{id}/{json:/a/b}", "*/*"),
        ("x.{provider}", "x.github"),
    ],
)
def test_a_pattern_covers_what_the_template_makes(topic: str, pattern: str) -> None:
    assert opened(topic).pattern == pattern


def test_what_is_told_of_it() -> None:
    hook = opened(public_url="https://a.example/b")
    assert (hook.topic, hook.secrets) == ("{provider}/{type}", 2)
    assert hook.address == "https://a.example/b"


def test_a_scheme_of_ones_own() -> None:
    scheme = {"kind": "secret", "name": "me", "at": ["header:x-me"]}
    hook = opened(provider="custom", scheme=scheme)
    assert hook.scheme.name == "me"
    with pytest.raises(Malformed) as refused:
        opened(provider="custom", scheme=scheme | {"name": ""})
    assert refused.value.pointer == "/options/scheme/name"


@pytest.mark.parametrize("topic", ["a/{b}", "a/{type", "a//b", "*/{type}", "../{type}"])
def test_a_topic_that_is_none(topic: str) -> None:
    with pytest.raises((Malformed, InvalidTopic)) as refused:
        opened(topic)
    assert refused.value.pointer == "/topic"
