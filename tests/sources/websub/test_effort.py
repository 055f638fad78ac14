"""What is beyond the bounds of reading: a clear word, the same entries each time, and none that was good lost."""

from __future__ import annotations

import json
import re

import pytest

from hubbub.core.errors import Malformed
from hubbub.sources.websub import effort, entries, parsing
from hubbub.sources.websub.effort import Effort
from hubbub.sources.websub.entries import MAX_ENTRIES, FeedDocument, split
from hubbub.sources.websub.markup import markup
from hubbub.sources.websub.parsing import Parsed, parse
from sources.websub.world import HubScript, Rig, World, atom, entry

URL = "https://example.com/feed"
TOP, END = "<rss version='2.0'><channel>", "</channel></rss>"


def item(number: int, inside: str = "", time: str = "") -> str:
    date = f"<pubDate>{time}</pubDate>" if time else ""
    return f"<item><guid>{number}</guid>{date}{inside}</item>"


def read(*items: str, end: str = END) -> FeedDocument:
    return split("application/xml", f"{TOP}{''.join(items)}{end}".encode(), URL)


def parsed(text: str, steps: int = 10**9) -> Parsed:
    given = Effort(0)
    given.left, given.reserve = steps, 0
    return parse(markup(text), URL, given)


def ids(document: FeedDocument) -> list[int]:
    return [int(one.id) for one in document.entries]


def test_what_there_is() -> None:
    assert Effort(0).left == Effort(1_000_000).left == effort.SMALL
    assert Effort(4_000_000).left == 4 * effort.SMALL
    one = Effort(0)
    assert 0 < one.reserve < one.left / 2
    assert one.take(one.left)
    assert not one.take(1)


def test_the_first_entries_are_those_that_are_read_and_whole() -> None:
    items = [item(number, "<a/>" * 500) for number in range(100)]
    found = read(*items)
    assert 10 < len(found.entries) < 100
    count = len(found.entries)
    assert found.note == f"it was read up to its entry {count + 1}: it is too complex"
    assert found.entries == read(*items[:count]).entries
    assert ids(found) == list(range(count))[::-1]
    assert read(*items) == found  # and the same ones each time


def test_what_was_parsed_can_be_made_entries_of() -> None:
    found = read(*(item(number, "<a/>" * 100) for number in range(500)))
    assert len(found.entries) > 50
    assert "too much HTML" not in found.note


@pytest.mark.parametrize("more", ["<a/>", "<a b='c'/>", "<b>x</b>", "&amp;", "&#65;", "x\n"])
def test_everything_takes_steps(more: str) -> None:
    text = f"{TOP}{item(1)}<item><guid>2</guid><title>{more * 2000}</title></item>{END}"
    assert len(parsed(text).entries) == 2
    found = parsed(text, steps=1000)
    assert [dict.get(one, "id") for one in found.entries] == ["1"]
    assert found.note == "it was read up to its entry 2: it is too complex"


@pytest.mark.parametrize(
    ("more", "steps"),
    [("<a>", 800), ("</a>", 800), ("<br/>", 1600), ("<", 800), ("&x;", 800), ("&#65;", 800)],
)
def test_likewise_of_what_is_not_well_formed(more: str, steps: int) -> None:
    text = f"{TOP}{item(1)}<item><guid>2</guid><title>{more * 260}</title>"
    found = parsed(text, steps)
    assert [dict.get(one, "id") for one in found.entries] == ["1"]
    assert found.note.startswith("it is not well-formed: ")
    assert re.search(", and it was read up to its entry [12]: it is too complex$", found.note)


def test_one_that_cannot_even_be_begun_with_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "SMALL", 100_000)
    monkeypatch.setattr(effort, "CHARACTER", 0.5)
    with pytest.raises(Malformed, match=r"cannot be read: it is not well-formed: .*too complex"):
        read(item(1), "<a/>" * effort.SMALL, end="")


def test_a_document_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ill-formed at its end, it takes no more steps than the loose parser does."""
    text = f"{TOP}{item(1, '<a></a>' * 100)}"
    steps = Effort(0)
    parse(markup(text), URL, steps)
    spent = effort.SMALL - steps.left
    strict, loose = parsing._parsers()
    monkeypatch.setattr(parsing, "_parsers", lambda: (None, loose))
    steps = Effort(0)
    parse(markup(text), URL, steps)
    assert effort.SMALL - steps.left == spent
    assert strict is not loose


def test_where_one_parser_fails_the_other_has_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    strict, loose = parsing._parsers()

    class Failing(strict):  # type: ignore[misc,valid-type]
        def endDocument(self) -> None:  # noqa: N802
            raise ValueError("what its authors did not think of")

    text = f"{TOP}{item(1)}{item(2, '<a/>' * 100)}{END}"
    monkeypatch.setattr(parsing, "_parsers", lambda: (Failing, loose))
    found = parsed(text)
    assert (len(found.entries), found.note) == (2, "it is not well-formed")
    assert len(parsed(text, steps=3000).entries) == 1


def test_addresses_are_resolved_as_feedparser_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours remembers the last of them; where feedparser has none by that name, its own is used."""
    bases = "".join(
        f"<item xml:base='{base}'><guid>{at}</guid><link>x</link><a xml:base='../c/'><b/></a></item>"
        for at, base in enumerate(["/a/b/", "http://other.example/d/", "javascript:x", "", "/a/b/"])
    )
    text = f"{TOP}{bases}<item><link>y</link></item>{END}"
    ours = parsed(text).entries
    with monkeypatch.context() as patch:
        patch.setattr(parsing, "RESOLVE", "no such name")
        theirs = parsed(text).entries
    assert ours == theirs
    assert dict.get(ours[0], "link") == "https://example.com/a/b/x"
    assert dict.get(ours[1], "link") == "http://other.example/d/x"


def hour(number: int) -> str:
    return f"Sat, 28 Nov 2026 {number // 60:02d}:{number % 60:02d}:00 GMT"


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_many_the_newest_are_taken_by_their_times(is_reversed: bool) -> None:
    numbers = range(MAX_ENTRIES + 5)
    items = [item(number, time=hour(number)) for number in numbers]
    found = read(*(items[::-1] if is_reversed else items))
    assert ids(found) == list(numbers)[5:]
    assert found.note == f"of its {len(items)} entries the newest {MAX_ENTRIES} were kept"


def test_without_times_the_first_of_the_document_are_the_newest() -> None:
    items = [item(number, time=hour(number)) for number in range(MAX_ENTRIES + 5)]
    items[7] = item(7)
    assert ids(read(*items)) == list(range(MAX_ENTRIES))[::-1]


def test_only_those_that_are_taken_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_ENTRIES", 2)
    monkeypatch.setattr(entries, "MAX_LOOKED_AT", 5)
    made: list[object] = []
    make = entries.fields.item
    monkeypatch.setattr(entries.fields, "item", lambda *of: made.append(of) or make(*of))
    found = read(*(item(number, time=hour(number)) for number in range(8)))
    assert ids(found) == [3, 4]  # of the first five
    assert len(made) == 2


def test_a_text_that_is_content_and_summary_is_cleaned_and_counted_once() -> None:
    text = "&lt;b&gt;x&lt;/b&gt;" * 300
    atom_entry = f"<entry><id>%d</id><content type='html'>{text}</content></entry>"
    body = "<feed xmlns='http://www.w3.org/2005/Atom'>" + "".join(
        atom_entry % number for number in range(30)
    )
    found = split("", f"{body}</feed>".encode(), URL)
    assert (len(found.entries), found.note) == (30, "")


def test_json_is_bounded_likewise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "CHARACTER", 0.5)
    lists = {"attachments": [{"url": "x"}] * 100, "tags": ["x"] * 100}
    items = [{"id": str(number), **lists} for number in range(1000)]
    document = {"version": "https://jsonfeed.org/version/1.1", "items": items}
    found = split("application/json", json.dumps(document).encode(), URL)
    assert 100 < len(found.entries) < 1000
    assert "were read" in found.note
    short = json.dumps({**document, "items": [{"id": str(n)} for n in range(3000)]}).encode()
    assert ids(split("application/json", short, URL)) == list(range(MAX_ENTRIES))[::-1]


@pytest.mark.anyio
async def test_what_was_seen_stays_seen(us: Rig, world: World, hub: HubScript) -> None:
    """A document that is beyond the bounds says so, and its entries that were known are no news after it."""
    await us.subscribed()
    assert await world.push(atom(entry(3), entry(2), entry(1))) == [200]
    huge = entry(4).replace("</entry>", "<a/>" * 100_000 + "</entry>")
    assert await world.push(atom(huge, entry(3), entry(2), entry(1))) == [200]
    assert "too complex" in str(us.status())
    assert await us.ids() == ["urn:e:3"]
    assert await world.push(atom(entry(4), entry(3), entry(2), entry(1))) == [200]
    assert await us.ids() == ["urn:e:3", "urn:e:4"]
    assert hub.subscribed
