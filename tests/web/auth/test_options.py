"""What the settings of authentication refuse, and what they never show."""

from __future__ import annotations

import msgspec
import pytest

from hubbub.core.grants import Grants
from hubbub.web.auth.options import ApiKey, AuthOptions, JwtKey
from hubbub.web.auth.origins import is_loopback, is_same_host

HASH = "ab" * 32


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"jwt_secret": "short"}, "32 bytes"),
        ({"leeway": 61}, "leeway"),
        ({"audience": ""}, "audience"),
        ({"cookie_name": "a b"}, "cookie_name"),
        ({"cookie_name": ""}, "cookie_name"),
        ({"origins": ["null"]}, "origin"),
        ({"origins": ["https://a.example/"]}, "origin"),
        ({"origins": ["https://a.example:443"]}, "port"),
        ({"origins": ["*"]}, "origin"),
        ({"jwt_keys": [{"algorithm": "HS256", "key": "x"}]}, "jwt_keys"),
        ({"jwt_keys": [{"algorithm": "RS256"}]}, "either"),
        ({"jwt_keys": [{"algorithm": "RS256", "key": "x", "file": "y"}]}, "either"),
        ({"keys": [{"name": "a", "hash": "00", "grants": {}}]}, "64 hex"),
        ({"keys": [{"name": "a", "hash": "zz" * 32, "grants": {}}]}, "64 hex"),
        ({"keys": [{"name": "", "hash": HASH, "grants": {}}]}, "name"),
        ({"keys": [{"name": "a", "hash": HASH, "grants": {"publish": ["a//b"]}}]}, "publish"),
        ({"keys": [{"name": "a", "hash": HASH, "grants": {}}] * 2}, "same name"),
        ({"anonymous": {"subscribe": ["*x"]}}, "subscribe"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_what_cannot_work_is_refused(entry, said):
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(entry, AuthOptions)


def test_two_keys_may_not_share_a_hash_in_any_case():
    one = ApiKey(name="a", hash=HASH, grants=Grants())
    other = ApiKey(name="b", hash=HASH.upper(), grants=Grants())
    with pytest.raises(ValueError, match="same hash"):
        AuthOptions(keys=(one, other))


def test_the_secret_is_not_in_the_repr():
    assert "hunter2" not in repr(AuthOptions(jwt_secret="hunter2" * 5))
    assert "jwt_secret=''" in repr(AuthOptions())


def test_open_means_that_nobody_said_anything():
    key = ApiKey(name="a", hash=HASH, grants=Grants())
    assert AuthOptions().is_open
    assert not AuthOptions(anonymous=Grants()).is_open
    for closed in (
        AuthOptions(keys=(key,)),
        AuthOptions(jwt_secret="s" * 32),
        AuthOptions(jwt_keys=(JwtKey(algorithm="RS256", key="x"),)),
        AuthOptions(jwks_url="https://id.example/jwks"),
        AuthOptions(jwks_file="jwks.json"),
    ):
        assert closed.has_keys
        assert not closed.is_open


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.evil.example", False),
        ("notlocalhost", False),
        ("127.0.0.1.evil.example", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_loopback(host, local):
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("https://a.example", "a.example", True),
        ("https://a.example", "A.example:443", True),
        ("http://a.example:8080", "a.example:8080", True),
        ("http://a.example", "a.example:8080", False),
        ("https://evil.example", "a.example", False),
        ("https://a.example.evil", "a.example", False),
        ("null", "null", False),
        ("null", "", False),
        ("file://", "", False),
        ("", "", False),
        ("https://", "", False),
    ],
)
def test_same_host(origin, host, same):
    assert is_same_host(origin, host) is same
