"""Documents as events."""

from __future__ import annotations

import pytest

from hubbub.core.errors import Malformed
from hubbub.core.event import Event, attributes, payload
from hubbub.sources.websub.take import Place, source_of, take
from sources.websub.world import ATOM, atom, entry

PLACE = Place("t/x", "https://x.example/feed", split=True, max_bytes=1_000_000)


def told(event: Event) -> dict[str, object]:
    return attributes(event.json)


def test_an_entry_is_the_same_event_wherever_it_comes_from() -> None:
    pushed = take(PLACE, ATOM, atom(entry(1)))
    polled = take(PLACE, "text/xml; charset=utf-8", atom(entry(2), entry(1)))
    assert polled.items[0] == pushed.items[0]
    assert [told(i.event)["subject"] for i in polled.items] == ["urn:e:1", "urn:e:2"]
    edited = take(PLACE, ATOM, atom(entry(1, "edited")))
    assert edited.items[0].mark != pushed.items[0].mark
    assert pushed.items[0].event.named
    assert told(pushed.items[0].event)["time"] == "2026-11-20T00:01:00Z"


def test_an_id_that_is_no_subject_is_left_out() -> None:
    body = atom(entry(1)).replace(b"urn:e:1", b"x" * 9000)
    (item,) = take(PLACE, ATOM, body).items
    assert "subject" not in told(item.event)


def test_an_entry_that_is_there_twice_is_one() -> None:
    assert len(take(PLACE, ATOM, atom(entry(1), entry(1))).items) == 1


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (
            "text/html; charset=utf-8",
            b"<p>\xc3\xa9",
            {"datacontenttype": "text/html; charset=utf-8"},
        ),
        ("application/json", b'{"a": 1.10}', {"datacontenttype": "application/json"}),
        (
            "application/json",
            b"{",
            {
                "datacontenttype": "application/octet-stream",
                "hubbubcontenttype": "application/json",
            },
        ),
        ("", b"x", {"datacontenttype": "application/octet-stream"}),
        (
            "no type",
            b"x",
            {"datacontenttype": "application/octet-stream", "hubbubcontenttype": "no type"},
        ),
        ("a\x01b", b"x", {"datacontenttype": "application/octet-stream"}),
        ("image/png", b"\x89PNG\xff", {"datacontenttype": "image/png"}),
    ],
)
def test_what_is_no_feed_goes_byte_for_byte(
    kind: str, body: bytes, expected: dict[str, str]
) -> None:
    taken = take(PLACE, kind, body)
    (item,) = taken.items
    assert taken.is_whole
    values = told(item.event)
    assert {name: values.get(name) for name in expected} == expected
    assert payload(item.event.json, stored=False).content == body
    assert (values["type"], values["source"]) == ("hubbub.websub.content", PLACE.url)


def test_the_id_of_a_whole_document_follows_from_what_was_before() -> None:
    first = take(PLACE, "text/plain", b"a").items[0]
    again = take(PLACE, "text/plain", b"a").items[0]
    later = take(PLACE._replace(content="0" * 32), "text/plain", b"a").items[0]
    assert first == again
    assert (later.mark, later.event.id) != (first.mark, first.event.id)
    assert later.mark == first.mark


def test_a_broken_batch_is_refused() -> None:
    for kind, body in (
        ("application/cloudevents-batch+json", b"{}"),
        ("application/cloudevents-batch+json", b'[{"id":"1"}]'),
        ("application/cloudevents+json", b"nothing"),
    ):
        with pytest.raises(Malformed):
            take(PLACE, kind, body)


def test_addresses_become_uri_references() -> None:
    assert source_of("https://x.example/a?b=%20") == "https://x.example/a?b=%20"
    assert source_of("https://x.example/ä b") == "https://x.example/%C3%A4%20b"
    assert source_of("https://x.example/100%") == "https://x.example/100%25"
