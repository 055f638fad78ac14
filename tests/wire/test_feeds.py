"""Feeds: well-formed whatever is in the events, with ids and links that stay."""

from __future__ import annotations

import base64
import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.event import Event, Record, compose, record_json
from hubbub.sources.websub.entries import split
from hubbub.wire import feeds
from hubbub.wire.cloudevents import Address, Defaults, from_http
from hubbub.wire.feeds import Feed

ATOM = "{http://www.w3.org/2005/Atom}"
FEED = Feed(
    "orders/42",
    "http://h/topics/orders/42?format=atom",
    "http://h/topics/orders/42",
    ["http://h/hub"],
)


def event(content_type: str | None, body: bytes, **attributes: str) -> Event:
    headers = [(b"ce-" + k.encode(), v.encode()) for k, v in attributes.items()]
    if content_type is not None:
        headers.append((b"content-type", content_type.encode()))
    return from_http(headers, body, Address(to="orders/42"), Defaults(lambda: "id-1"))


def record(found: Event, offset: int = 1) -> Record:
    now = 1_700_000_000_000 + offset
    json = record_json(found.json, found.recorded, f"k3f9x2ab-{offset}", now)
    return Record(offset, found.topic, found.type, now, json)


def one(*arguments: Any, **attributes: str) -> Record:
    return record(event(*arguments, **attributes))


def atom(*records: Record) -> ET.Element:
    return ET.fromstring(feeds.atom(FEED, records))


def items(*records: Record) -> list[dict[str, Any]]:
    return json.loads(feeds.json_feed(FEED, records))["items"]


def test_an_atom_feed_names_itself_and_its_hub() -> None:
    root = atom(one("application/json", b"1"), record(event("application/json", b"2"), 5))
    assert root.findtext(f"{ATOM}id") == FEED.url
    assert root.findtext(f"{ATOM}title") == "orders/42"
    assert root.findtext(f"{ATOM}updated") == "2023-11-14T22:13:20.005Z"
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "hubbub"
    links = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    assert links == {"self": FEED.url, "alternate": FEED.home, "hub": "http://h/hub"}
    assert len(root.findall(f"{ATOM}entry")) == 2


def test_a_json_feed_names_itself_and_its_hub() -> None:
    document = json.loads(
        feeds.json_feed(FEED, [one("application/json", b'{"a": 1}', subject="s")])
    )
    assert document["version"] == "https://jsonfeed.org/version/1.1"
    assert document["feed_url"] == FEED.url
    assert document["home_page_url"] == FEED.home
    assert document["hubs"] == [{"type": "WebSub", "url": "http://h/hub"}]
    [item] = document["items"]
    assert item["title"] == "hubbub.published: s"
    assert item["content_text"] == '{"a": 1}'
    assert item["date_published"] == item["date_modified"] == "2023-11-14T22:13:20.001Z"
    assert item["tags"] == ["hubbub.published"]
    assert item["_cloudevent"]["position"] == "k3f9x2ab-1"


def test_an_entry_keeps_its_id_wherever_it_is() -> None:
    same = event(None, b"", source="/s", id="1")
    ids = [items(record(same, offset))[0]["id"] for offset in (1, 9)]
    other = items(one(None, b"", source="/s", id="2"))[0]["id"]
    assert ids[0] == ids[1] != other
    assert ids[0] == atom(record(same)).findtext(f"{ATOM}entry/{ATOM}id")
    assert ids[0].startswith("urn:uuid:")


@pytest.mark.parametrize(
    ("content_type", "body", "kind", "content", "described"),
    [
        ("application/json", b'{"a":"<b>"}', "text", '{"a":"<b>"}', '{"a":"<b>"}'),
        ("text/plain", "ä & ]]>".encode(), "text", "ä & ]]>", "ä & ]]>"),
        ("text/html", b"<p>x</p>", "html", "<p>x</p>", "<p>x</p>"),
        ("application/xml", b"<a/>", "text", "<a/>", "<a/>"),
        ("image/svg+xml", b"<svg/>", "text", "<svg/>", "<svg/>"),
        ("text/plain", b"a\x01\x0bb", "text", "a\ufffd\ufffdb", "a\x01\x0bb"),
        ("image/png", b"\x89PNG!", "image/png", "iVBORyE=", "image/png, 5 bytes"),
        ("text/plain", b"\xff", "text/plain", "/w==", "text/plain, 1 bytes"),
        (None, b"", "text", None, ""),
    ],
)
def test_data_is_the_content(
    content_type: str | None, body: bytes, kind: str, content: str | None, described: str
) -> None:
    found = one(content_type, body)
    element = atom(found).find(f"{ATOM}entry/{ATOM}content")
    assert element is not None
    assert (element.get("type"), element.text) == (kind, content)
    [item] = items(found)
    assert item["content_html" if kind == "html" else "content_text"] == described


def test_a_feed_without_events_is_a_feed() -> None:
    root = atom()
    assert root.findtext(f"{ATOM}updated") == "1970-01-01T00:00:00.000Z"
    assert items() == []


@pytest.mark.parametrize(
    ("time", "published"),
    [
        ("2020-02-29T12:00:00+01:00", "2020-02-29T12:00:00+01:00"),
        ("2020-02-29t12:00:00.5z", "2020-02-29T12:00:00.5Z"),
        (None, "2023-11-14T22:13:20.001Z"),
    ],
)
def test_an_entry_was_published_when_the_event_says(time: str | None, published: str) -> None:
    found = one("text/plain", b"x", **({} if time is None else {"time": time}))
    root = atom(found)
    entry = root.find(f"{ATOM}entry")
    assert entry is not None
    assert [e.text for e in entry.findall(f"{ATOM}published")] == [published]
    assert [e.text for e in entry.findall(f"{ATOM}updated")] == ["2023-11-14T22:13:20.001Z"]
    assert root.findtext(f"{ATOM}updated") == "2023-11-14T22:13:20.001Z"
    [item] = items(found)
    assert (item["date_published"], item["date_modified"]) == (
        published,
        "2023-11-14T22:13:20.001Z",
    )


@pytest.mark.parametrize("write", [feeds.atom, feeds.json_feed])
def test_what_follows_our_feeds_keeps_their_order_and_ids(write: Any) -> None:
    late = record(event(None, b"", id="late", time="2001-01-01T00:00:00Z"), 9)
    early = record(event(None, b"", id="early", time="2030-01-01T00:00:00Z"), 1)
    again = record(event(None, b"", id="late", time="2001-01-01T00:00:00Z"), 2000)
    kind = feeds.ATOM if write is feeds.atom else feeds.JSON_FEED

    def followed(*records: Record) -> list[tuple[str, str, str | None]]:
        entries = split(kind, write(FEED, records), FEED.url).entries
        return [(one.id, one.digest, one.time) for one in entries]

    first, second = followed(late, early)
    assert (first[0], second[0]) == (items(early)[0]["id"], items(late)[0]["id"])
    assert followed(late) == [second]  # whatever else its feed lists
    [edited] = followed(again)
    assert edited[0] == second[0]
    assert edited[1] != second[1]


def test_a_feed_without_hubs_names_none() -> None:
    feed = Feed("orders/*", "http://h/u", "http://h/v")
    assert b"hub" not in feeds.atom(feed, []).replace(b"<name>hubbub", b"")
    assert "hubs" not in json.loads(feeds.json_feed(feed, []))


@given(
    st.binary(max_size=80),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1),
)
def test_whatever_comes_the_feed_is_well_formed(body: bytes, subject: str) -> None:
    found = event("text/plain", body)
    found = compose({**record(found).attributes(), "subject": subject}, "t", body, named=True)
    root = atom(record(found))
    content = root.find(f"{ATOM}entry/{ATOM}content")
    assert content is not None
    if content.get("type") == "text/plain":
        assert base64.b64decode(content.text or "") == body
    json.loads(feeds.json_feed(FEED, [record(found)]))


def test_titles_and_addresses_are_escaped() -> None:
    feed = Feed("<script>", 'http://h/"x"&y', "http://h/'", ['http://h/"><script>'])
    root = ET.fromstring(feeds.atom(feed, []))
    assert root.findtext(f"{ATOM}title") == "<script>"
    hrefs = [link.get("href") for link in root.findall(f"{ATOM}link")]
    assert hrefs == ['http://h/"x"&y', "http://h/'", 'http://h/"><script>']
