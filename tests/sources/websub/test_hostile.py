"""Documents that were made to take long, each of which takes some parser minutes or gigabytes.

Alone each takes up to two seconds of a thread for a megabyte; the allowance is that of a busy machine.
"""

from __future__ import annotations

import time

import pytest

from hubbub.core.errors import Malformed
from hubbub.sources.websub.discovery import discover
from hubbub.sources.websub.entries import split

pytestmark = pytest.mark.slow

SIZE = 1_000_000
ALLOWED = 5.0
"""Seconds of processor time, three times what it takes; what had no bound took four to seven."""

RSS = b'<rss version="2.0"><channel><item><guid>1</guid>'
ATOM = b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id>'
END = b"</item></channel></rss>"
TOP = b'<rss version="2.0"><channel>'
CLOSE = b"</channel></rss>"
DONE = b"</entry></feed>"
MEDIA = TOP.replace(b" version", b' xmlns:media="http://search.yahoo.com/mrss/" version')
JSON = b'{"version": "https://jsonfeed.org/version/1", "items": '


def many(unit: bytes) -> bytes:
    return unit * (SIZE // len(unit))


def numbered(form: bytes) -> bytes:
    return b"".join(form % n for n in range(SIZE // 30))


DOCUMENTS = {
    "lines before the root": many(b"\n") + b"<rss/>",
    "lines before the DOCTYPE": b'<?xml version="1.0"?>' + many(b"\n") + b"<!DOCTYPE x><rss/>",
    "entities": b"<!DOCTYPE x [" + many(b"<!ENTITY\n") + b"]>" + RSS + END,
    "a billion laughs": b'<!DOCTYPE x [<!ENTITY a "'
    + b"x" * 999
    + b'"><!ENTITY b "'
    + b"&a;" * 999
    + b'"><!ENTITY c "'
    + b"&b;" * 999
    + b'">]>'
    + RSS
    + b"<title>&c;</title>"
    + END,
    "one large entity": b'<!DOCTYPE x [<!ENTITY a "'
    + many(b"x")
    + b'">]>'
    + RSS
    + b"<title>"
    + many(b"&a;")
    + b"</title>"
    + END,
    "hidden entities": b'<!-- <a --><!DOCTYPE x [<!ENTITY a "'
    + many(b"x")
    + b'">]>'
    + RSS
    + b"<title>"
    + many(b"&a;")
    + b"</title>",
    "nested": RSS + many(b"<a>"),
    "nested and closed": RSS + many(b"<a>") + many(b"</a>") + END,
    "nested in content": ATOM + b'<content type="xhtml">' + many(b"<b>") + many(b"</b>"),
    "attributes": RSS + b"<a " + numbered(b'a%d="1" ') + b"/>" + END,
    "namespaces": RSS
    + b"<a "
    + numbered(b'xmlns:a%d="u:%%d" ').replace(b"%d", b"1")
    + b">"
    + many(b"<a/>"),
    "categories": RSS + numbered(b"<category>%d</category>") + END,
    "a long author": RSS + b"<author>" + many(b"a.") + b"</author>" + END,
    "an author in pieces": RSS + b"<author>" + many(b"&#97;") + b"</author>" + END,
    "style": RSS + b'<description>&lt;b style="' + many(b"url(") + b'"&gt;x</description>' + END,
    "comments in HTML": RSS + b"<description>" + many(b"&lt;!--") + b"</description>" + END,
    "tags in HTML": RSS + b"<description>" + many(b"&lt;a ") + b"</description>" + END,
    "entities in HTML": RSS + b"<description>" + many(b"&amp;") + b"</description>" + END,
    "less than": RSS + b"<title>" + many(b"<"),
    "comments": RSS + many(b"<!--"),
    "CDATA": RSS + many(b"<![CDATA["),
    "ends": RSS + many(b"</a>"),
    "half tags": RSS + many(b"<a "),
    "half tags with quotes": RSS + many(b"<a '\""),
    "spaces in a date": RSS + b"<pubDate>a" + many(b" ") + b"b</pubDate>" + END,
    "NUL": RSS + many(b"\0"),
    "every byte": many(bytes(range(256))),
    "open quotes": RSS + b'<link rel="' + many(b'hub" href="'),
    "equals": RSS + b"<link " + many(b"a="),
    "empty entries": TOP + many(b"<item/>") + CLOSE,
    "entries": TOP + numbered(b"<item><guid>%d</guid></item>") + CLOSE,
    "entries of Atom": ATOM[: ATOM.index(b"<entry")]
    + numbered(b"<entry><id>%d</id></entry>")
    + b"</feed>",
    "entries with HTML": TOP
    + many(b"<item><description>&lt;b style='color:red'&gt;x</description></item>")
    + CLOSE,
    "entries with titles": TOP + many(b"<item><title>&lt;</title></item>") + CLOSE,
    "elements": RSS + many(b"<a/>") + END,
    "elements, ill-formed": RSS + many(b"<a/>") + b"</b>",
    "titles, ill-formed": RSS + many(b"<title/>") + b"</b>",
    "elements far down": RSS + b"<a>" * 190 + many(b"<b/>") + b"</a>" * 190 + END,
    "elements with a base": ATOM + many(b'<a xml:base="/a/b/"/>') + DONE,
    "elements with many bases": ATOM + numbered(b'<a xml:base="/%d/"/>') + DONE,
    "elements with attributes": RSS
    + many(b"<a " + b" ".join(b'a%d="1"' % n for n in range(60)) + b"/>")
    + END,
    "elements with namespaces": RSS + many(b'<a xmlns:x="u"/>') + END,
    "links": RSS + many(b"<link>/x</link>") + END,
    "links of Atom": ATOM + many(b'<link href="/x"/>') + DONE,
    "contents": ATOM + many(b"<content>x</content>") + DONE,
    "summaries": ATOM + many(b"<summary>x</summary>") + DONE,
    "authors": ATOM + many(b"<author><name>x</name></author>") + DONE,
    "dates": RSS + many(b"<pubDate>Sat, 28 Nov 2026 10:00:00 GMT</pubDate>") + END,
    "media": MEDIA + b"<item>" + many(b'<media:content url="x"/>') + END,
    "XHTML": ATOM + b'<content type="xhtml">' + many(b"<b>x</b>") + b"</content>" + DONE,
    "lines in a title": RSS + b"<title>" + many(b"\n") + b"</title>" + END,
    "links in HTML": RSS + b"<description>" + many(b'&lt;a href="x"&gt;') + b"</description>" + END,
    "attributes in HTML": RSS
    + b"<description>&lt;b "
    + many(b"a=b ")
    + b"&gt;</description>"
    + END,
    "tags in CDATA": RSS + b"<description><![CDATA[" + many(b"<b>") + b"]]></description>" + END,
    "JSON": JSON + many(b"["),
    "JSON entries": JSON + b"[" + many(b"{},")[:-1] + b"]}",
    "JSON entries with HTML": JSON + b"[" + many(b'{"content_html":"<b>x"},')[:-1] + b"]}",
    "JSON attachments": JSON
    + b"["
    + many(b'{"attachments":[' + b'{"url":"x"},' * 99 + b'{"url":"x"}]},')[:-1]
    + b"]}",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_entries(name: str) -> None:
    body = DOCUMENTS[name]
    started = time.process_time()
    try:
        document = split("application/xml", body, "https://example.com/")
    except Malformed as error:
        assert error.detail
    else:
        assert sum(len(entry.data) for entry in document.entries) < 60 * len(body)
    assert time.process_time() - started < ALLOWED


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("start", [b"", b"<!DOCTYPE html><html><head>", b"<html><link "])
def test_discovery(name: str, start: bytes) -> None:
    started = time.process_time()
    discover([("Content-Type", "text/html")], start + DOCUMENTS[name], "https://example.com/")
    assert time.process_time() - started < ALLOWED / 3


def test_what_was_left_out_is_said() -> None:
    items = b"".join(b"<item><guid>%d</guid></item>" % n for n in range(10))
    deep = b"<rss><channel>" + items + b"<item><guid>x</guid>" + b"<a>" * 1000
    document = split("", deep, "https://example.com/")
    assert len(document.entries) == 10
    assert "nested" in document.note
    html = b"<item><guid>%d</guid><description>" + b"&lt;b&gt;x" * 20_000 + b"</description></item>"
    document = split(
        "", b"<rss><channel>" + html % 1 * 8 + b"</channel></rss>", "https://example.com/"
    )
    assert "too much HTML" in document.note
