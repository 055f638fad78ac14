"""PayPal (developer.paypal.com, webhooks integration guide): RSA-SHA256 with a named certificate.

The certificate's URL comes with the request, so its host is PayPal's or it is not fetched, and the
chain in it must lead to a known authority and name a host of paypal.com.
"""

from __future__ import annotations

import re
import ssl
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from hubbub.sources.webhook import keys
from hubbub.sources.webhook.errors import Unverified, mismatch
from hubbub.sources.webhook.hosts import provider_url
from hubbub.sources.webhook.request import Received

_HOST = re.compile(r"([a-z0-9-]{1,63}\.){1,4}paypal\.com")
_PATH = re.compile(r"/[A-Za-z0-9/._-]{1,256}")
_CERTIFIED = re.compile(r"([a-z0-9-]{1,63}\.){1,4}paypal\.com")

MAX_CHAIN = 8
"""Certificates in one file: a chain has three or four."""


def certificate_url(received: Received) -> str:
    """Return where the certificate is. Raises `Unverified`."""
    url = received.header("paypal-cert-url") or ""
    if received.header("paypal-auth-algo") != "SHA256withRSA":
        raise Unverified("PAYPAL-AUTH-ALGO is not SHA256withRSA")
    if not provider_url(url, _HOST, _PATH):
        raise Unverified("PAYPAL-CERT-URL is not at paypal.com")
    return url


def key_of(certificate: bytes | None, now: float, roots: bytes | None) -> keys.PublicKey | None:
    """Return the key of a chain (PEM, leaf first) that holds at `now`. Raises `Unverified`."""
    try:
        leaf, *others = x509.load_pem_x509_certificates(certificate or b"")[:MAX_CHAIN]
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        name = next(
            name
            for name in names.get_values_for_type(x509.DNSName)
            if _CERTIFIED.fullmatch(name.lower())
        )
        verifier = (
            PolicyBuilder()
            .store(_system() if roots is None else _store(roots))
            .time(datetime.fromtimestamp(now, UTC))
            .build_server_verifier(x509.DNSName(name))
        )
        verifier.verify(leaf, others)
    except (ValueError, x509.ExtensionNotFound, StopIteration, VerificationError):
        raise mismatch() from None
    return keys.strong(leaf.public_key())


@lru_cache(maxsize=8)
def _store(roots: bytes) -> Store:
    return Store(x509.load_pem_x509_certificates(roots))


@lru_cache(maxsize=1)
def _system() -> Store:
    """Return the authorities that the operating system trusts."""
    found: list[x509.Certificate] = []
    with warnings.catch_warnings():  # a few old roots break today's rules of encoding
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for encoded in ssl.create_default_context().get_ca_certs(binary_form=True):
            with suppress(ValueError):
                found.append(x509.load_der_x509_certificate(encoded))
    return Store(found)
