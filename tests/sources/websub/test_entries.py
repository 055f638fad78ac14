"""Feeds as entries: ids, digests, order, what is taken over and what is mended."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import Malformed, Misconfigured
from hubbub.sources.websub import parsing
from hubbub.sources.websub.entries import MAX_ENTRIES, Entry, FeedDocument, is_feed, split

URL = "https://example.com/feed"
TYPE = "application/xml"


def rss(items: str, head: str = "<title>News</title>") -> FeedDocument:
    spaces = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    text = f'<rss version="2.0" {spaces}><channel>{head}{items}</channel></rss>'
    return split(TYPE, text.encode(), URL)


def one(document: FeedDocument) -> Entry:
    (entry,) = document.entries
    return entry


def data(entry: Entry) -> dict[str, Any]:
    return json.loads(entry.data)


ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>A &amp; B</title><id>f</id>
<entry><id>tag:x,1</id><title type="html">A &lt;b&gt;bold&lt;/b&gt; &amp;amp; new</title>
<link href="/1"/><link rel="enclosure" href="/1.mp3" type="audio/mpeg" length="123"/>
<published>2026-11-01T10:00:00+02:00</published><updated>2026-11-02T00:00:00Z</updated>
<author><name>Ann</name><uri>/ann</uri></author><category term="x"/><category term="y"/>
<summary>short</summary>
<content type="html">&lt;p onclick="x()"&gt;&lt;a href="/a"&gt;hi&lt;/a&gt;&lt;script&gt;evil()&lt;/script&gt;&lt;/p&gt;</content>
</entry></feed>"""


def test_what_an_entry_becomes() -> None:
    document = split("application/atom+xml", ATOM.encode(), URL)
    entry = one(document)
    assert (document.title, document.note) == ("A & B", "")
    assert (entry.id, entry.title, entry.time) == (
        "tag:x,1",
        "A bold & new",
        "2026-11-02T00:00:00Z",
    )
    found = data(entry)
    assert found == {
        "id": "tag:x,1",
        "url": "https://example.com/1",
        "title": "A bold & new",
        "summary": "short",
        "content": '<p><a href="https://example.com/a">hi</a></p>',
        "published": "2026-11-01T08:00:00Z",
        "updated": "2026-11-02T00:00:00Z",
        "authors": [{"name": "Ann", "url": "https://example.com/ann"}],
        "tags": ["x", "y"],
        "enclosures": [{"url": "https://example.com/1.mp3", "type": "audio/mpeg", "length": 123}],
        "feed": {"title": "A & B", "url": URL},
    }
    assert [*found][0 :: len(found) - 1] == ["id", "feed"]


def test_a_changed_feed_is_no_edit_and_a_changed_entry_is() -> None:
    item = "<item><guid>1</guid><title>{}</title></item>"
    first = one(rss(item.format("a")))
    other_feed = one(rss(item.format("a"), "<title>Renamed</title><ttl>5</ttl>"))
    edited = one(rss(item.format("b")))
    assert (first.id, first.digest) == (other_feed.id, other_feed.digest)
    assert first.data != other_feed.data
    assert first.id == edited.id
    assert first.digest != edited.digest
    assert len(first.digest) == 32


def test_the_same_twice_is_once_and_an_edited_one_twice() -> None:
    item = "<item><guid>1</guid><title>{}</title></item>"
    document = rss(item.format("new") * 3 + item.format("old"))
    assert [entry.title for entry in document.entries] == ["old", "new"]
    assert {entry.id for entry in document.entries} == {"1"}


def test_an_id_does_not_change_as_its_feed_moves() -> None:
    body = b"<rss><channel><item><guid>a?id=1</guid></item></channel></rss>"
    moved = one(split(TYPE, body, "https://new.example/"))
    assert moved.id == one(split(TYPE, body, URL)).id == "a?id=1"
    assert data(moved)["url"] == "https://new.example/a?id=1"


def test_ids_where_the_feed_has_none() -> None:
    assert one(rss("<item><link>/a</link><title>t</title></item>")).id == "https://example.com/a"
    bare = one(rss("<item><title>t</title></item>"))
    assert bare.id == one(rss("<item><title>t</title><author>x</author></item>")).id
    assert len(bare.id) == 32
    assert bare.id != one(rss("<item><title>u</title></item>")).id


def test_order() -> None:
    date = "<pubDate>{}</pubDate>"
    item = "<item><guid>{}</guid>{}</item>"
    undated = rss(item.format(3, "") + item.format(1, date.format("Sun, 01 Nov 2026 00:00:00 GMT")))
    assert [entry.id for entry in undated.entries] == ["1", "3"]
    first, second = (item.format(n, date.format(f"0{n} Nov 2026 00:00:00 GMT")) for n in (1, 2))
    for both in (first + second, second + first):
        assert [entry.id for entry in rss(both).entries] == ["1", "2"]


def test_content_and_summary() -> None:
    page = "<content:encoded>&lt;b&gt;long&lt;/b&gt;</content:encoded>"
    text = "<description>&lt;i&gt;short&lt;/i&gt;</description>"
    both = data(one(rss(f"<item><title>t</title>{text}{page}</item>")))
    assert (both["content"], both["summary"]) == ("<b>long</b>", "short")
    only = data(one(rss(f"<item><title>t</title>{text}</item>")))
    assert only["content"] == "<i>short</i>"
    assert "summary" not in only
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><summary>a &lt; b\nc</summary>'
    )
    plain = data(one(split(TYPE, f"{atom}</entry></feed>".encode(), URL)))
    assert plain["content"] == "a &lt; b<br>\nc"


YOUTUBE = """<feed xmlns:yt="http://www.youtube.com/xml/schemas/2015"
xmlns:media="http://search.yahoo.com/mrss/" xmlns="http://www.w3.org/2005/Atom"><entry>
<id>yt:video:abc</id><yt:videoId>abc</yt:videoId><title>T</title>
<link rel="alternate" href="https://www.youtube.com/watch?v=abc"/>
<published>2026-11-01T10:00:00+00:00</published><updated>{updated}</updated>
<media:group><media:title>T</media:title><media:thumbnail url="https://i/abc.jpg" width="480"/>
<media:description>words</media:description><media:community>
<media:starRating count="{views}" average="5.00"/><media:statistics views="{views}"/>
</media:community></media:group></entry></feed>"""


def test_youtube() -> None:
    def read(updated: str, views: int) -> Entry:
        return one(split(TYPE, YOUTUBE.format(updated=updated, views=views).encode(), URL))

    first = read("2026-11-01T10:00:00+00:00", 5)
    assert first.id == "yt:video:abc"
    assert data(first)["video"] == "abc"
    assert data(first)["image"] == "https://i/abc.jpg"
    assert first == read("2026-11-01T10:00:00+00:00", 900)  # views are no edit
    assert first.digest != read("2026-11-01T11:00:00+00:00", 5).digest


def test_broken_values_are_left_out() -> None:
    enclosure = '<enclosure url="/a" length="many"/><enclosure length="1"/>'
    entry = one(rss(f"<item><guid>1</guid><pubDate>soon</pubDate>{enclosure}</item>"))
    assert entry.time is None
    assert data(entry)["enclosures"] == [{"url": "https://example.com/a"}]
    assert "published" not in data(entry)


@pytest.mark.parametrize("reference", ["&#xD800;", "&#99999999999;", "&#0;", "\ud83d", "&#xFFFF;"])
def test_what_is_no_character_does_not_break_the_json(reference: str) -> None:
    text = f"<rss><channel><item><guid>1</guid><title>a{reference}b</title></item></channel></rss>"
    entry = one(split(TYPE, text.encode("utf-8", "surrogatepass"), URL))
    assert entry.data.decode()
    assert entry.title.startswith("a")
    assert entry.title.endswith("b")


def test_ill_formed_documents_are_read_as_far_as_they_go() -> None:
    document = rss("<item><guid>1</guid><title>a & b</title></item><item><guid>2</guid><b></item>")
    assert {entry.id for entry in document.entries} == {"1", "2"}
    assert "well-formed" in document.note
    assert "line 1" in document.note
    late = split(
        TYPE,
        b"<br />\nWarning: x in y.php\n<rss><channel><item><guid>1</guid></item></channel></rss>",
        URL,
    )
    assert one(late).id == "1"
    assert late.note
    junk = split(TYPE, b"Warning!\n<rss><channel><item><guid>1</guid></item></channel></rss>", URL)
    assert one(junk).id == "1"
    assert junk.note


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp037"]
)
def test_encodings(encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    text = f"{head}<rss><channel><item><guid>é</guid></item></channel></rss>"
    assert one(split("text/xml", text.encode(encoding), URL)).id == "é"


def test_wrong_encodings_are_noted() -> None:
    body = "<rss><channel><item><guid>é</guid></item></channel></rss>".encode("latin-1")
    assert one(split(TYPE, body, URL)).id == "é"
    assert "utf-8" in split(TYPE, body, URL).note
    assert one(split("text/xml; charset=unicode_escape", body, URL)).id == "é"
    assert one(split("text/xml; charset=iso-8859-1", body, URL)).id == "é"
    assert split("text/xml; charset=iso-8859-1", body, URL).note == ""


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "neither XML"),
        (b"hello", "neither XML"),
        (b"\x00\x01\xff", "neither XML"),
        (b"<!DOCTYPE html><html><head></head></html>", "web page"),
        (b"<svg xmlns='x'/>", "svg"),
        (b'{"a": 1}', "no JSON Feed"),
        (b"{", "JSON"),
        (b"<!--", "neither XML"),
    ],
)
def test_what_is_no_feed(body: bytes, says: str) -> None:
    with pytest.raises(Malformed) as refused:
        split("application/rss+xml", body, URL)
    assert says in refused.value.detail


def test_is_feed() -> None:
    assert is_feed("text/plain", b"<?xml version='1.0'?><!-- x --><rss/>")
    assert is_feed("text/html", ATOM.encode())
    assert is_feed("application/rss+xml", b"")
    assert is_feed("", b' {"version": "https://jsonfeed.org/version/1.1"}')
    assert not is_feed("application/rss+xml", b"<html></html>")
    assert not is_feed("application/json", b'{"a": 1}')
    assert not is_feed("text/html", b"<p>rss</p>")
    assert not is_feed("", b"")


def test_the_newest_are_kept() -> None:
    items = "".join(f"<item><guid>{n}</guid></item>" for n in range(MAX_ENTRIES + 50))
    document = rss(items)
    assert len(document.entries) == MAX_ENTRIES
    assert document.entries[-1].id == "0"
    assert f"newest {MAX_ENTRIES}" in document.note


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "feedparser.api", None)
    parsing._parsers.cache_clear()
    with pytest.raises(Misconfigured, match=r"hubbub\[websub\]"):
        rss("")
    parsing._parsers.cache_clear()


TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_ids_do_not_depend_on_the_neighbours(items: list[tuple[str, str]]) -> None:
    from xml.sax.saxutils import escape

    written = [
        f"<item><guid>{escape(guid)}</guid><description>{escape(escape(text))}</description></item>"
        for guid, text in items
    ]
    together = {(entry.id, entry.digest) for entry in rss("".join(written)).entries}
    apart = {(entry.id, entry.digest) for item in written for entry in rss(item).entries}
    assert together == apart


@given(st.text(st.sampled_from("<>/&;![]-ab =\"'\n"), max_size=120))
def test_nothing_but_malformed_is_raised(text: str) -> None:
    for start in ("", "<rss><channel><item>", "<feed><entry><content type='html'>"):
        try:
            document = split(TYPE, (start + text).encode(), URL)
        except Malformed as error:
            assert error.detail
        else:
            assert all(json.loads(entry.data)["id"] for entry in document.entries)
