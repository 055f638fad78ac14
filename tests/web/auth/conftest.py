"""Keys of every sort, made once, and a clock that stands still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

NOW = 1_800_000_000.0


@dataclass
class StillClock:
    """A clock that moves when told."""

    time: float = NOW

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time - NOW + 1000


@dataclass(frozen=True)
class Pair:
    """A signing key and its public half."""

    algorithm: str
    private: Any

    @property
    def public(self) -> Any:
        return self.private.public_key()

    @property
    def pem(self) -> str:
        return self.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    @property
    def private_pem(self) -> str:
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def jwk(self, **more: Any) -> dict[str, Any]:
        made = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.public, as_dict=True)
        return {**made, **more}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=header or None)


PAIRS = {
    "RS256": Pair("RS256", rsa.generate_private_key(65537, 2048)),
    "ES256": Pair("ES256", ec.generate_private_key(ec.SECP256R1())),
    "EdDSA": Pair("EdDSA", ed25519.Ed25519PrivateKey.generate()),
}


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that hold at NOW; None takes one out."""
    made = {
        "sub": "alice",
        "aud": "hubbub",
        "exp": NOW + 600,
        "hubbub": {"publish": ["orders/*"], "subscribe": ["**"]},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def scope(
    *headers: tuple[str, str], kind: str = "http", method: str = "GET", **more: Any
) -> dict[str, Any]:
    """An ASGI scope as uvicorn makes it."""
    made: dict[str, Any] = {
        "type": kind,
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "query_string": b"",
        **more,
    }
    if kind == "http":
        made["method"] = method
    return made


@pytest.fixture
def clock() -> StillClock:
    return StillClock()
