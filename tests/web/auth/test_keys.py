"""Keys from settings and JWK Sets: each bound to its algorithm, unusable ones named or passed over."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hubbub.core.errors import Misconfigured
from hubbub.web.auth.keys import VerifyKey, configured_keys, parse_jwks, select
from hubbub.web.auth.options import AuthOptions, JwtKey

from .conftest import PAIRS, Pair


def jwks(*entries: object) -> bytes:
    return json.dumps({"keys": list(entries)}).encode()


@pytest.mark.parametrize("name", PAIRS)
def test_pem_keys_from_text_and_from_a_file(name, tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(PAIRS[name].pem)
    options = AuthOptions(
        jwt_keys=(
            JwtKey(algorithm=name, key=PAIRS[name].pem, kid="a"),
            JwtKey(algorithm=name, file=str(file)),
        )
    )
    one, other = configured_keys(options)
    assert (one.algorithm, one.kid, other.kid) == (name, "a", "")
    assert one.key == other.key


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (JwtKey(algorithm="RS256", key="nonsense"), "PEM"),
        (JwtKey(algorithm="RS256", key=PAIRS["RS256"].private_pem), "private"),
        (JwtKey(algorithm="ES256", key=PAIRS["RS256"].pem), "P-256"),
        (JwtKey(algorithm="RS256", key=PAIRS["ES256"].pem), "RSA"),
        (JwtKey(algorithm="EdDSA", key=PAIRS["ES256"].pem), "Ed25519"),
        (JwtKey(algorithm="RS256", file="/nowhere/at/all.pem"), "cannot read"),
    ],
)
def test_a_key_that_cannot_serve_is_named(entry, said):
    with pytest.raises(Misconfigured, match=r"auth\.jwt_keys\[0\]") as caught:
        configured_keys(AuthOptions(jwt_keys=(entry,)))
    assert said in caught.value.detail


def test_short_rsa_keys_and_other_curves_are_refused():
    short = Pair("RS256", rsa.generate_private_key(65537, 1024))
    other = Pair("ES256", ec.generate_private_key(ec.SECP384R1()))
    for pair in (short, other):
        entry = JwtKey(algorithm=pair.algorithm, key=pair.pem)
        with pytest.raises(Misconfigured):
            configured_keys(AuthOptions(jwt_keys=(entry,)))


def test_a_jwk_set_keeps_the_keys_that_can_verify():
    shared = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "oct"}
    keys = parse_jwks(
        jwks(
            *(pair.jwk(kid=name) for name, pair in PAIRS.items()),
            PAIRS["RS256"].jwk(kid="encrypts", use="enc"),
            PAIRS["RS256"].jwk(kid="signs", key_ops=["encrypt"]),
            PAIRS["RS256"].jwk(kid="pss", alg="PS256"),
            PAIRS["RS256"].jwk(kid="lies", alg="ES256"),
            PAIRS["RS256"].jwk(kid=7),
            shared,
            {"kty": "RSA"},
            {},
            None,
            "key",
        ),
        "here",
    )
    assert [(key.algorithm, key.kid) for key in keys] == [(n, n) for n in PAIRS]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b'{"keys": [{"kty": "oct"}]}']
)
def test_what_is_no_jwk_set_is_refused(text):
    with pytest.raises(Misconfigured, match="here"):
        parse_jwks(text, "here")


def test_a_jwk_set_from_a_file(tmp_path):
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks(PAIRS["EdDSA"].jwk(kid="k")))
    assert [key.kid for key in configured_keys(AuthOptions(jwks_file=str(file)))] == ["k"]


def test_kid_only_chooses_among_known_keys():
    named, unnamed = VerifyKey("RS256", 1, "a"), VerifyKey("RS256", 2)
    other, elsewhere = VerifyKey("RS256", 3, "b"), VerifyKey("ES256", 4, "a")
    keys = [unnamed, named, other, elsewhere]
    assert select(keys, "RS256", "a") == [named]
    assert select(keys, "RS256", "unknown") == [unnamed]
    assert select(keys, "RS256", "") == [unnamed, named, other]
    assert select(keys, "ES256", "b") == []
    assert select(keys, "none", "") == []
