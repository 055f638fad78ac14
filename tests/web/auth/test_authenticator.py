"""Who is asking: the four places of a token, the memory, and pages of foreign origins."""

from __future__ import annotations

import asyncio
import json

import jwt
import pytest

from hubbub.core.errors import Forbidden
from hubbub.core.grants import EVERYONE, Grants, Principal
from hubbub.web.auth import authenticator as module
from hubbub.web.auth.authenticator import REMEMBER, Authenticator
from hubbub.web.auth.credentials import find, offered_subprotocols
from hubbub.web.auth.errors import (
    ForeignOrigin,
    InvalidToken,
    KeysUnreachable,
    MissingToken,
    www_authenticate,
)
from hubbub.web.auth.mint import mint_key
from hubbub.web.auth.options import AuthOptions

from .conftest import NOW, PAIRS, claims, scope

SECRET = "s" * 40
KEY, ENTRY = mint_key("ci", Grants(publish=("builds/**",)))
TOKEN = jwt.encode(claims(), SECRET, algorithm="HS256")
OPTIONS = AuthOptions(keys=(ENTRY,), jwt_secret=SECRET, leeway=0)


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


@pytest.fixture
def auth(clock) -> Authenticator:
    return Authenticator(OPTIONS, clock)


def test_an_api_key_and_a_jwt(auth):
    by_key = auth.identify(scope(bearer(KEY)))
    assert (by_key.name, by_key.grants, by_key.expires) == ("key:ci", ENTRY.grants, None)
    assert (auth.identify(scope(bearer(TOKEN)))).name == "sub:alice"
    assert (auth.verify(TOKEN)).name == "sub:alice"
    assert (auth.verify(KEY)) is by_key


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", "BEARER   "])
def test_the_scheme_is_not_case_sensitive(auth, prefix):
    assert auth.identify(scope(("authorization", prefix + KEY)))


def test_without_a_token(auth):
    with pytest.raises(MissingToken) as caught:
        auth.identify(scope())
    assert www_authenticate(caught.value) == 'Bearer realm="hubbub"'


@pytest.mark.parametrize(
    "headers",
    [
        [bearer("hk_" + "A" * 43)],
        [bearer("")],
        [bearer("gibberish")],
        [("authorization", "Basic dXNlcjpwYXNz")],
        [("authorization", "Bearer")],
        [bearer(KEY), bearer(KEY)],
        [bearer(KEY + "x")],
        [bearer(KEY[:-1])],
        [bearer("\xff\xfe")],
    ],
)
def test_what_does_not_hold(auth, headers):
    with pytest.raises(InvalidToken) as caught:
        auth.identify(scope(*headers))
    told = www_authenticate(caught.value)
    assert told is not None
    assert told.startswith('Bearer realm="hubbub", error="invalid_token", error_description="')
    assert KEY[:10] not in told
    assert told.isascii()
    assert told.isprintable()


def test_a_wrong_token_is_not_anonymous(clock):
    auth = Authenticator(AuthOptions(keys=(ENTRY,), anonymous=Grants(subscribe=("**",))), clock)
    assert (auth.identify(scope())).grants.subscribe == ("**",)
    with pytest.raises(InvalidToken):
        auth.identify(scope(bearer("hk_wrong")))


def test_the_subprotocol_carries_a_token_and_is_never_selected(auth):
    ws = scope(
        ("Sec-WebSocket-Protocol", f"hubbub.v1, bearer.{TOKEN}"),
        kind="websocket",
        subprotocols=["hubbub.v1", f"bearer.{TOKEN}"],
    )
    assert (auth.identify(ws)).name == "sub:alice"
    assert offered_subprotocols(ws) == ["hubbub.v1"]
    assert offered_subprotocols(scope()) == []


def test_the_header_wins_over_the_rest(auth):
    sent = scope(bearer(KEY), ("Sec-WebSocket-Protocol", "bearer.x"), ("Cookie", "hubbub_token=y"))
    assert (auth.identify(sent)).name == "key:ci"


def test_a_query_token_only_where_allowed(auth, clock):
    sent = scope(query_string=f"a=b&access_token={KEY}".encode())
    with pytest.raises(MissingToken):
        auth.identify(sent)
    allowing = Authenticator(AuthOptions(keys=(ENTRY,), allow_query_token=True), clock)
    assert (allowing.identify(sent)).name == "key:ci"
    with pytest.raises(MissingToken):
        allowing.identify(scope(query_string=b"a=b"))


COOKIE = ("Cookie", f"a=b; hubbub_token={KEY}; c=d")
HOST = ("Host", "hub.example")


def test_a_cookie_reads_without_an_origin(auth):
    assert (auth.identify(scope(HOST, COOKIE))).name == "key:ci"
    assert find(scope(("Cookie", "a=1"), ("Cookie", "hubbub_token=x")), b"hubbub_token")
    with pytest.raises(MissingToken):
        auth.identify(scope(HOST, ("Cookie", "hubbub_token=; other_hubbub_token=x")))


@pytest.mark.parametrize("sent", [{"kind": "websocket"}, {"method": "POST"}, {"method": "DELETE"}])
@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        ("https://hub.example", True),
        ("http://hub.example", True),
        ("https://app.example", True),
        ("https://app.example.evil", False),
        ("https://evil.example", False),
        ("http://app.example", False),
        ("http://localhost:5173", False),
        ("null", False),
        (None, False),
    ],
)
def test_a_cookie_acts_for_known_pages_only(clock, sent, origin, welcome):
    options = AuthOptions(keys=(ENTRY,), origins=("https://app.example",))
    headers = [HOST, COOKIE] + ([("Origin", origin)] if origin else [])
    auth = Authenticator(options, clock)

    def asking() -> Principal:
        return auth.identify(scope(*headers, **sent))

    if welcome:
        assert asking().name == "key:ci"
    else:
        with pytest.raises(ForeignOrigin) as caught:
            asking()
        assert caught.value.status == 403
        assert www_authenticate(caught.value) is None


def test_a_token_shown_by_hand_needs_no_origin(auth):
    sent = scope(HOST, bearer(KEY), ("Origin", "https://evil.example"), method="POST")
    assert auth.identify(sent)


@pytest.mark.parametrize(
    ("headers", "welcome"),
    [
        ([], True),
        ([("Host", "localhost:8080")], True),
        ([("Host", "127.0.0.1:8080"), ("Origin", "http://localhost:5173")], True),
        ([("Host", "[::1]:8080"), ("Origin", "http://[::1]:8080")], True),
        ([("Host", "hubbub:8080"), ("Origin", "http://hubbub:8080")], True),
        ([("Host", "localhost"), ("Origin", "https://evil.example")], False),
        ([("Host", "localhost"), ("Origin", "https://localhost.evil.example")], False),
        ([("Host", "localhost"), ("Origin", "null")], False),
    ],
)
def test_an_open_server_is_closed_to_foreign_pages(clock, headers, welcome):
    auth = Authenticator(AuthOptions(), clock)
    assert auth.is_open
    assert auth.identify(scope(*headers)) is EVERYONE
    for sent in (scope(*headers, method="POST"), scope(*headers, kind="websocket")):
        if welcome:
            assert auth.identify(sent) is EVERYONE
        else:
            with pytest.raises(ForeignOrigin):
                auth.identify(sent)
    assert auth.verify("anything") is EVERYONE


def test_what_was_verified_is_remembered_until_it_ends(auth, clock, monkeypatch):
    calls = 0
    real = module.verify

    def counting(*given):
        nonlocal calls
        calls += 1
        return real(*given)

    monkeypatch.setattr(module, "verify", counting)
    for _ in range(3):
        auth.identify(scope(bearer(TOKEN)))
    assert calls == 1
    clock.time += REMEMBER
    auth.identify(scope(bearer(TOKEN)))
    assert calls == 2
    clock.time = NOW + 600
    with pytest.raises(InvalidToken, match="exp"):
        auth.identify(scope(bearer(TOKEN)))


def test_the_memory_is_bounded(auth, monkeypatch):
    monkeypatch.setattr(module, "MAX_REMEMBERED", 3)
    for number in range(10):
        token = jwt.encode(claims(sub=str(number)), SECRET, algorithm="HS256")
        auth.identify(scope(bearer(token)))
    assert len(auth._remembered) == 3


def test_wrong_tokens_leave_nothing_behind(auth):
    for number in range(10):
        with pytest.raises(InvalidToken):
            auth.identify(scope(bearer(f"hk_{number}")))
    assert not auth._remembered


@pytest.mark.anyio
async def test_a_withdrawn_key_ends_what_it_verified(clock):
    pair = PAIRS["ES256"]
    published = [pair.jwk(kid="one")]
    fetched = asyncio.Event()

    async def fetch(url: str) -> bytes:
        fetched.set()
        return json.dumps({"keys": published}).encode()

    options = AuthOptions(jwks_url="https://id.example/jwks")
    auth = Authenticator(options, clock, fetch=fetch)
    await auth.start()
    token = pair.sign(claims(exp=NOW + 86_400), kid="one")
    assert auth.identify(scope(bearer(token))).name == "sub:alice"
    published[:] = [PAIRS["EdDSA"].jwk(kid="two")]
    clock.time += 60
    fetched.clear()
    rotated = scope(bearer(PAIRS["EdDSA"].sign(claims(), kid="two")))
    with pytest.raises(KeysUnreachable):
        auth.identify(rotated)
    await fetched.wait()
    await asyncio.sleep(0)
    assert auth.identify(rotated).name == "sub:alice"
    with pytest.raises(InvalidToken):
        auth.identify(scope(bearer(token)))
    await auth.stop()
    await auth.stop()


@pytest.mark.anyio
async def test_keys_that_cannot_be_fetched_are_no_verdict(clock):
    async def fetch(url: str) -> bytes:
        raise KeysUnreachable("down")

    options = AuthOptions(jwks_url="https://id.example/jwks", jwt_secret=SECRET)
    auth = Authenticator(options, clock, fetch=fetch)
    await auth.start()
    with pytest.raises(KeysUnreachable) as caught:
        auth.identify(scope(bearer(PAIRS["ES256"].sign(claims()))))
    assert www_authenticate(caught.value) is None
    assert auth.identify(scope(bearer(TOKEN)))
    await auth.stop()


@pytest.mark.anyio
async def test_the_death_of_the_fetcher_is_noticed(clock, caplog):
    answers = iter([b'{"keys": []}'])

    async def fetch(url: str) -> bytes:
        return next(answers)  # the second time it breaks

    options = AuthOptions(jwks_url="https://id.example/jwks", jwt_secret=SECRET)
    auth = Authenticator(options, clock, fetch=fetch)
    await auth.start()
    clock.time += 60
    with pytest.raises(KeysUnreachable):
        auth.identify(scope(bearer(PAIRS["ES256"].sign(claims()))))
    assert auth._task is not None
    await asyncio.wait([auth._task])
    await asyncio.sleep(0)
    assert "no longer kept fresh" in caplog.text
    await auth.stop()


def test_a_token_without_the_right_is_told_so(auth):
    principal = auth.identify(scope(bearer(KEY)))
    with pytest.raises(Forbidden) as caught:
        principal.require_publish("orders/1")
    assert www_authenticate(caught.value) == 'Bearer realm="hubbub", error="insufficient_scope"'
