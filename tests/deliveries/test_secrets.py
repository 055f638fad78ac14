"""Signing secrets: made, rotated with an overlap, sealed for one owner."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from hubbub.core.errors import Corrupt, Misconfigured
from hubbub.core.subscription import Subscription
from hubbub.deliveries.secrets import (
    MAX_GRACE,
    MAX_OLD,
    Secret,
    Vault,
    given,
    holding,
    new_secret,
    rotated,
)
from hubbub.wire.signatures import prepare

NOW = 1_795_000_000.0
DAY = 86_400.0


class Entropy:
    """Other bytes every time, the same in every run."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(2, "big").rjust(size, b"\x05")


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def vault(*keys: bytes, clock: Clock | None = None) -> Vault:
    return Vault(keys or (b"k" * 32,), clock or Clock(), Entropy())


def one(id: str = "s1") -> Subscription:
    return Subscription(id=id, sink="https://a.example")


def test_a_new_secret_is_one_of_standard_webhooks() -> None:
    secret = new_secret(lambda n: bytes(range(n)))
    assert secret == "whsec_" + base64.b64encode(bytes(range(32))).decode()
    headers = dict(prepare([secret], ["standard"]).headers("m1", int(NOW), "t", b"{}"))
    known = Webhook(secret)
    assert headers["webhook-signature"].partition(",")[2] in known.sign(
        "m1", datetime.fromtimestamp(NOW, UTC), "{}"
    )


def test_a_new_secret_is_of_the_old_kind() -> None:
    secret = new_secret(lambda n: bytes(range(n)), like="whsk_abc")
    key = base64.b64decode(secret.removeprefix("whsk_"))
    assert secret.startswith("whsk_")
    assert (
        Ed25519PrivateKey.from_private_bytes(key[:32]).public_key().public_bytes_raw() == key[32:]
    )


def test_an_old_secret_signs_along_until_its_grace_is_over() -> None:
    secrets = rotated([Secret("a")], "b", NOW, DAY)
    assert secrets == (Secret("b"), Secret("a", int((NOW + DAY) * 1000)))
    assert holding(secrets, NOW + DAY - 1) == ["b", "a"]
    assert holding(secrets, NOW + DAY) == ["b"]


def test_a_second_rotation_keeps_the_first_grace() -> None:
    secrets = rotated(rotated([Secret("a")], "b", NOW, DAY), "c", NOW + 10, DAY)
    assert holding(secrets, NOW + DAY - 1) == ["c", "b", "a"]
    assert holding(secrets, NOW + DAY + 5) == ["c", "b"]


def test_without_grace_the_old_one_ends_at_once() -> None:
    assert rotated([Secret("a")], "b", NOW, 0) == (Secret("b"),)


def test_what_is_over_goes_and_the_newest_stay() -> None:
    secrets: tuple[Secret, ...] = (Secret("0"),)
    for n in range(1, 30):
        secrets = rotated(secrets, str(n), NOW + n, DAY)
    assert holding(secrets, NOW + 30) == [str(n) for n in range(29, 29 - MAX_OLD - 1, -1)]
    assert rotated(secrets, "z", NOW + 2 * DAY, 1) == (
        Secret("z"),
        Secret("29", int((NOW + 2 * DAY + 1) * 1000)),
    )


def test_a_secret_that_comes_back_is_there_once() -> None:
    secrets = rotated(rotated([Secret("a")], "b", NOW), "a", NOW)
    assert holding(secrets, NOW) == ["a", "b"]


def test_of_given_secrets_the_first_is_active() -> None:
    assert given(["a", "b"], NOW) == (Secret("a"), Secret("b", int((NOW + MAX_GRACE) * 1000)))


def test_sealed_and_opened() -> None:
    clock = Clock()
    safe = vault(clock=clock)
    kept = safe.with_secrets(one(), rotated([Secret("old")], "new", NOW, DAY))
    assert "new" not in str(kept)
    assert safe.signing(kept) == ["new", "old"]
    assert safe.credential(kept) == ""
    clock.time += DAY
    assert safe.signing(kept) == ["new"]


def test_a_credential_comes_and_goes() -> None:
    safe = vault()
    kept = safe.sealed(one(), "credential", "Bearer abc")
    assert "abc" not in str(kept)
    assert safe.credential(kept) == "Bearer abc"
    assert safe.sealed(kept, "credential", "") == one()


def test_it_opens_for_its_owner_and_name_only() -> None:
    safe = vault()
    kept = safe.sealed(one(), "credential", "Bearer abc")
    for stolen in (
        Subscription(id="s2", sink="https://b.example", sealed=kept.sealed),
        Subscription(id="s1", sink="s", sealed={"secrets": kept.sealed["credential"]}),
    ):
        with pytest.raises(Corrupt):
            safe.opened(stolen, next(iter(stolen.sealed)))


def test_keys_may_change() -> None:
    kept = vault(b"1" * 32).sealed(one(), "credential", "c")
    assert vault(b"2" * 32, b"1" * 32).credential(kept) == "c"
    with pytest.raises(Misconfigured):
        vault(b"2" * 32).credential(kept)
