"""feedparser's own 2,000 test files, and real podcasts, through `split` and `discover`."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import feedparser
import pytest

from corpus import feedparser_tests, podcasts
from hubbub.core.errors import Malformed
from hubbub.sources.websub.cleaning import clean
from hubbub.sources.websub.discovery import discover
from hubbub.sources.websub.effort import Effort
from hubbub.sources.websub.entries import FeedDocument, is_feed, split
from hubbub.sources.websub.fields import joined
from hubbub.sources.websub.markup import FEED_ROOTS, decode, markup
from hubbub.sources.websub.parsing import parse

pytestmark = pytest.mark.slow

URL = "https://example.com/feed"
PARTS = ("illformed", "encoding", "wellformed/atom", "wellformed/atom10", "wellformed/rss")
REST = "the rest"


def files(part: str) -> list[Path]:
    top = feedparser_tests()
    if part != REST:
        return sorted(path for path in (top / part).rglob("*") if path.is_file())
    others = [
        folder
        for folder in (top / "wellformed").iterdir()
        if f"wellformed/{folder.name}" not in PARTS
    ]
    return sorted(path for folder in others for path in folder.rglob("*") if path.is_file())


def told(content: bytes) -> str:
    """Return the Content-Type that a file wants to be served with."""
    found = re.search(rb"Content-type:\s*([^\r\n]+)", content, re.IGNORECASE)
    return found[1].decode("latin-1").strip() if found else "application/xml"


@pytest.mark.parametrize("part", [*PARTS, REST])
def test_nothing_crashes_and_everything_is_valid(part: str) -> None:
    found = Counter[str]()
    for path in files(part):
        body = path.read_bytes()
        kind = told(body)
        discover([("Content-Type", kind)], body, URL)
        try:
            document = split(kind, body, URL)
        except Malformed as error:
            assert error.detail.strip(), path
            found["refused"] += 1
            continue
        assert is_feed(kind, body), path
        found["read"] += 1
        found["entries"] += len(document.entries)
        for entry in document.entries:
            data = json.loads(entry.data.decode())
            assert data["id"] == entry.id != "", path
            assert re.fullmatch("[0-9a-f]{32}", entry.digest)
            assert data.get("title", "") == entry.title
        assert len({(one.id, one.digest) for one in document.entries}) == len(document.entries)
        if found["read"] % 10 == 0:
            assert split(kind, body, URL) == document, path
    # Most are feeds, and most have an entry: it is the corpus that we think it is.
    assert found["read"] > 10 * found["refused"] or part == "encoding", found
    assert found["read"] > 15


def test_it_still_is_feedparser() -> None:
    """Our own driving of its parsers reads the same entries as its `parse`, and cleans HTML alike."""
    seen, cleaned = 0, Counter[bool]()
    for path in (path for part in (*PARTS, REST) for path in files(part)):
        body = path.read_bytes()
        document = markup(decode(told(body), body)[0])
        if document.root not in FEED_ROOTS:
            continue
        headers = {"content-type": told(body), "content-location": URL}
        theirs = feedparser.parse(io.BytesIO(body), response_headers=headers).entries
        ours = parse(document, URL, Effort(len(body))).entries
        assert [known(one) for one in ours] == [known(one) for one in theirs], path
        seen += 1
        for one, other in zip(ours, theirs, strict=True):
            raw, shown = dict.get(one, "summary_detail"), dict.get(other, "summary_detail")
            if raw and shown and shown["type"] in ("text/html", "application/xhtml+xml"):
                cleaned[clean(raw["value"], raw["base"] or URL) == shown["value"]] += 1
    assert seen > 1900
    assert cleaned[True] > 200
    assert cleaned[False] <= 1  # bytes that are in no encoding


def known(entry: dict[str, Any]) -> list[Any]:
    """Return what must be the same. An id and a link that is one are not resolved by us."""
    said = [dict.get(entry, name) for name in ("published", "updated", "links")]
    return [*said, *(joined(URL, dict.get(entry, name) or "") for name in ("id", "link"))]


def read(path: Path) -> FeedDocument:
    return split("application/rss+xml", path.read_bytes(), "https://example.com/podcast")


def test_real_podcasts() -> None:
    counts = {path.name: len(read(path).entries) for path in podcasts()}
    assert counts == {
        "bc-sample-bad.xml": 4,
        "bc-sample-custom-tags.xml": 4,
        "bc-sample-new-feed-url.xml": 4,
        "bc-sample-order.xml": 4,
        "bc-sample.xml": 4,
        "replyall-sample-ordering.xml": 3,
    }
    for path in podcasts():
        document = read(path)
        assert read(path) == document
        assert ("well-formed" in document.note) == path.name.endswith("bad.xml")
        for entry in document.entries:
            data = json.loads(entry.data)
            assert data["enclosures"][0]["type"] == "audio/mpeg"
            assert data["duration"]
            assert entry.time is not None


def test_the_hub_of_a_real_podcast() -> None:
    """websub 36, 37: only one of them names a hub."""
    found = {path.name: discover([], path.read_bytes(), URL) for path in podcasts()}
    reply_all = found.pop("replyall-sample-ordering.xml")
    assert reply_all.hubs == ("http://pubsubhubbub.appspot.com/",)
    assert reply_all.topic == "http://feeds.gimletmedia.com/hearreplyall"
    assert {one.hubs for one in found.values()} == {()}
    assert {one.topic for one in found.values()} == {"https://allthingschemical.libsyn.com/rss"}


def test_an_edited_entry_keeps_its_id_and_an_untouched_one_everything() -> None:
    path = podcasts()[-1]
    before = read(path)
    body = path.read_bytes().replace(b"A Stranger Says I Love You", b"A Friend Says It")
    after = split("application/rss+xml", body, "https://example.com/podcast")
    assert [one.id for one in after.entries] == [one.id for one in before.entries]
    changed = [a for a, b in zip(after.entries, before.entries, strict=True) if a != b]
    assert [one.title for one in changed] == ["#1 A Friend Says It"]
    with contextlib.suppress(Malformed):
        split("", body[: len(body) // 2], URL)
