"""Topic templates: a sender never chooses where outside its template an event goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import InvalidTopic, Malformed
from hubbub.core.topic import check_topic
from hubbub.sources.webhook import TopicTemplate
from hubbub.sources.webhook.templates import MAX_TEMPLATE, MAX_VALUE, safe
from sources.webhook.senders import FORM, received


def render(template: str, body: bytes = b"{}", content_type: str = "", **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = received(body, named, content_type=content_type)
    return TopicTemplate(template).render(request, provider="acme", type="order.paid", id="e/1")


@pytest.mark.parametrize(
    ("template", "topic"),
    [
        ("orders/new", "orders/new"),
        ("{provider}/{type}/{id}/{method}", "acme/order.paid/e%2F1/POST"),
        ("github/{header:X-GitHub-Event}", "github/push"),
        ("a/x-{json:/data/object}-y", "a/x-charge-y"),
        ("{json:/data/n}/{json:/data/yes}", "7/true"),
        ("q/{query:a}", "q/1"),
        ("none/{header:missing}/{json:/no/way}/{form:x}", "none/_/_/_"),
        ("{json:/dots}/x", "%2E%2E/x"),
        ("{json:/data}", "_"),
    ],
)
def test_places(template: str, topic: str) -> None:
    body = b'{"data": {"object": "charge", "n": 7, "yes": true}, "dots": ".."}'
    assert render(template, body, x_github_event="push") == topic


def test_a_form() -> None:
    assert render("sms/{form:From}", b"From=%2B1&From=2", FORM) == "sms/+1"


def test_a_body_that_cannot_be_read_has_no_values() -> None:
    assert render("a/{json:/x}", b"\xff") == "a/_"


@pytest.mark.parametrize(
    ("template", "place"),
    [("a/{type", 2), ("a/type}", 6), ("a/{nope}", 2), ("{json:x}", 0), ("{}", 0), ("{body}", 0)],
)
def test_a_mistake_has_its_place(template: str, place: int) -> None:
    with pytest.raises(Malformed) as raised:
        TopicTemplate(template)
    assert raised.value.position == place


@pytest.mark.parametrize("template", ["", "/a", "a//{type}", "a/*/{type}", "a/", "\x00"])
def test_what_could_never_be_a_topic(template: str) -> None:
    with pytest.raises(InvalidTopic):
        TopicTemplate(template)


def test_a_template_is_bounded() -> None:
    with pytest.raises(Malformed, match=str(MAX_TEMPLATE)):
        TopicTemplate("{type}" * MAX_TEMPLATE)


def test_too_long_together_is_said() -> None:
    with pytest.raises(InvalidTopic, match="topic template"):
        render("{header:a}/{header:a}/{header:a}", a="x" * 200)


@given(st.text())
def test_a_value_stays_in_its_segment(value: str) -> None:
    made = safe(value)
    assert "/" not in made and "*" not in made
    assert len(made.encode()) <= MAX_VALUE
    if made not in (".", ".."):
        assert check_topic(f"a/{made}/b") == f"a/{made}/b"


@given(st.text(max_size=8), st.text(max_size=8))
def test_two_values_are_two_segments(one: str, other: str) -> None:
    if one and other and one != other:
        assert safe(one) != safe(other)
