"""The numbers are those of the requirements of the Recommendation, as docs/websub.md lists them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import Malformed, Unsupported
from hubbub.wire.websub import (
    FORM,
    METHODS,
    Publishing,
    Subscribing,
    parse,
    publish_form,
    read_form,
    sign,
    subscribe_form,
    verify,
    with_parameters,
)
from vectors import load

CALLBACK, TOPIC = "https://reader.example/cb?id=1&b=%2F", "https://blog.example/feed/"
ASKED = {"hub.mode": "subscribe", "hub.callback": CALLBACK, "hub.topic": TOPIC}
NEWS = [("hub.mode", "publish")]


def asked(**more: str) -> Subscribing:
    found = parse((ASKED | {f"hub.{name}": value for name, value in more.items()}).items())
    assert isinstance(found, Subscribing)
    return found


def refused(*fields: tuple[str, str]) -> str:
    with pytest.raises(Malformed) as error:
        parse(fields)
    return error.value.detail


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=UTF-8", FORM.upper()])
def test_01_a_form_is_read(kind: str) -> None:
    body = urlencode(ASKED).encode()
    assert parse(read_form(kind, body)) == Subscribing(
        mode="subscribe", callback=CALLBACK, topic=TOPIC
    )


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data; boundary=x"])
def test_01_anything_else_is_none(kind: str) -> None:
    with pytest.raises(Unsupported):
        read_form(kind, urlencode(ASKED).encode())


@pytest.mark.parametrize("body", [b"hub.topic=%FF", b"hub.topic=\xc3\xa9", b"a=1&" * 2000])
def test_07_a_form_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_form(FORM, body)


def test_02_a_secret_is_taken() -> None:
    assert asked(secret="s3cr€t").secret == "s3cr€t"
    assert "s3cr€t" not in repr(asked(secret="s3cr€t"))


def test_03_a_secret_has_less_than_200_bytes() -> None:
    assert asked(secret="x" * 199).secret
    assert asked(secret="é" * 99 + "x").secret
    for secret in ("x" * 200, "é" * 100):
        assert "199 bytes" in refused(*(ASKED | {"hub.secret": secret}).items())


def test_03_an_empty_secret_is_none() -> None:
    assert asked(secret="").secret == ""


def test_04_what_is_unknown_is_ignored() -> None:
    extra = {"hub.unknown": "1", "topic": "x", "callback": "y", "hub.topic2": "z"}
    assert parse((ASKED | extra).items()) == asked()


def test_05_a_lease_is_a_positive_number() -> None:
    assert asked(lease_seconds="864000").lease == 864_000
    assert asked(lease_seconds="").lease is None
    assert asked(lease_seconds="9" * 400).lease == int("9" * 18)
    for text in ("0", "-1", "1.5", "ten", "000", "\u0663"):
        assert "positive" in refused(*(ASKED | {"hub.lease_seconds": text}).items())


def test_05_43_a_lease_of_an_unsubscription_is_ignored() -> None:
    assert asked(mode="unsubscribe", lease_seconds="nonsense").lease is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "hub.mode is missing"),
        ({"hub.mode": "SUBSCRIBE"}, "hub.mode is"),
        ({"hub.mode": "subscribe", "hub.topic": TOPIC}, "hub.callback is missing"),
        ({"hub.mode": "subscribe", "hub.callback": CALLBACK}, "hub.topic is missing"),
        (ASKED | {"hub.topic": "ftp://blog.example/"}, "http"),
        (ASKED | {"hub.topic": "https:///x"}, "http"),
        (ASKED | {"hub.callback": "https://reader.example/a b"}, "http"),
        (ASKED | {"hub.callback": "https://reader.example/\r\nX: y"}, "http"),
        (ASKED | {"hub.topic": TOPIC + "#top"}, "fragment"),
        (ASKED | {"hub.topic": "https://b.example/" + "x" * 2048}, "characters"),
    ],
)
def test_07_17_what_is_wrong_is_said(fields: dict[str, str], told: str) -> None:
    assert told in refused(*fields.items())


def test_07_a_name_that_says_two_things() -> None:
    assert "2 different" in refused(*ASKED.items(), ("hub.topic", "https://other.example/"))
    assert parse([*ASKED.items(), ("hub.topic", TOPIC)]) == asked()


@pytest.mark.parametrize(
    "url", ["https://b.example/%2Fa?x=%26&y=ü%20", "http://b.example?", "HTTP://B/"]
)
def test_14_urls_stay_as_they_were_given(url: str) -> None:
    assert asked(callback=url, topic=url).callback == url


def test_clients_of_pubsubhubbub_0_3_are_understood() -> None:
    old = [*ASKED.items(), ("hub.verify", "sync"), ("hub.verify", "async")]
    found = parse([*old, ("hub.verify_token", "t&k")])
    assert isinstance(found, Subscribing)
    assert (found.is_old, found.token) == (True, "t&k")
    assert "4096 bytes" in refused(*old, ("hub.verify_token", "x" * 5000))


def test_signature_methods_are_chosen_by_the_subscriber() -> None:
    assert asked(signature_methods="md5, SHA512 ,sha1").methods == ("sha512", "sha1")
    assert "names one of" in refused(*(ASKED | {"hub.signature_methods": "md5"}).items())


A, B, C = "https://b.example/a", "https://b.example/b,c", "http://b.example/c"


@pytest.mark.parametrize(
    ("fields", "topics"),
    [
        ([("hub.topic", A)], (A,)),
        ([("hub.url", A)], (A,)),
        ([("hub.url", A), ("hub.topic", A)], (A,)),
        ([("hub.url", A), ("hub.url", B), ("hub.url", A)], (A, B)),
        ([("hub.url[]", A), ("hub.url[]", C)], (A, C)),
        ([("hub.url", f"{A},{B} , {C}")], (A, B, C)),
    ],
)
def test_55_pings_in_every_spelling(fields: list[tuple[str, str]], topics: tuple[str, ...]) -> None:
    assert parse([*NEWS, *fields]) == Publishing(topics)


def test_55_a_ping_names_something_but_not_everything() -> None:
    assert "names what has changed" in refused(*NEWS)
    many = [("hub.url", f"{A}{number}") for number in range(1001)]
    assert "1000" in refused(*NEWS, *many)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://r.example/cb", "http://r.example/cb?hub.mode=subscribe"),
        ("http://r.example/cb?", "http://r.example/cb?hub.mode=subscribe"),
        (
            "http://r.example/cb?a=%20+b&hub.mode=x",
            "http://r.example/cb?a=%20+b&hub.mode=x&hub.mode=subscribe",
        ),
        ("http://r.example", "http://r.example?hub.mode=subscribe"),
        ("http://r.example/cb?a&", "http://r.example/cb?a&hub.mode=subscribe"),
    ],
)
def test_20_parameters_are_appended(url: str, expected: str) -> None:
    assert with_parameters(url, [("hub.mode", "subscribe")]) == expected


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.from_regex(r"[a-z0-9=&%2F+.]*", fullmatch=True),
)
def test_20_a_query_stays_byte_for_byte(value: str, own: str) -> None:
    url = f"http://r.example/cb?{own}"
    found = with_parameters(url, [("hub.topic", value)])
    assert found.startswith(url)
    assert parse_qsl(found, keep_blank_values=True)[-1][1] == value or not value


def test_30_signatures_are_those_of_the_vectors() -> None:
    found = load("websub", "signatures.json")
    body = found["body"].encode()
    for method, signature in found["signatures"].items():
        assert sign(method, found["secret"], body) == signature
        assert verify(signature, found["secret"], body)
        assert verify(signature.upper(), found["secret"], body)
        assert not verify(signature, found["secret"], body + b" ")
        assert not verify(signature, "another", body)
    for signature in found["must_fail"]:
        assert not verify(signature, found["secret"], body)
    assert set(found["signatures"]) == set(METHODS)


@given(st.text())
def test_48_any_header_may_come(text: str) -> None:
    assert not verify(text, "secret", b"body")


def test_40_our_own_forms_are_understood() -> None:
    form = subscribe_form("subscribe", CALLBACK, TOPIC, lease=60, secret="ü&=")
    assert parse(read_form(FORM, form)) == Subscribing(
        mode="subscribe", callback=CALLBACK, topic=TOPIC, lease=60, secret="ü&="
    )
    assert parse(read_form(FORM, publish_form(TOPIC))) == Publishing((TOPIC,))
