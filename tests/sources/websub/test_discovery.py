"""Finding hubs (websub 36, 37, 51, 58)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from hubbub.sources.websub import page
from hubbub.sources.websub.discovery import MAX_HUBS, Discovered, discover

URL = "https://example.com/blog/feed?x=1"
HUB = "https://hub.example/"
NOTHING = Discovered()
HTML = [("Content-Type", "text/html; charset=utf-8")]

ATOM = """<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom">{}<title>t</title>
<entry><link rel="hub" href="https://evil.example/"/><content type="xhtml"><feed>
<link rel="hub" href="https://evil.example/"/></feed></content></entry>{}</feed>"""
RSS = """<rss version="2.0" xmlns:a="http://www.w3.org/2005/Atom"><channel>{}
<item><a:link rel="hub" href="https://evil.example/"/><description>
&lt;link rel="hub" href="https://evil.example/"/></description></item>{}</channel></rss>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns:a="http://www.w3.org/2005/Atom"><channel>{}</channel>
<item><a:link rel="hub" href="https://evil.example/"/></item></rdf:RDF>"""
LINKS = '<{0}link rel="hub" href="https://hub.example/"/><{0}link rel="self" href="/self"/>'
BOTH = Discovered((HUB,), "https://example.com/self")


def in_page(head: str = "", body: str = "") -> Discovered:
    text = f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"
    return discover(HTML, text.encode(), URL)


@pytest.mark.parametrize(
    "headers",
    [
        [("Link", f'<{HUB}>; rel="hub", </self>; rel="self"')],
        [("link", f"<{HUB}>; rel=HUB"), ("LINK", "</self#x>;rel=self")],
        [("Link", f"<{HUB}>; rel=hub, <{HUB}>; rel=hub, </self>; rel=self, </no>; rel=self")],
    ],
)
def test_headers_come_first(headers: list[tuple[str, str]]) -> None:
    body = ATOM.format('<link rel="hub" href="https://other.example/"/>', "").encode()
    assert discover(headers, body, URL) == BOTH


def test_the_first_match_decides() -> None:
    """websub 36: the headers have a hub, so the document is not asked for its address."""
    body = ATOM.format(LINKS.format(""), "").encode()
    assert discover([("Link", f"<{HUB}2>; rel=hub")], body, URL) == Discovered((f"{HUB}2",), None)


def test_headers_without_a_hub_are_no_match() -> None:
    body = ATOM.format(f'<link rel="hub" href="{HUB}"/>', "").encode()
    assert discover([("Link", "</me>; rel=self")], body, URL).topic == "https://example.com/me"
    assert discover([("Link", "</me>; rel=self")], body, URL).hubs == (HUB,)
    assert discover([("Link", "</me>; rel=self")], b"", URL) == Discovered(
        (), "https://example.com/me"
    )


def test_links_that_are_from_something_else_do_not_count() -> None:
    headers = [("Link", f'<{HUB}>; rel=hub; anchor="/other", <{HUB}b>; rel=hub; anchor="{URL}"')]
    assert discover(headers, b"", URL).hubs == (f"{HUB}b",)
    assert discover([("Link", f'<{HUB}>; rel=hub; anchor="#a"')], b"", URL) == NOTHING


@pytest.mark.parametrize("form", [ATOM, RSS, RDF])
@pytest.mark.parametrize("prefix", ["", "a:"])
def test_feeds(form: str, prefix: str) -> None:
    links = LINKS.format(prefix if form != ATOM else "")
    assert discover([], form.replace("{}", links, 1).replace("{}", "").encode(), URL) == BOTH
    assert discover([], form.format("", "").encode(), URL) == NOTHING


@pytest.mark.parametrize("form", [ATOM, RSS])
def test_after_the_entries(form: str) -> None:
    assert discover([], form.format("", LINKS.format("")).encode(), URL) == BOTH


@pytest.mark.parametrize("form", [ATOM, RSS])
def test_ill_formed_feeds(form: str) -> None:
    broken = "<b>&nope; & <!-- " + '<link rel="hub" href="https://evil.example/"/>' + " -->"
    broken += '<![CDATA[<link rel="hub" href="https://evil.example/"/>]]>'
    text = form.format(broken + LINKS.format(""), "")
    assert discover([("Content-Type", "text/xml")], text.encode(), URL) == BOTH
    assert discover([], form.format(broken, LINKS.format("")).encode(), URL).hubs in ((), (HUB,))


def test_entities_and_bases_of_feeds() -> None:
    doctype = '<!DOCTYPE feed [<!ENTITY nbsp "&#160;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
    links = '<link rel="hub self" href="a?b&amp;c"/><subtitle>&nbsp;&other;&x;</subtitle>'
    text = doctype + f'<feed xml:base="https://base.example/d/">{links}</feed>'
    found = discover([], text.encode("utf-16"), URL)
    assert found == Discovered(("https://base.example/d/a?b&c",), "https://base.example/d/a?b&c")


def test_json_feed() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "feed_url": "/self",
        "hubs": [
            {"type": "rssCloud", "url": "https://x.example/"},
            {"type": "WebSub", "url": HUB},
            1,
        ],
        "items": [],
    }
    assert discover([], json.dumps(feed).encode(), URL) == BOTH
    assert discover([], b'{"hubs": [', URL) == NOTHING


def test_pages() -> None:
    assert in_page(LINKS.format("")) == BOTH
    base = '<link rel="hub" href="h"><base href="//b.example/c/"><base href="/no"/>'
    assert in_page(base).hubs == ("https://b.example/c/h",)
    assert in_page("<meta charset=utf-8><LINK HREF='h' REL='x Hub'>").hubs == (
        "https://example.com/blog/h",
    )
    assert discover(HTML, b"<link rel=hub href=h><p>no html, no head", URL).hubs


EVIL = '<link rel="hub" href="https://evil.example/">'


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("", EVIL),
        ("", f"<!-- {EVIL} -->"),
        (f"<!-- {EVIL} -->", ""),
        (f"<title>{EVIL}</title>", ""),
        (f"<script>'{EVIL}'</script>", ""),
        (f"<script><!-- <script></script>{EVIL}--></script>", ""),
        (f"<style>{EVIL}</style>", ""),
        (f"<noscript>{EVIL}</noscript>", ""),
        (f"<template>{EVIL}</template>", ""),
        (f"<div>{EVIL}</div>", ""),
        (f"text {EVIL}", ""),
        (f"<meta content='{EVIL}'>", ""),
        (f'<meta content=\'x"\' y="{EVIL[:-1]}">'.replace('"hub"', "hub"), ""),
        (f"</head><body>{EVIL}", ""),
    ],
)
def test_only_the_head_of_a_page_counts(head: str, body: str) -> None:
    """websub 51: whoever may leave a comment must not choose the hub."""
    assert in_page(head, body).hubs == ()


@pytest.mark.parametrize(
    "target",
    [
        "ftp://h/",
        "javascript:x",
        "",
        " ",
        "http://",
        "http://[",
        "https://h/a b",
        "x" * 3000,
        "data:,",
    ],
)
def test_what_cannot_be_asked_is_no_hub(target: str) -> None:
    assert discover([("Link", f"<{target}>; rel=hub")], b"", "about:blank") == NOTHING
    feed = f'<feed><link rel="hub" href="{target}"/></feed>'
    assert discover([], feed.encode(), "about:blank") == NOTHING


def test_not_too_many() -> None:
    links = "".join(f'<link rel="hub" href="https://h{n}.example/"/>' for n in range(50))
    assert len(discover([], f"<feed>{links}</feed>".encode(), URL).hubs) == MAX_HUBS


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"hello", b"<", b"{}", b"%PDF-1.4", b"<a/>"])
def test_other_documents(body: bytes) -> None:
    assert discover([], body, URL) == NOTHING
    assert discover(HTML, body, URL) == NOTHING


PIECES = st.sampled_from(
    [
        "<link rel=hub href=1>",
        '<link rel="x hub" href="2" />',
        "<LINK href='3&amp;' REL=hub title='>'>",
        "<link rel=hub href=4 rel=other>",
        "<link\nrel\t=\nhub href = 5>",
        "<link rel=hub href=/6/>",
        "<meta charset=utf-8>",
        "<title>a<link rel=hub href=7></title>",
        "<script>'<link rel=hub href=8>'</script>",
        "<style>a{}</style>",
        "<!-- <link rel=hub href=9> -->",
        "<!--><link rel=hub href=10><!---->",
        "<!-- a --!><link rel=hub href=11>",
        "<template><link rel=hub href=12></template>",
        "<p><link rel=hub href=13>",
        "text",
        " \n",
        "</head>",
        "<body>",
        "</title>",
        "<div/>",
        "<?php ?>",
        "<!x>",
        "<link rel=hub",
        '<link rel="hub',
        "<linkx rel=hub href=14>",
        "<link/rel=hub/href=15>",
        "<link =rel=hub href=16>",
    ]
)


@given(st.lists(PIECES, max_size=8))
def test_nothing_is_found_that_a_browser_would_not(pieces: list[str]) -> None:
    """Against Lexbor: never more links than it sees in the head, and the same ones up to our end."""
    text = "<!DOCTYPE html><html><head>" + "".join(pieces)
    ours = [said.get("href", "") for name, said in page.head(text) if name == "link"]
    head = LexborHTMLParser(text).head
    assert head is not None
    theirs = [one.attributes.get("href") or "" for one in head.iter() if one.tag == "link"]
    assert ours == theirs[: len(ours)]


@given(
    st.lists(
        PIECES.filter(lambda piece: piece[:5].lower() in ("<link", "<meta", "<styl")), max_size=8
    )
)
def test_everything_is_found_that_a_browser_would(pieces: list[str]) -> None:
    whole = [piece for piece in pieces if piece.endswith(">") and "linkx" not in piece]
    text = "<!DOCTYPE html><html><head>" + "".join(whole) + "</head><body>"
    ours = [said.get("href", "") for name, said in page.head(text) if name == "link"]
    head = LexborHTMLParser(text).head
    assert head is not None
    assert ours == [one.attributes.get("href") or "" for one in head.iter() if one.tag == "link"]


@given(
    st.binary(max_size=80), st.sampled_from([b"", b"<feed>", b"<html>", b"{", b"<rss><channel>"])
)
def test_nothing_is_ever_raised(body: bytes, start: bytes) -> None:
    discover(HTML, start + body, URL)
