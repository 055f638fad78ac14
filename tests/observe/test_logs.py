"""Lines as they come out: JSON for machines, one line each, whatever was logged."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import pytest

from hubbub.observe.logs import handler
from hubbub.observe.options import ObserveOptions


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def log():
    """A logger of its own, so that nobody else's lines get in."""
    return logging.Logger("hubbub.test", logging.DEBUG)  # noqa: LOG001


def lines(log, stream: io.StringIO, how: str = "auto") -> io.StringIO:
    log.handlers = [handler(ObserveOptions(format=how), stream)]
    return stream


def test_a_json_line_has_time_level_logger_message_then_fields(log):
    out = lines(log, io.StringIO())
    log.warning("%s left", "alice", extra={"topic": "orders/1", "body": b"data", "n": 2})
    line = json.loads(out.getvalue())
    assert list(line)[:4] == ["time", "level", "logger", "message"]
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "hubbub.test",
        "message": "alice left",
        "topic": "orders/1",
        "body": "<4 bytes>",
        "n": 2,
    }


def test_a_terminal_gets_text_and_everybody_else_json(log):
    assert not lines(log, Terminal()).getvalue()
    for stream, how, is_json in (
        (Terminal(), "auto", False),
        (io.StringIO(), "auto", True),
        (Terminal(), "json", True),
        (io.StringIO(), "console", False),
    ):
        out = lines(log, stream, how)
        log.info("hello")
        assert out.getvalue().startswith("{") is is_json
        assert ("\x1b[" in out.getvalue()) is (not is_json and stream.isatty())


@pytest.mark.parametrize("how", ["json", "console"])
def test_nobody_can_write_a_line_of_ours(log, how):
    out = lines(log, io.StringIO(), how)
    log.info("a\n{} \x1b[2J\u202e", extra={"topic": 'x\r\n{"level": "error"}', "nasty\nname": 1})
    text = out.getvalue()
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("how", ["json", "console"])
def test_tokens_do_not_get_out_not_even_by_an_exception(log, how):
    secret = "hk_" + "s3cret-" * 6
    out = lines(log, io.StringIO(), how)
    try:
        int(f"bad token {secret}")
    except ValueError:
        log.exception("it broke: access_token=%s", secret, extra={"authorization": secret})
    text = out.getvalue()
    assert "s3cret" not in text
    assert "bad token [redacted]" in text
    if how == "json":
        assert json.loads(text)["exception"].startswith("Traceback")


SERVERS_OWN_LOGGERS = """
import logging, warnings
from hubbub.observe.logs import configure
from hubbub.observe.options import ObserveOptions
logging.getLogger("uvicorn.access").addHandler(logging.StreamHandler())
configure(ObserveOptions(level="info"))
logging.getLogger("uvicorn.access").info('%s - "GET %s" %d', "1.2.3.4", "/t?access_token=hunter2", 200)
logging.getLogger("uvicorn.error").info("started")
logging.getLogger("asyncio").debug("not worth a line")
warnings.warn("old")
"""


def test_configure_takes_every_logger_of_the_process():
    done = subprocess.run(
        [sys.executable, "-c", SERVERS_OWN_LOGGERS], capture_output=True, text=True, check=True
    )
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["logger"] for line in found] == ["uvicorn.access", "uvicorn.error", "py.warnings"]
    assert found[0]["message"] == '1.2.3.4 - "GET /t?access_token=[redacted]" 200'
    assert "hunter2" not in done.stdout + done.stderr
