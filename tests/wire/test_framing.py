"""Frames are read back by independent parsers: the websockets library and a chunk reader."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from hubbub.wire.framing import WINDOW_BITS, chunk, deflated_frame, text_frame


def parse(data: bytes) -> Frame:
    reader = StreamReader()
    reader.feed_data(data)
    parser = Frame.parse(reader.read_exact, mask=False, max_size=None, extensions=[_Accept()])
    try:
        while True:
            next(parser)
    except StopIteration as done:
        assert not reader.buffer
        return done.value


class _Accept:
    """Lets a reserved bit through, as a negotiated extension does."""

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        if frame.rsv1:
            inflated = zlib.decompressobj(wbits=-WINDOW_BITS).decompress(
                frame.data + b"\x00\x00\xff\xff"
            )
            return Frame(frame.opcode, inflated, frame.fin)
        return frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_a_text_frame_of_every_length_form(size: int) -> None:
    frame = parse(text_frame(b"x" * size))
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, b"x" * size)


@given(st.binary(max_size=3000))
def test_a_compressed_frame_inflates_without_context(payload: bytes) -> None:
    frame = parse(deflated_frame(payload))
    assert (frame.opcode, bytes(frame.data)) == (Opcode.TEXT, payload)


@given(st.binary(min_size=1, max_size=300))
def test_a_chunk_has_its_size_in_hexadecimal(data: bytes) -> None:
    size, _, rest = chunk(data).partition(b"\r\n")
    assert int(size, 16) == len(data)
    assert rest == data + b"\r\n"
