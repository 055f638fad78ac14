"""`hubbub listen` as a process: lines, filters, and how it ends."""

from __future__ import annotations

import os
import pty
import signal
from pathlib import Path

import pytest

from serving import PATIENCE, Serving, serving

pytestmark = pytest.mark.slow


def heard(server: Serving, count: int, *args: str) -> list[str]:
    """Listen until so many lines came, then interrupt it."""
    with server.start("listen", *args) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip("\n") for _ in range(count)]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""
    return lines


def test_a_line_has_time_topic_type_and_data_and_moves_no_cursor(server: Serving) -> None:
    server.run("publish", "lines/1", '{"a":\n1.50}')
    server.run("publish", "lines/2", "one\x1b[2J\ntwo\u202e", "--type", "x.y")
    server.run("publish", "lines/3", "-", stdin=b"\xff\x00")
    server.run("publish", "lines/4")
    lines = heard(server, 4, "lines/*", "--since", "earliest")
    assert all(line.split(" ")[0].endswith("Z") for line in lines)
    assert [line.split(" ", 1)[1] for line in lines] == [
        'lines/1 hubbub.published {"a": 1.50}',
        r"lines/2 x.y one\x1b[2J\ntwo\u202e",
        "lines/3 hubbub.published <2 bytes>",
        "lines/4 hubbub.published",
    ]


def test_many_events_through_a_pipe_as_they_came(server: Serving) -> None:
    lines = b"".join(b'{"n": %d, "pad": "%b"}\n' % (n, b"x" * 200) for n in range(3000))
    server.run("publish", "many", "--file", "-", stdin=lines)
    shown = heard(server, 3000, "many", "--since", "earliest", "--json")
    assert [line.encode() for line in shown] == [event.json for event in server.events("many")]


def test_filters_and_types(server: Serving) -> None:
    for kind in ("a.x", "b.x", "a.y"):
        server.run("publish", "kinds", kind, "--type", kind)
    (line,) = heard(server, 1, "kinds", "--since", "earliest", "--type", "b.x")
    assert line.endswith(" kinds b.x b.x")
    lines = heard(server, 2, "kinds", "--last", "2", "--filter", "type LIKE 'a.%'")
    assert [line.split()[2] for line in lines] == ["a.x", "a.y"]


def test_json_on_a_terminal_moves_no_cursor_either(server: Serving) -> None:
    server.run("publish", "terminal", '"a\u202eb\x7f"')
    ours, theirs = pty.openpty()
    args = ("listen", "terminal", "--last", "1", "--json")
    with server.start(*args, stdout=theirs) as process:
        os.close(theirs)
        with os.fdopen(ours, "rb") as terminal:
            line = terminal.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
    assert rb'"data":"a\u202eb\u007f"' in line


def test_it_ends_when_nobody_reads_it_any_more(server: Serving) -> None:
    server.run("publish", "enough", "1")
    with server.start("listen", "enough", "--last", "1") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_server_that_goes_away_is_told_and_awaited(tmp_path: Path) -> None:
    with (
        serving("--store", "memory:", cwd=tmp_path) as server,
        server.start("listen", "a", "--since", "earliest") as process,
    ):
        server.run("publish", "a", "1")
        assert process.stdout is not None
        assert process.stdout.readline()
        server.stop()
        assert process.stderr is not None
        assert "; again in " in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_a_gap_is_told_and_listening_goes_on(server: Serving) -> None:
    server.run("publish", "gap", "1")
    with server.start("listen", "gap", "--since", "zzzzzzzz-1") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("hubbub: events after zzzzzzzz-1 are gone; ")
        assert process.stdout is not None
        assert process.stdout.readline().endswith(" gap hubbub.published 1\n")
        process.send_signal(signal.SIGINT)


def test_nobody_there_is_3() -> None:
    import socket

    from serving import start

    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with start("listen", env={"HUBBUB_URL": url}) as process:
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    assert "cannot be reached" in told.splitlines()[-1]
    assert "Traceback" not in told
