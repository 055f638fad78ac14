"""Standard Webhooks: the vectors, independent libraries in both directions, and what must not pass."""

from __future__ import annotations

import ast
import base64
import itertools
import math
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import standardwebhooks
import svix.webhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

import vectors
from hubbub import webhooks
from hubbub.webhooks import (
    InvalidSecret,
    InvalidSignature,
    Message,
    Signer,
    Verifier,
    new_key_pair,
    new_secret,
    public_key,
    sign,
    verify,
)

NOW = 1_795_564_800
SECRET = new_secret(bytes(range(32)))
OTHER = new_secret(bytes(range(1, 33)))
PAIR = new_key_pair(bytes(range(32)))
ID = "msg_1"
BODY = b'{"total": 12}'
VISIBLE = [chr(n) for n in range(0x21, 0x7F) if chr(n) != "."]


def headers(signature: str, id: str = ID, timestamp: object = NOW) -> dict[str, str]:
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }


class TestVectors:
    found = vectors.load("standard-webhooks", "vectors.json")

    @pytest.mark.parametrize("case", found["sign_v1"], ids=lambda case: case["name"])
    def test_v1(self, case):
        body, stamp = case["payload"].encode(), case["timestamp"]
        made = headers(case["signature"], case["id"], stamp)
        assert verify(body, made, case["secret"], now=stamp) == (case["id"], stamp, body)
        if "one pad character" in case["name"]:  # 23 octets: enough to verify, too few to sign
            with pytest.raises(InvalidSecret, match="24 to 64"):
                sign(case["secret"], case["id"], stamp, body)
        else:
            assert sign(case["secret"], case["id"], stamp, body) == case["signature"]

    @pytest.mark.parametrize("case", found["sign_v1a"], ids=lambda case: case["name"])
    def test_v1a(self, case):
        body, stamp = case["payload"].encode(), case["timestamp"]
        assert sign(case["secret_key"], case["id"], stamp, body) == case["signature"]
        assert public_key(case["secret_key"]) == case["public_key"]
        made = headers(case["signature"], case["id"], stamp)
        for key in (case["public_key"], case["secret_key"]):
            assert verify(body, made, key, now=stamp).id == case["id"]

    @pytest.mark.parametrize("case", found["verify"], ids=lambda case: case["name"])
    def test_verify(self, case):
        arguments = (case["payload"].encode(), case["headers"], case["secrets"])
        if case["valid"]:
            assert verify(*arguments, now=case["now"]).body == arguments[0]
        else:
            with pytest.raises(InvalidSignature):
                verify(*arguments, now=case["now"])

    @pytest.mark.parametrize("secret", found["bad_secrets"])
    def test_bad_secrets(self, secret):
        for use in (Signer, Verifier):
            with pytest.raises(InvalidSecret, match="empty|24 to 64"):
                use(secret)

    def test_a_secret_too_short_to_sign_with_still_verifies(self):
        """docs.svix.com, verifying payloads by hand: 18 octets."""
        signed = headers(
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=", "msg_loFOjxBNrRLzqYUf", 1731705121
        )
        body = b'{"event_type":"ping","data":{"success":true}}'
        assert verify(body, signed, "whsec_plJ3nmyCDGBKInavdOK15jsl", now=1731705121).body == body


class TestOtherLibraries:
    """They ask the clock of the machine, so these sign for now."""

    @pytest.mark.parametrize("library", [standardwebhooks, svix.webhooks])
    def test_they_verify_ours(self, library):
        now = int(time.time())
        signed = headers(sign([OTHER, SECRET], ID, now, BODY), ID, now)
        library.Webhook(SECRET).verify(BODY.decode(), signed)
        signed["webhook-signature"] = sign(OTHER, ID, now, BODY)
        with pytest.raises(library.WebhookVerificationError):
            library.Webhook(SECRET).verify(BODY.decode(), signed)

    @pytest.mark.parametrize("library", [standardwebhooks, svix.webhooks])
    def test_we_verify_theirs(self, library):
        made = library.Webhook(SECRET).sign(ID, datetime.fromtimestamp(NOW, UTC), BODY.decode())
        assert made == sign(SECRET, ID, NOW, BODY)
        assert verify(BODY, headers(made), SECRET, now=NOW) == Message(ID, NOW, BODY)

    def test_v1a_both_ways(self):
        key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        content = f"{ID}.{NOW}.".encode() + BODY
        made = base64.b64decode(sign(PAIR.secret, ID, NOW, BODY).removeprefix("v1a,"))
        key.public_key().verify(made, content)
        theirs = "v1a," + base64.b64encode(key.sign(content)).decode()
        assert verify(BODY, headers(theirs), PAIR.public, now=NOW).id == ID


@given(
    id=st.text(VISIBLE, min_size=1, max_size=256),
    timestamp=st.integers(0, 10**12 - 1),
    body=st.binary(),
    entropies=st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4),
    kinds=st.integers(0, 15),
)
def test_what_is_signed_is_verified_with_any_of_the_secrets(id, timestamp, body, entropies, kinds):
    pairs = [new_key_pair(e) if kinds >> n & 1 else None for n, e in enumerate(entropies)]
    secrets = [p.secret if p else new_secret(e) for p, e in zip(pairs, entropies, strict=True)]
    signed = headers(sign(secrets, id, timestamp, body), id, timestamp)
    for pair, secret in zip(pairs, secrets, strict=True):
        held = pair.public if pair else secret
        assert verify(body, signed, held, now=timestamp) == Message(id, timestamp, body)
    with pytest.raises(InvalidSignature):
        verify(body + b" ", signed, secrets, now=timestamp)


class TestVerify:
    @pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe", b"a.b.c", "ü".encode("latin-1")])
    def test_any_octets_are_a_body(self, body):
        for secret, held in ((SECRET, SECRET), PAIR):
            signed = headers(sign(secret, ID, NOW, body))
            assert verify(body, signed, held, now=NOW).body == body

    def test_the_names_of_svix(self):
        made = {name.replace("webhook", "Svix"): v for name, v in self.good().items()}
        assert verify(BODY, made, SECRET, now=NOW).id == ID

    def test_a_family_is_not_mixed_with_another(self):
        made = self.good()
        made["svix-id"] = made.pop("webhook-id")
        with pytest.raises(InvalidSignature, match="no header webhook-id$"):
            verify(BODY, made, SECRET, now=NOW)

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_what_is_missing_is_named(self, n):
        for gone in itertools.combinations(self.good(), n):
            made = {name: value for name, value in self.good().items() if name not in gone}
            with pytest.raises(InvalidSignature, match=f"no header {', '.join(gone)}$"):
                verify(BODY, made, SECRET, now=NOW)

    @pytest.mark.parametrize(
        "timestamp",
        ["1e9", "-5", "+5", " 5", "5.0", "1_0", "\uff11\uff12", "NaN", "9" * 13, "9" * 5000],
    )
    def test_timestamps_are_whole_numbers(self, timestamp):
        with pytest.raises(InvalidSignature, match="whole number"):
            verify(BODY, headers("v1,AAAA", ID, timestamp), SECRET, now=NOW)

    @pytest.mark.parametrize("id", ["a.b", "a b", "ä", "\udc80", "a\n", "x" * 257])
    def test_an_id_cannot_be_read_in_two_ways(self, id):
        with pytest.raises(InvalidSignature, match="id"):
            verify(BODY, headers("v1,AAAA", id), SECRET, now=NOW)
        with pytest.raises(ValueError, match="id"):
            sign(SECRET, id, NOW, BODY)

    def test_a_part_of_the_body_cannot_become_the_timestamp(self):
        """Without the rule on ids, this would hold: the signed octets are the same."""
        later = NOW + 10_000
        signature = sign(SECRET, ID, NOW, b"%d.x" % later)
        with pytest.raises(InvalidSignature):
            verify(b"x", headers(signature, f"{ID}.{NOW}", later), SECRET, now=later)

    def test_tolerance_both_ways(self):
        for now in (NOW - 10, NOW + 10.0):
            assert verify(BODY, self.good(), SECRET, tolerance=10, now=now)
        with pytest.raises(InvalidSignature, match="11 seconds ago"):
            verify(BODY, self.good(), SECRET, tolerance=10, now=NOW + 11)
        with pytest.raises(InvalidSignature, match="11 seconds ahead of our clock"):
            verify(BODY, self.good(), SECRET, tolerance=10, now=NOW - 11)

    def test_a_clock_that_tells_no_time_trusts_nothing(self):
        with pytest.raises(InvalidSignature):
            verify(BODY, self.good(), SECRET, now=math.nan)

    def test_the_clock_of_the_machine(self):
        now = int(time.time())
        assert verify(BODY, headers(sign(SECRET, ID, now, BODY), ID, now), SECRET)
        with pytest.raises(InvalidSignature, match="ago"):
            verify(BODY, headers(sign(SECRET, ID, now - 400, BODY), ID, now - 400), SECRET)

    @pytest.mark.parametrize(
        "junk", ["", ",", "v1", "v1,", "v1,=", "v1,ä", "v1a,", "v1a,AAAA", "v9,AAAA", ",v1", "v1,A"]
    )
    @pytest.mark.parametrize("held", [SECRET, PAIR.public])
    def test_junk_neither_passes_nor_gets_in_the_way(self, junk, held):
        with pytest.raises(InvalidSignature):
            verify(BODY, headers(junk or " "), held, now=NOW)
        made = headers(f"{junk}  {sign([SECRET, PAIR.secret], ID, NOW, BODY)} {junk}")
        assert verify(BODY, made, held, now=NOW)

    def test_an_unpadded_signature(self):
        assert verify(BODY, headers(sign(SECRET, ID, NOW, BODY).rstrip("=")), SECRET, now=NOW)

    def test_only_so_many_signatures_are_looked_at(self):
        junk, good = "v1,AAAA ", sign(SECRET, ID, NOW, BODY)
        assert verify(BODY, headers(junk * 31 + good), SECRET, now=NOW)
        with pytest.raises(InvalidSignature):
            verify(BODY, headers(junk * 32 + good), SECRET, now=NOW)

    def test_why_not(self):
        with pytest.raises(InvalidSignature, match="wrong secret, or changed"):
            verify(BODY, self.good(), OTHER, now=NOW)
        with pytest.raises(InvalidSignature, match="no signature of version v1a$"):
            verify(BODY, self.good(), PAIR.public, now=NOW)
        with pytest.raises(InvalidSignature, match="version v1 or v1a$"):
            verify(BODY, headers("v2,AAAA"), [SECRET, PAIR.public], now=NOW)

    def test_one_kind_is_not_taken_for_the_other(self):
        """The public key is no HMAC secret, whatever it is written as."""
        public = PAIR.public.removeprefix("whpk_")
        forged = sign("whsec_" + public, ID, NOW, BODY)
        for made in (forged, forged.replace("v1,", "v1a,")):
            with pytest.raises(InvalidSignature):
                verify(BODY, headers(made), PAIR.public, now=NOW)

    def test_prepared(self):
        assert Signer([SECRET, OTHER]).sign(ID, NOW, BODY) == sign([SECRET, OTHER], ID, NOW, BODY)
        assert Verifier(iter([OTHER, SECRET])).verify(BODY, self.good(), now=NOW).id == ID

    @staticmethod
    def good() -> dict[str, str]:
        return headers(sign(SECRET, ID, NOW, BODY))


class TestSecrets:
    @pytest.mark.parametrize("use", [Signer, Verifier])
    @pytest.mark.parametrize(
        ("secret", "reason"),
        [
            ([], "no secret"),
            ("whsec_====", "empty"),
            ("whsk_", "empty"),
            ("whsec_not base64!", "base64"),
            ("whsec_ä" + "A" * 40, "base64"),
            ("whsk_AAAA", "32 or 64 octets, not 3"),
            ("whsk_" + base64.b64encode(bytes(64)).decode(), "second half"),
            ([SECRET, ""], "empty"),
        ],
    )
    def test_refused_for_both(self, use, secret, reason):
        with pytest.raises(InvalidSecret, match=reason):
            use(secret)

    def test_refused_to_verify(self):
        with pytest.raises(InvalidSecret, match="32 octets, not 3"):
            Verifier("whpk_AAAA")

    def test_refused_to_sign(self):
        with pytest.raises(InvalidSecret, match="verifies only"):
            Signer(PAIR.public)
        for length in (1, 23, 65):
            secret = "whsec_" + base64.b64encode(bytes(length)).decode()
            assert Verifier(secret)
            with pytest.raises(InvalidSecret, match=f"24 to 64 octets, this one {length}"):
                Signer(secret)

    def test_a_seed_alone_and_without_padding(self):
        seed = "whsk_" + base64.b64encode(bytes(range(32))).decode().rstrip("=")
        assert public_key(seed) == PAIR.public
        assert sign(seed, ID, NOW, BODY) == sign(PAIR.secret, ID, NOW, BODY)

    def test_errors_do_not_hold_them(self):
        for secret in ("whsec_secret!", "whsk_c2VjcmV0", "whsec_c2VjcmV0"):
            with pytest.raises(InvalidSecret) as caught:
                Signer(secret)
            assert "c2VjcmV0" not in str(caught.value)
            assert "secret!" not in str(caught.value)
            assert caught.value.__cause__ is None

    @pytest.mark.parametrize("length", [0, 23, 65])
    def test_entropy_for_a_secret(self, length):
        with pytest.raises(InvalidSecret, match="24 to 64"):
            new_secret(bytes(length))

    def test_entropy_for_a_pair(self):
        with pytest.raises(InvalidSecret, match="32 octets, not 31"):
            new_key_pair(bytes(31))

    def test_only_a_key_has_a_public_one(self):
        with pytest.raises(InvalidSecret, match="begins with whsk_"):
            public_key(SECRET)

    def test_a_timestamp_is_not_negative(self):
        with pytest.raises(ValueError, match="negative"):
            sign(SECRET, ID, -1, BODY)


def test_a_receiver_may_copy_the_file():
    tree = ast.parse(Path(webhooks.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert "hubbub" not in imported
    foreign = imported - {"__future__", "base64", "collections", "hmac", "re", "time", "typing"}
    assert foreign == {"cryptography"}
