"""Keys and tokens that are made here are taken here, and explained when they are not."""

from __future__ import annotations

import jwt
import pytest

from hubbub.core.errors import Misconfigured
from hubbub.core.grants import Grants
from hubbub.web.auth.authenticator import Authenticator
from hubbub.web.auth.explain import Answer, explain
from hubbub.web.auth.mint import key_hash, mint_jwt, mint_key
from hubbub.web.auth.options import AuthOptions

from .conftest import NOW, claims

GRANTS = Grants(publish=("orders/*",), manage=True)
OPTIONS = AuthOptions(jwt_secret="s" * 32, audience="shop", issuer="https://id.example")


def test_an_api_key_is_random_and_only_its_hash_is_kept():
    minted = mint_key("ci", GRANTS, entropy=lambda count: bytes(range(count)))
    assert minted.key == "hk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert minted.entry.hash == key_hash(minted.key)
    assert minted.key not in repr(minted.entry)
    assert mint_key("ci", GRANTS).key != mint_key("ci", GRANTS).key


@pytest.mark.parametrize(("name", "grants"), [("", GRANTS), ("a", Grants(publish=("//",)))])
def test_a_key_that_the_settings_would_refuse_is_not_made(name, grants):
    with pytest.raises(Misconfigured):
        mint_key(name, grants)


def test_a_minted_token_holds(clock):
    token = mint_jwt(OPTIONS, "alice", GRANTS, now=NOW, lifetime=60)
    principal = Authenticator(OPTIONS, clock).verify(token)
    assert principal.grants == GRANTS
    assert principal.expires == NOW + 60 + OPTIONS.leeway


@pytest.mark.parametrize(
    ("options", "grants", "lifetime"),
    [
        (AuthOptions(), GRANTS, 60),
        (OPTIONS, GRANTS, 0),
        (OPTIONS, Grants(subscribe=("a**",)), 60),
    ],
)
def test_a_token_that_could_not_hold_is_not_made(options, grants, lifetime):
    with pytest.raises(Misconfigured):
        mint_jwt(options, "alice", grants, now=NOW, lifetime=lifetime)


def token(**changes: object) -> str:
    return jwt.encode(claims(**changes), "s" * 32, algorithm="HS256")


UNSIGNED = jwt.encode(claims(), None, algorithm="none")
NEVER = Answer(401, "the signature fits none of this server's keys")


@pytest.mark.parametrize(
    ("given", "answer", "said"),
    [
        (token(), None, "reads well"),
        (token(exp=NOW - 7200), None, "exp: the token ended 2 hours ago"),
        (token(exp=NOW - 7200), NEVER, "refused: exp: the token ended"),
        (token(exp=None), NEVER, "refused: exp: it is missing"),
        (token(nbf=NOW + 3600), NEVER, "refused: nbf: the token begins to hold in 60 minutes"),
        (token(aud=None), NEVER, "refused: aud:"),
        (token(hubbub={"publish": "x"}), NEVER, "refused: hubbub.publish:"),
        (token(aud="shop"), Answer(401, "aud: it has to name hubbub"), "refused: aud: it has to"),
        (token(), NEVER, "refused: the signature"),
        (token(), Answer(401), "refused: the token does not hold"),
        (UNSIGNED, NEVER, "refused: alg:"),
        ("hk_short", NEVER, "refused: an API key has 46 characters; this one has 8"),
        ("hk_" + "a" * 43, Answer(401, "the key is none"), "refused: the key is none"),
        ("nonsense", NEVER, "refused: not a JSON Web Token"),
        (token(), Answer(403, "may publish nothing"), "does not allow this: may publish nothing"),
        (token(), Answer(200), "takes the token: it may publish orders/* and subscribe **"),
        (token(hubbub=None), Answer(200), "grants nothing"),
        (token(hubbub={"manage": True}), Answer(200), "it may manage"),
        ("hk_" + "a" * 43, Answer(200), "the server takes the token"),
        (token(exp=NOW - 3600), Answer(200), "although seen from here exp:"),
    ],
)
def test_one_sentence_names_what_fails(given, answer, said):
    sentence = explain(given, NOW, answer)
    assert said in sentence
    assert "\n" not in sentence
    assert all(part not in sentence for part in given.split(".") if len(part) > 8)
