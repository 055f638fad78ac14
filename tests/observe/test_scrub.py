"""Nothing that is logged gives a secret away, forges a line or grows without bound."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.observe.scrub import (
    MAX_ITEMS,
    MAX_TEXT,
    MAX_TRACE,
    clean,
    clean_trace,
    clean_value,
    printable,
    redact,
)

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
KEY = "hk_" + "Ab1-_" * 8 + "xyz"


@pytest.mark.parametrize("token", [JWT, KEY, "whsec_c2VjcmV0c2VjcmV0"])
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "a token {} here",
        'GET /topics/a?access_token={}&b=1 HTTP/1.1" 200',
        "/x?a=1&access_token={}",
        "redirect=%2Fx%3Faccess_token%3D{}",
        "Authorization: Bearer {}",
        "authorization=Bearer {}",
        "{{'authorization': 'Bearer {}', 'host': 'a'}}",
        "(b'authorization', b'Bearer {}')",
        "Sec-WebSocket-Protocol: hubbub.v1, bearer.{}",
        "Cookie: a=b; hubbub_token={}",
        "set-cookie: hubbub_token={}; HttpOnly",
        "jwt_secret={}",
        "<{}>",
    ],
)
def test_tokens_are_replaced_wherever_they_are(text, token):
    found = redact(text.format(token))
    assert token not in found
    assert token[6:20] not in found
    assert "[redacted]" in found


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgres://me:hunter2@db:5432/x", "postgres://me:[redacted]@db:5432/x"),
        ("GET /t?access_token=hunter2&since=1h", "GET /t?access_token=[redacted]&since=1h"),
        ("password=hunter2 user=me", "password=[redacted] user=me"),
    ],
)
def test_what_is_around_a_secret_stays(text, kept):
    assert redact(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "GET /topics/orders/42?since=k3f9x2ab-1042 HTTP/1.1",
        "http://127.0.0.1:8080/topics/a@b",
        "the token ended 2 hours ago; get a new one",
        "reader 5 left after 3.2 s",
        "auth: no keys",
    ],
)
def test_ordinary_lines_stay(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("\x7f\x85\u2028\u200b", r"\x7f\x85\u2028\u200b"),
        ("\ud800", r"\ud800"),
        ("grüße 東京 🎉", "grüße 東京 🎉"),
    ],
)
def test_what_does_not_print_is_escaped(text, shown):
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_a_clean_text_is_one_printable_bounded_line(text):
    found = clean(text * 100)
    assert len(found) <= MAX_TEXT
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in found)


@pytest.mark.parametrize("cut", range(20, 60, 5))
def test_half_a_token_at_a_cut_is_not_left(cut):
    # A long header shrinks to one word, so the cut comes into what is shown.
    filled = "cookie: " + "x" * (32_768 - 9 - cut) + "\n" + JWT
    assert JWT[:8] not in clean(filled + "z" * 10_000)
    assert JWT[-8:] not in clean_trace("z" * 10_000 + JWT + "\ncookie: " + "x" * (32_768 - 9 - cut))


def test_a_trace_keeps_its_lines_and_its_end():
    trace = "Traceback:\n" + f"  line with {JWT}\x1b\n" * 2000 + "ValueError: the end"
    found = clean_trace(trace)
    assert len(found) <= MAX_TRACE
    assert found.endswith("\nValueError: the end")
    assert found.startswith("...")
    assert JWT not in found
    assert "\x1b" not in found
    assert clean_trace("a\nb") == "a\nb"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


def test_values_of_every_sort():
    assert clean_value("body", b"payload") == "<7 bytes>"
    assert clean_value("n", 3) == 3
    assert clean_value("ok", True) is True
    assert clean_value("none", None) is None
    assert clean_value("x", ValueError("a\nb")) == r"a\nb"
    assert clean_value("x", Unprintable()) == "<Unprintable>"
    for name in ("token", "Authorization", "jwt_secret", "Set-Cookie", "apikey", "password"):
        assert clean_value(name, "hunter2") == "[redacted]"
    nested = {"headers": [{"authorization": "hunter2", "host": "a\n"}], 1: (KEY,)}
    assert clean_value("x", nested) == {
        "headers": [{"authorization": "[redacted]", "host": r"a\n"}],
        "1": ["[redacted]"],
    }


def test_structures_are_bounded():
    deep: list[object] = []
    for _ in range(1000):
        deep = [deep]
    assert len(str(clean_value("x", deep))) < MAX_TEXT + 100
    assert len(clean_value("x", list(range(1000)))) == MAX_ITEMS
    assert len(clean_value("x", dict.fromkeys(range(1000)))) == MAX_ITEMS


@pytest.mark.parametrize(
    "piece",
    ["eyJ-", "eyJa.", "token", "://", "://a:", "bearer ", "hk_", "cookie", "token=", "-", "\x1b"],
)
def test_no_text_takes_long_to_clean(piece):
    text = piece * (32_768 // len(piece))
    began = time.process_time()
    clean_trace(text)
    clean(text)
    assert time.process_time() - began < 2  # linear: some milliseconds; quadratic: minutes
