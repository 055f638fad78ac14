"""The parser against the table of cases, any cut of any bytes, and the encoders read back."""

from __future__ import annotations

import base64
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vectors
from hubbub.core.errors import Malformed, TooLarge
from hubbub.wire import sse
from hubbub.wire.sse import Parser, ServerSentEvent

Outcome = tuple[list[ServerSentEvent], str, int | None]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
STREAMS = st.lists(
    st.sampled_from(
        [b"data", b"id", b"event", b"retry", b":", b": ", b" ", b"\n", b"\r", b"\r\n", b"7", b"\0",
         b"x", b"\xef\xbb\xbf", b"\xe2\x82\xac", b"\xe2\x82", b"\xff", b"\xc2\x85", b"\xe2\x80\xa8"]
    ),
    max_size=60,
).map(b"".join)  # fmt: skip


def parse(*chunks: bytes) -> Outcome:
    parser = Parser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    parser.end()
    return events, parser.last_event_id, parser.retry


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(marks)]


@cache
def table() -> dict[str, dict]:
    return {case["id"]: case for case in vectors.load("sse", "parser-cases.json")}


def names() -> list[str]:
    return list(table()) if vectors.ROOT.joinpath("sse", "parser-cases.json").exists() else []


def check(case: dict, outcome: Outcome) -> None:
    events, last_event_id, retry = outcome
    assert [(e.type, e.data, e.last_event_id) for e in events] == [
        (e["type"], e["data"], e["lastEventId"]) for e in case["events"]
    ]
    assert last_event_id == case["last_event_id"]
    assert case["reconnection_time"] in (retry, "any")


@pytest.mark.parametrize("name", names())
class TestTable:
    def test_whole_and_byte_by_byte(self, name):
        found = table()[name]
        stream = base64.b64decode(found["stream_b64"])
        check(found, parse(stream))
        check(found, parse(*(stream[i : i + 1] for i in range(len(stream)))))
        if "chunks_b64" in found:
            check(found, parse(*map(base64.b64decode, found["chunks_b64"])))

    @settings(max_examples=10)  # of each of the many cases
    @given(places=st.lists(st.integers(0, 10_000), max_size=12))
    def test_cut_anywhere(self, name, places):
        found = table()[name]
        check(found, parse(*cut(base64.b64decode(found["stream_b64"]), places)))


@given(STREAMS, st.lists(st.integers(0, 400), max_size=20))
def test_no_cut_changes_what_is_dispatched(stream, places):
    assert parse(*cut(stream, places)) == parse(stream)


@given(STREAMS, st.lists(st.integers(0, 400), max_size=20), st.integers(1, 30))
def test_no_cut_changes_where_the_bound_is_hit(stream, places, bound):
    def run(chunks: list[bytes]) -> tuple[list[ServerSentEvent], bool]:
        parser, events = Parser(max_event_bytes=bound), []
        try:
            for chunk in [*chunks, b""]:
                events += parser.feed(chunk)
        except TooLarge:
            return events, True
        return events, False

    assert run(cut(stream, places)) == run([stream])


@given(
    st.lists(
        st.tuples(
            TEXT,
            st.none() | TEXT.filter(lambda t: not set(t) & set("\0\r\n")),
            st.none() | TEXT.filter(lambda t: not set(t) & set("\r\n")),
        )
    ),
    st.lists(st.integers(0, 4000), max_size=20),
)
def test_what_is_encoded_is_read_back(items, places):
    stream = b"".join(
        sse.event(text.encode(), id=name, type=kind) + sse.comment(text)
        for text, name, kind in items
    )
    last, expected = "", []
    for text, name, kind in items:
        last = last if name is None else name
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        expected.append(ServerSentEvent(kind or "message", lines, last))
    assert parse(*cut(stream, places)) == (expected, last, None)


class TestParser:
    def test_an_unfinished_block_is_dropped_and_its_id_not_kept(self):
        assert parse(b"id: 1\ndata: a\n\nid: 2\nevent: x\ndata: b\n") == (
            [ServerSentEvent("message", "a", "1")],
            "1",
            None,
        )

    def test_the_next_stream_begins_anew_but_keeps_id_and_retry(self):
        parser = Parser(last_event_id="e-1")
        assert parser.feed(b"data: a\n\nid: e-2\nretry: 5\n\nevent: x\ndata: cut") == [
            ServerSentEvent("message", "a", "e-1")
        ]
        parser.end()
        assert (parser.last_event_id, parser.retry) == ("e-2", 5)
        assert parser.feed(b"\xef\xbb\xbfdata: b\n\n") == [ServerSentEvent("message", "b", "e-2")]

    def test_an_id_alone_moves_the_last_id(self):
        assert parse(sse.position_only("e-7")) == ([], "e-7", None)

    def test_a_last_cr_ends_the_line_at_once(self):
        parser = Parser()
        assert parser.feed(b"data: a\r\r") == [ServerSentEvent("message", "a", "")]
        assert parser.feed(b"\ndata: b\n\n") == [ServerSentEvent("message", "b", "")]

    def test_a_retry_of_any_length_is_harmless(self):
        assert parse(b"retry: 250\nretry: " + b"9" * 10_000 + b"\n")[2] == 250
        assert parse(b"retry:\nretry: \nretry: \xc2\xb2\n")[2] is None

    def test_events_before_an_oversized_one_are_not_lost(self):
        parser = Parser(max_event_bytes=10)
        assert parser.feed(b"data: a\n\ndata: 0123456789") == [ServerSentEvent("message", "a", "")]
        with pytest.raises(TooLarge, match="more than 10 bytes"):
            parser.feed(b"")
        parser.end()
        assert parser.feed(b"data: b\n\n") == [ServerSentEvent("message", "b", "")]

    def test_many_short_lines_count_together(self):
        parser = Parser(max_event_bytes=100)
        with pytest.raises(TooLarge):
            parser.feed(b"data\n" * 30)

    def test_a_line_in_tiny_pieces_costs_no_more_than_its_length(self):
        parser = Parser()
        for _ in range(200_000):  # minutes, if each piece copied what came before
            parser.feed(b"xxxxxxxxxxxxxxxx")
        assert parser.feed(b"\ndata: a\n\n") == [ServerSentEvent("message", "a", "")]


class TestEncoders:
    @pytest.mark.parametrize("text", ["a\0", "a\nb", "a\rb", "\ud800"])
    def test_an_id_that_cannot_be_read_back_is_refused(self, text):
        with pytest.raises(Malformed, match="an id"):
            sse.event(b"x", id=text)

    @pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\r\ndata: forged", "\udfff"])
    def test_a_type_that_would_open_a_line_is_refused(self, text):
        with pytest.raises(Malformed, match="a type"):
            sse.event(b"x", type=text)

    def test_the_bytes(self):
        assert sse.event(b"a\r\nb\rc\nd", id="e-1", type="t") == (
            b"id: e-1\nevent: t\ndata: a\ndata: b\ndata: c\ndata: d\n\n"
        )
        assert sse.event(b"") == b"data: \n\n"
        assert sse.event_line(b'{"a":1}', "e-1") == b'id: e-1\ndata: {"a":1}\n\n'
        assert sse.comment("hello\r\nthere") == b": hello\n: there\n\n"
        assert sse.retry(1500) == b"retry: 1500\n\n"
        assert sse.retry(-1) == b"retry: 0\n\n"

    @given(TEXT)
    def test_data_never_forges_a_field(self, text):
        block = sse.event(f"{text}\r\rid: forged\nevent: forged\n\n".encode())
        (event,), last, _ = parse(block)
        assert (event.type, last) == ("message", "")
