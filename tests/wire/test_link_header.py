"""Link headers as servers really write them (RFC 8288; websub 36, 58)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.wire import links
from hubbub.wire.link_header import MAX_LENGTH, MAX_LINKS, Link, parse

READ = {
    '<https://h/hub>; rel="hub"': [Link("https://h/hub", ("hub",))],
    "<https://h/hub>;rel=hub": [Link("https://h/hub", ("hub",))],
    '  <a> ; REL = "HUB" ': [Link("a", ("hub",))],
    '<a>; rel="Self  HUB self"': [Link("a", ("self", "hub"))],
    '<a>; rel=hub, <b>; rel="self"': [Link("a", ("hub",)), Link("b", ("self",))],
    "<a>;rel=hub,<b>;rel=self": [Link("a", ("hub",)), Link("b", ("self",))],
    '<a,b;c>; title="x, <y>; rel=hub"; rel=self': [Link("a,b;c", ("self",))],
    r'<a>; title="say \"hub\", <b>"; rel=hub': [Link("a", ("hub",))],
    "<a>; rel=self; rel=hub": [Link("a", ("self",))],  # section 3.3: the first
    '<a>; rel=hub; anchor="/other"': [Link("a", ("hub",), "/other")],
    '<a>; rel=hub; anchor=""': [Link("a", ("hub",), "")],
    "<a>; title*=UTF-8''x%2c; rel=hub": [Link("a", ("hub",))],
    "<a>; crossorigin; rel=preload": [Link("a", ("preload",))],
    "<a>;; rel=hub;": [Link("a", ("hub",))],
    "<>; rel=self": [Link("", ("self",))],
    "<a>": [Link("a")],
    "<a>; rel='hub'": [Link("a", ("'hub'",))],  # apostrophes are no quotes
    "<a> rel=hub, <b>; rel=self": [Link("a"), Link("b", ("self",))],
    "a; rel=hub, <b>; rel=self": [Link("b", ("self",))],
    "<a; rel=hub, <b>; rel=self": [Link("b", ("self",))],
    '<a>; rel="hub, <b>; rel=self': [Link("a", ("",)[:0]), Link("b", ("self",))],
    ",, ,<a>; rel=hub,": [Link("a", ("hub",))],
    "": [],
    "nonsense": [],
}


@pytest.mark.parametrize(("value", "found"), READ.items())
def test_reads(value: str, found: list[Link]) -> None:
    assert parse([value]) == found


def test_several_headers_are_one_list() -> None:
    assert parse(["<a>; rel=hub", "", "<b>; rel=self"]) == [
        Link("a", ("hub",)),
        Link("b", ("self",)),
    ]
    assert parse([]) == []


TARGETS = st.text(st.characters(codec="ascii", exclude_characters="<>"), max_size=20).map(str.strip)
RELS = st.lists(st.sampled_from(["hub", "self", "next", "http://x/y"]), min_size=1, max_size=3)
TITLES = st.text(max_size=20)


@given(st.lists(st.tuples(TARGETS, RELS, TITLES), max_size=8), st.sampled_from([",", " , ", ",\t"]))
def test_what_is_written_is_read(pairs: list[tuple[str, list[str], str]], comma: str) -> None:
    quoted = [title.replace("\\", "\\\\").replace('"', '\\"') for *_, title in pairs]
    text = comma.join(
        f'<{target}>; title="{title}"; rel="{" ".join(rels)}"'
        for (target, rels, _), title in zip(pairs, quoted, strict=True)
    )
    assert parse([text]) == [Link(target, tuple(dict.fromkeys(rels))) for target, rels, _ in pairs]


@given(st.lists(st.tuples(st.sampled_from(["https://h/a", "/b?c=d,e"]), st.just("hub"))))
def test_our_own_header(pairs: list[tuple[str, str]]) -> None:
    found = parse([links.header(pairs).decode()])
    assert [(one.target, *one.rels) for one in found] == pairs


@given(st.lists(st.text(st.sampled_from('<>;,"\\= rel=hub\x00é'), max_size=60), max_size=4))
def test_nothing_is_ever_raised(values: list[str]) -> None:
    parse(values)


def test_bounds() -> None:
    assert len(parse(["<a>; rel=hub"] * 500)) == MAX_LINKS
    assert len(parse([", ".join(["<a>; rel=hub"] * 500)])) == MAX_LINKS


@pytest.mark.parametrize(
    "unit", ["<", ",", ";", '"', "<a", "<a>;", '<a>;b="', " ", "\\", '"\\', ",<"]
)
def test_time_is_linear(unit: str) -> None:
    """What a quadratic reading would take minutes for."""
    started = time.process_time()
    parse([unit * MAX_LENGTH])
    assert time.process_time() - started < 5
