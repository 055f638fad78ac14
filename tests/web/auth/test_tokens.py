"""JWTs: what holds, what does not, and that every refusal names its claim without the token."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.grants import Grants
from hubbub.web.auth.errors import InvalidToken
from hubbub.web.auth.keys import VerifyKey
from hubbub.web.auth.options import AuthOptions
from hubbub.web.auth.tokens import MAX_TOKEN, verify

from .conftest import NOW, PAIRS, claims

SECRET = "s" * 32
KEYS = [VerifyKey("HS256", SECRET.encode())]
KEYS += [VerifyKey(name, pair.public) for name, pair in PAIRS.items()]
OPTIONS = AuthOptions(leeway=30)


def hs256(payload: dict[str, Any], secret: str = SECRET, **header: Any) -> str:
    text = json.dumps(payload).encode()
    return jwt.api_jws.encode(text, secret, algorithm="HS256", headers=header or None)


def refused(token: str, options: AuthOptions = OPTIONS, keys: list[VerifyKey] = KEYS) -> str:
    with pytest.raises(InvalidToken) as caught:
        verify(token, keys, options, NOW)
    for part in token.split("."):
        assert len(part) < 8 or part not in caught.value.detail
    assert caught.value.status == 401
    return caught.value.detail


def raw(header: object, payload: object, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts)


def test_a_good_token_names_its_holder_and_grants():
    principal = verify(hs256(claims()), KEYS, OPTIONS, NOW)
    assert principal.name == "sub:alice"
    assert principal.grants == Grants(publish=("orders/*",), subscribe=("**",))
    assert principal.expires == NOW + 600 + 30


@pytest.mark.parametrize("name", PAIRS)
def test_every_algorithm_verifies_with_its_own_key(name):
    token = PAIRS[name].sign(claims())
    assert verify(token, KEYS, OPTIONS, NOW).name == "sub:alice"


@pytest.mark.parametrize("name", PAIRS)
def test_another_key_of_the_same_algorithm_does_not_fit(name):
    token = PAIRS[name].sign(claims())
    head, payload, signature = token.split(".")
    flipped = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    assert "signature" in refused(f"{head}.{payload}.{flipped}")


def test_an_unknown_key_and_a_wrong_signature_read_the_same():
    wrong = hs256(claims(), "x" * 32)
    assert refused(wrong) == refused(hs256(claims()), keys=[])


def test_the_algorithm_comes_from_the_key_never_from_the_token():
    pair = PAIRS["RS256"]
    # The classic confusion: HS256 with the public key's text as the secret (RFC 8725 2.1).
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=").decode()
    signed = jwt.get_algorithm_by_name("HS256").sign(f"{head}.{body}".encode(), pair.pem.encode())
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"
    assert "signature" in refused(forged, keys=[VerifyKey("RS256", pair.public)])


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "HS512", "PS256", "foo"])
def test_algorithms_that_are_not_the_keys_do_not_fit(alg):
    assert "signature" in refused(raw({"alg": alg, "typ": "JWT"}, claims(), b"x" * 32))


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"exp": None}, "exp"),
        ({"exp": NOW - 31}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": True}, "exp"),
        ({"nbf": NOW + 31}, "nbf"),
        ({"nbf": []}, "nbf"),
        ({"aud": None}, "aud"),
        ({"aud": "elsewhere"}, "aud"),
        ({"aud": ["a", "b"]}, "aud"),
        ({"aud": {"hubbub": 1}}, "aud"),
        ({"sub": 7}, "sub"),
        ({"sub": "a\x1b[31m"}, "sub"),
        ({"sub": "a" * 256}, "sub"),
        ({"iss": ["a"]}, "iss"),
        ({"hubbub": []}, "hubbub"),
        ({"hubbub": {"publish": "orders/*"}}, "hubbub.publish"),
        ({"hubbub": {"publish": ["/bad"]}}, "hubbub"),
        ({"hubbub": {"admin": True}}, "hubbub"),
    ],
)
def test_a_refusal_names_the_claim(changes, claim):
    assert refused(hs256(claims(**changes))).startswith(f"{claim}:")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 29},
        {"nbf": NOW + 29},
        {"aud": ["other", "hubbub"]},
        {"hubbub": None},
        {"hubbub": {"manage": ["orders/*"]}},
        {"iss": "https://id.example", "jti": "1", "more": {"deep": [1]}},
    ],
)
def test_what_holds(changes):
    verify(hs256(claims(**changes)), KEYS, OPTIONS, NOW)


def test_the_issuer_is_checked_where_one_is_set():
    options = AuthOptions(issuer="https://id.example")
    assert refused(hs256(claims(iss="https://evil.example")), options).startswith("iss:")
    assert refused(hs256(claims()), options).startswith("iss:")
    good = verify(hs256(claims(iss="https://id.example")), KEYS, options, NOW)
    assert good.name == "sub:alice@https://id.example"


def test_tokens_without_a_subject_have_scopes_of_their_own():
    one = verify(hs256(claims(sub=None)), KEYS, OPTIONS, NOW)
    other = verify(hs256(claims(sub=None, jti="2")), KEYS, OPTIONS, NOW)
    assert one.name != other.name
    assert one.name.startswith("token:")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_access_tokens_are_taken(typ):
    verify(hs256(claims(), typ=typ), KEYS, OPTIONS, NOW)


@pytest.mark.parametrize("typ", ["dpop+jwt", "logout+jwt", "secevent+jwt"])
def test_tokens_made_for_something_else_are_not(typ):
    assert refused(hs256(claims(), typ=typ)).startswith("typ:")


def test_unknown_critical_extensions_are_refused():
    refused(hs256(claims(), crit=["exotic"], exotic=1))


def test_detached_payloads_are_refused():
    token = jwt.api_jws.encode(b"{}", SECRET, algorithm="HS256", headers={"b64": False})
    refused(token)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c.d.e", "€.€.€", "a" * (MAX_TOKEN + 1), "e30.e30.e30"]
)
def test_what_is_no_token_is_refused(token):
    refused(token)


@given(st.text(max_size=200) | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,80}\.[\w-]{0,40}"))
def test_nothing_but_a_refusal_comes_of_garbage(token):
    with pytest.raises(InvalidToken):
        verify(token, KEYS, OPTIONS, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
NAMES = ("exp", "nbf", "aud", "sub", "iss", "hubbub", "iat")


@given(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON)
def test_signed_garbage_is_refused_or_holds(payload):
    token = jwt.api_jws.encode(json.dumps(payload).encode(), SECRET, algorithm="HS256")
    try:
        principal = verify(token, KEYS, OPTIONS, NOW)
    except InvalidToken:
        return
    assert principal.expires is not None
    assert principal.expires > NOW


@given(st.dictionaries(st.sampled_from(("alg", "kid", "typ", "crit", "b64", "jku")), JSON))
def test_garbage_headers_are_refused(header):
    with pytest.raises(InvalidToken):
        verify(raw(header, claims(), b"x" * 32), KEYS, OPTIONS, NOW)
