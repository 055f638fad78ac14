"""Messages from frames."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from hubbub.web.server.messages import Assembler, TooManyFragmentsError


def frames(data: bytes, opcode: Opcode, cuts: list[int]) -> list[Frame]:
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    return [
        Frame(Opcode.CONT if i else opcode, piece, fin=i == len(pieces) - 1)
        for i, piece in enumerate(pieces)
    ]


def add_all(assembler: Assembler, pieces: list[Frame]) -> list:
    return [assembler.add(piece) for piece in pieces]


@given(st.text(), st.data())
def test_text_comes_together_wherever_it_is_cut(text, data):
    raw = text.encode()
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=6))
    assembler = Assembler(max_fragments=7)
    *earlier, last = add_all(assembler, frames(raw, Opcode.TEXT, cuts))
    assert earlier == [None] * len(cuts)
    assert last == {"type": "websocket.receive", "text": text}
    assert not assembler.is_partial


@given(st.binary(), st.data())
def test_bytes_come_together_wherever_they_are_cut(raw, data):
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=6))
    assembler = Assembler(max_fragments=7)
    *_, last = add_all(assembler, frames(raw, Opcode.BINARY, cuts))
    assert last == {"type": "websocket.receive", "bytes": raw}
    assert type(last["bytes"]) is bytes


@given(st.binary(max_size=8), st.data())
def test_text_fails_exactly_if_it_is_not_utf8(raw, data):
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=3))
    assembler = Assembler(max_fragments=7)
    try:
        expected = raw.decode()
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            add_all(assembler, frames(raw, Opcode.TEXT, cuts))
    else:
        *_, last = add_all(assembler, frames(raw, Opcode.TEXT, cuts))
        assert last["text"] == expected


def test_text_fails_as_soon_as_it_can():
    assembler = Assembler(max_fragments=7)
    assembler.add(Frame(Opcode.TEXT, b"\xc3", fin=False))
    with pytest.raises(UnicodeDecodeError):
        assembler.add(Frame(Opcode.CONT, b"(", fin=False))


def test_fragments_are_counted_for_each_message():
    assembler = Assembler(max_fragments=3)
    for _ in range(3):
        for frame in frames(b"abc", Opcode.BINARY, [1, 2]):
            message = assembler.add(frame)
        assert message is not None
    for frame in frames(b"abcd", Opcode.BINARY, [1, 2, 3])[:3]:
        assert assembler.add(frame) is None
    assert assembler.is_partial
    with pytest.raises(TooManyFragmentsError):
        assembler.add(Frame(Opcode.CONT, b"d"))
