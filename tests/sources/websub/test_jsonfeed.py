"""JSON Feed 1.0 and 1.1."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import Malformed
from hubbub.core.event import Record
from hubbub.sources.websub.entries import FeedDocument, split
from hubbub.wire.feeds import Feed, json_feed

URL = "https://example.com/feed.json"
VERSION = "https://jsonfeed.org/version/1.1"


def read(*items: Any, **feed: Any) -> FeedDocument:
    document = {"version": VERSION, "title": "T", "items": list(items), **feed}
    return split("application/feed+json", json.dumps(document).encode(), URL)


def data(*items: Any) -> dict[str, Any]:
    (entry,) = read(*items).entries
    return json.loads(entry.data)


def test_every_member() -> None:
    item = {
        "id": "1",
        "url": "/1",
        "title": "A <b>title</b>",
        "content_html": '<p onclick="x">a<img src="/i"></p>',
        "summary": "s",
        "image": "/pic",
        "date_published": "2026-11-01T10:00:00+02:00",
        "date_modified": "2026-11-02T10:00:00.5Z",
        "authors": [{"name": "Ann", "url": "https://ann.example/"}],
        "tags": ["x", "x", 5],
        "attachments": [{"url": "/a", "mime_type": "audio/mpeg", "size_in_bytes": 5}],
    }
    document = read(item)
    assert (document.title, document.note) == ("T", "")
    assert document.entries[0].time == "2026-11-02T10:00:00.500Z"
    assert data(item) == {
        "id": "1",
        "url": "https://example.com/1",
        "title": "A title",
        "summary": "s",
        "content": '<p>a<img src="https://example.com/i" /></p>',
        "published": "2026-11-01T08:00:00Z",
        "updated": "2026-11-02T10:00:00.500Z",
        "authors": [{"name": "Ann", "url": "https://ann.example/"}],
        "tags": ["x"],
        "enclosures": [{"url": "https://example.com/a", "type": "audio/mpeg", "length": 5}],
        "image": "https://example.com/pic",
        "feed": {"title": "T", "url": URL},
    }


def test_version_1_and_plain_text() -> None:
    item = {"id": 7, "content_text": "a < b\nc", "author": {"name": "Ann"}}
    document = read(item, version="https://jsonfeed.org/version/1")
    (entry,) = document.entries
    assert entry.id == "7"
    found = json.loads(entry.data)
    assert found["content"] == "a &lt; b<br>\nc"
    assert found["authors"] == [{"name": "Ann"}]


@pytest.mark.parametrize("junk", [None, 5, "x", [], [1], {}, {"a": []}, True, 1.5])
def test_members_of_the_wrong_type_are_left_out(junk: Any) -> None:
    names = ("url", "title", "content_html", "summary", "date_published", "authors", "tags")
    found = data({"id": "1", **dict.fromkeys((*names, "attachments", "image"), junk)})
    assert found["id"] == "1"
    assert read({"id": "1"}, junk, title=junk, hubs=junk).entries[-1].id
    assert not {"published", "authors", "tags", "enclosures"} & found.keys()


@pytest.mark.parametrize(
    "body",
    [
        b'{"version": "https://jsonfeed.org/version/1.1"}',
        b'{"version": "https://example.com/", "items": []}',
        b'{"version": 5, "items": []}',
        b'{"version": "https://jsonfeed.org/version/1.1", "items": {}}',
        b'{"version": "https://jsonfeed.org/version/1.1", "items": [],}',
        b'{"items": ' + b"[" * 10_000,
        b'{"a": "\xff"}',
    ],
)
def test_refused(body: bytes) -> None:
    with pytest.raises(Malformed, match="JSON"):
        split("application/feed+json", body, URL)


def test_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"version": VERSION, "items": [{"id": "1"}]}).encode()
    assert split("", body, URL).entries[0].id == "1"


def test_lone_surrogates() -> None:
    body = b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "title": "\\ud800"}]}'
    try:
        assert split("", body, URL).entries[0].data.decode()
    except Malformed as error:
        assert error.detail


def test_our_own_feeds() -> None:
    none: list[Record] = []
    feed = Feed("T", "https://h/topics/a.json", "https://h/topics/a", "https://h/hub")
    assert split("", json_feed(feed, none), URL) == FeedDocument("T", (), "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=9,
)


@given(
    st.dictionaries(st.sampled_from(["id", "url", "title", "authors", "tags", "attachments"]), JSON)
)
def test_any_item_is_an_entry(item: dict[str, Any]) -> None:
    (entry,) = read(item).entries
    assert json.loads(entry.data)["id"] == entry.id != ""
