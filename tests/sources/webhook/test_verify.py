"""Verifying: every secret is tried, ids and types are legal, and no input breaks it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import HubbubError, Malformed, TooLarge
from hubbub.sources.webhook import (
    Received,
    Unverified,
    catalogue,
    handshake,
    keys,
    required_certificate,
    verify,
)
from hubbub.sources.webhook.request import MAX_FIELDS, at
from hubbub.sources.webhook.verify import MAX_ID, MAX_SIGNATURES
from sources.webhook import senders
from sources.webhook.senders import FORM, NOW, SENDERS, mac, pairs, received

HEADERS = sorted(
    {name for n, send in SENDERS.items() for name, _ in send(b"{}", pairs(n)[0][0], NOW).headers}
)
TEXTS = st.text(max_size=60) | st.sampled_from(
    [
        "sha256=00",
        "t=1,v1=00",
        "v1,AAAA",
        str(NOW),
        "2026-01-01T00:00:00Z",
        FORM,
        "9" * 17,
        "Basic ==",
    ]
)
BODIES = st.binary(max_size=60) | st.sampled_from(
    [b"[" * 5000, b"a=%ff", b'{"signature": {"timestamp": "1"}}', b'{"type": 1}', b'{"type": 0}']
)


@given(
    st.sampled_from(sorted(SENDERS)),
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]),
    st.lists(st.tuples(st.sampled_from(HEADERS), TEXTS), max_size=6),
    BODIES,
    st.text(max_size=30),
)
def test_no_request_breaks_it(
    name: str, method: str, headers: list[tuple[str, str]], body: bytes, tail: str
) -> None:
    request = Received(
        method=method,
        url="https://a.example" + tail,
        query=(("signature", tail), ("crc_token", tail), ("bodySHA256", tail)),
        headers=tuple(headers),
        body=body,
    )
    scheme, ours = catalogue()[name], pairs(name)[0][1]
    for call in (
        lambda: required_certificate(scheme, request, [ours]),
        lambda: verify(scheme, request, [ours, "whpk_x", "é"], NOW, roots=senders.authority()[0]),
        lambda: handshake(scheme, request, [ours], NOW, verify_token="t"),
    ):
        try:
            call()
        except HubbubError as error:
            assert error.status in (400, 401, 413)


@given(st.sampled_from(sorted(SENDERS)), st.data())
def test_one_changed_header_never_passes_for_another(name: str, data: st.DataObject) -> None:
    (theirs, ours), _ = pairs(name)
    request = SENDERS[name](b'{"a":1}', theirs, NOW)
    place = data.draw(st.integers(0, len(request.headers) - 1))
    text = data.draw(TEXTS)
    headers = list(request.headers)
    headers[place] = (headers[place][0], text)
    changed = msgspec.structs.replace(request, headers=tuple(headers))
    try:
        verify(catalogue()[name], changed, [pairs(name)[1][1]], NOW)
    except HubbubError as error:
        assert error.status in (400, 401)
    else:
        raise AssertionError(f"{name} passed with another's secret, {ours!r}")


def test_every_secret_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bytes] = []
    real = keys.digest
    monkeypatch.setattr(keys, "digest", lambda k, m, a: tried.append(k) or real(k, m, a))
    request = SENDERS["github"](b"{}", "a", NOW)
    assert verify(catalogue()["github"], request, ["a", "b", "c"], NOW).key == 0
    assert tried == [b"a", b"b", b"c"]


def test_refusals_read_the_same() -> None:
    request = SENDERS["github"](b"{}", "a", NOW)
    junk = msgspec.structs.replace(request, headers=(("x-hub-signature-256", "sha256=zz"),))
    told: set[str] = set()
    for each in (request, junk):
        with pytest.raises(Unverified) as raised:
            verify(catalogue()["github"], each, ["b"], NOW)
        told.add(raised.value.detail)
    assert len(told) == 1


def test_a_missing_signature_is_named() -> None:
    with pytest.raises(Unverified, match="x-hub-signature-256"):
        verify(catalogue()["github"], received(b"{}"), ["s"], NOW)


@pytest.mark.parametrize("stamp", ["soon", "-1", "1.5", "٣", "1" * 17, "1_0", " 1"])
def test_a_time_that_cannot_be_read_is_malformed(stamp: str) -> None:
    headers = {"X-Slack-Signature": "v0=00", "X-Slack-Request-Timestamp": stamp}
    with pytest.raises(Malformed, match="time"):
        verify(catalogue()["slack"], received(b"{}", headers), ["s"], NOW)


def test_few_signatures_are_tried() -> None:
    good = mac("s", f"{NOW}.{{}}".encode()).hex()
    for before, passes in ((MAX_SIGNATURES - 2, True), (MAX_SIGNATURES, False)):
        text = ",".join([f"t={NOW}", *["v1=00"] * before, f"v1={good}"])
        request = received(b"{}", {"Stripe-Signature": text})
        try:
            verify(catalogue()["stripe"], request, ["s"], NOW)
        except Unverified:
            assert not passes
        else:
            assert passes


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("abc-1", "abc-1"),
        ("", None),
        ("a\x07", None),
        ("a\u200b", None),
        ("x" * (MAX_ID + 1), None),
    ],
)
def test_an_illegal_id_is_no_id(told: str, kept: str | None) -> None:
    headers = {
        "X-Hub-Signature-256": "sha256=" + mac("s", b"x").hex(),
        "X-GitHub-Delivery": told,
        "X-GitHub-Event": told,
    }
    found = verify(catalogue()["github"], received(b"x", headers), ["s"], NOW)
    assert (found.id, found.type) == (kept, kept or "webhook")


def test_sha1_is_never_taken_for_sha256() -> None:
    request = received(b"x", {"X-Hub-Signature-256": "sha256=" + mac("s", b"x", "sha1").hex()})
    with pytest.raises(Unverified):
        verify(catalogue()["github"], request, ["s"], NOW)


def test_a_form_is_bounded_and_strict() -> None:
    assert received(b"a=1&a=&b", content_type=FORM + "; charset=utf-8").form == (
        ("a", "1"),
        ("a", ""),
        ("b", ""),
    )
    assert received(b"a=1").form == ()
    with pytest.raises(TooLarge):
        _ = received(b"&" * MAX_FIELDS, content_type=FORM).form
    for body in (b"\xff=1", b"a=%ff"):
        with pytest.raises(Malformed):
            _ = received(body, content_type=FORM).form


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/a/0/b", 1),
        ("/a/1", None),
        ("/a/-1", None),
        ("/a/x", None),
        ("/a~1b", 2),
        ("/m~0n", 3),
        ("/a/0/b/c", None),
        ("/a/99999999", None),
    ],
)
def test_pointers(pointer: str, found: object) -> None:
    assert at({"a": [{"b": 1}], "a/b": 2, "m~n": 3}, pointer) == found
