"""`hubbub publish`: what becomes of DATA, of standard input and of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubbub.core.event import payload
from serving import PATIENCE, Serving

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("topic", "data", "content_type"),
    [
        ("data/object", b'{"a": 1.50}', "application/json"),
        ("data/number", b"42", "application/json"),
        ("data/text", b"hello world", "text/plain"),
        ("data/lines", "grüße\n\x1b[2J\n".encode(), "text/plain"),
        ("data/almost", b'{"a": 1', "text/plain"),
    ],
)
def test_data_is_json_if_it_is_json_and_text_otherwise(
    server: Serving, topic: str, data: bytes, content_type: str
) -> None:
    by_argument = server.run("publish", topic, data.decode(), "--type", "x.y")
    by_input = server.run("publish", topic, "-", stdin=data)
    assert (by_argument.code, by_input.code) == (0, 0)
    one, other = server.events(topic)
    assert by_argument.out == f"{one.position} {topic} {one.id}\n"
    assert (one.type, other.type) == ("x.y", "hubbub.published")
    for event in (one, other):
        assert payload(event.json).content == data
        assert event.content_type == content_type


def test_bytes_that_are_no_text_stay_bytes_and_nothing_is_no_data(server: Serving) -> None:
    assert server.run("publish", "raw", "-", stdin=b"\xff\x00").code == 0
    assert server.run("publish", "raw").code == 0
    raw, nothing = server.events("raw")
    assert (raw.data, raw.content_type) == (b"\xff\x00", "application/octet-stream")
    assert (nothing.data, nothing.content_type) == (None, None)


def test_each_line_of_a_file_is_an_event(server: Serving, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("".join(f'{{"n": {n}}}\n\n' for n in range(2500)))
    done = server.run("publish", "file", "--file", str(file), "--type", "line")
    events = server.events("file")
    assert done.out == f"2500 events published to file, the last one at {events[-1].position}\n"
    assert [event.data["n"] for event in events] == list(range(2500))
    assert {event.type for event in events} == {"line"}
    assert server.run("publish", "input", "--file", "-", stdin=b'1\n"x"').code == 0
    assert [event.data for event in server.events("input")] == [1, "x"]
    assert server.run("publish", "none", "--file", "-").out == "0 events published to none\n"


def test_a_bad_line_is_named_and_what_is_before_it_is_there(server: Serving) -> None:
    done = server.run("publish", "bad", "--file", "-", stdin=b'{"n": 1}\n{"n": \n{"n": 3}\n')
    assert done.code == 2
    assert done.err.startswith("hubbub: line 2: not valid JSON")
    assert done.err.endswith("; the lines before it were published\n")
    assert [event.data for event in server.events("bad")] == [{"n": 1}]


def test_as_a_process_with_a_progress_bar_on_a_terminal(server: Serving, tmp_path: Path) -> None:
    import os
    import pty

    file = tmp_path / "events.ndjson"
    file.write_text("1\n" * 5000)
    ours, theirs = pty.openpty()
    with server.start("publish", "bar", "--file", str(file), stderr=theirs) as process:
        os.close(theirs)
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert out.startswith("5000 events published to bar")
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        assert b"events" in terminal.read(65_536)
