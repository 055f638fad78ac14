"""Secrets at rest: both ways, the independent reading of the form, and everything that must not open."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import Corrupt, HubbubError, Misconfigured
from hubbub.wire.sealed import key_id, seal, unseal

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
NONCE = bytes(range(12))
CONTEXT = "subscription/s1"
SEALED = seal(KEY, "whsec_AAAA", CONTEXT, NONCE)


@given(text=st.text(), context=st.text(max_size=40), nonce=st.binary(min_size=12, max_size=12))
def test_both_ways(text, context, nonce):
    sealed = seal(KEY, text, context, nonce)
    assert unseal([OTHER, KEY], sealed, context) == text
    assert sealed.isascii()
    assert " " not in sealed


def test_the_form():
    """Written down once more with the cipher's parts, so that what was stored stays readable."""
    name = hashlib.sha256(b"hubbub sealing key\0" + KEY).hexdigest()[:16]
    cipher = Cipher(algorithms.AES(KEY), modes.GCM(NONCE)).encryptor()
    cipher.authenticate_additional_data(f"v1.{name}.{CONTEXT}".encode())
    octets = NONCE + cipher.update(b"whsec_AAAA") + cipher.finalize() + cipher.tag
    assert f"v1.{name}." + base64.urlsafe_b64encode(octets).decode() == SEALED


def test_another_owner_cannot_open_it():
    with pytest.raises(Corrupt, match="subscription/s2 is damaged, or was sealed for another"):
        unseal([KEY], SEALED, "subscription/s2")


def test_the_missing_key_is_named():
    for keys in ([], [OTHER]):
        with pytest.raises(Misconfigured, match=f"subscription/s1 .* key {key_id(KEY)}"):
            unseal(keys, SEALED, CONTEXT)


def test_any_change_is_noticed():
    kept = SEALED.rstrip("=")
    for at, letter in enumerate(kept):
        changed = kept[:at] + ("B" if letter == "A" else "A") + SEALED[at + 1 :]
        with pytest.raises(HubbubError):
            unseal([KEY], changed, CONTEXT)


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_any_cut_is_noticed(length):
    with pytest.raises(HubbubError):
        unseal([KEY], SEALED[:length], CONTEXT)


def test_the_id_of_a_key_that_did_not_seal_it():
    """A key id is authenticated: a text does not open under the name of another key."""
    changed = SEALED.replace(key_id(KEY), key_id(OTHER))
    with pytest.raises(Corrupt):
        unseal([KEY, OTHER], changed, CONTEXT)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_keys_are_of_aes_256(length):
    with pytest.raises(Misconfigured, match=f"32 octets, not {length}"):
        seal(bytes(length), "text", CONTEXT, NONCE)


@pytest.mark.parametrize("length", [0, 8, 11, 13])
def test_nonces_have_one_length(length):
    with pytest.raises(ValueError, match="12 octets"):
        seal(KEY, "text", CONTEXT, bytes(length))


def test_errors_hold_neither_key_nor_text():
    for keys, context in (([OTHER], CONTEXT), ([KEY], "subscription/s2")):
        with pytest.raises(HubbubError) as caught:
            unseal(keys, SEALED, context)
        assert "whsec" not in caught.value.detail
        assert KEY.hex() not in caught.value.detail
        assert SEALED[20:] not in caught.value.detail
