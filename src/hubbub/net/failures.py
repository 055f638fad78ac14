"""The one seam where aiohttp's exceptions become ours: a cause, and a sentence for the owner."""

from __future__ import annotations

import ssl

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientResponseError,
    InvalidURL,
)

from hubbub.net.connector import Attempt
from hubbub.net.errors import Cause, InvalidTarget
from hubbub.net.resolver import Denied


def explain(error: Exception, attempt: Attempt, timeout: float) -> tuple[Cause, str]:
    """Say what went wrong, most specific first. Raises what is no failure of a request."""
    denied = error if isinstance(error, Denied) else attempt.denied
    if denied is not None:
        return denied.cause, denied.detail
    if isinstance(error, (InvalidTarget, InvalidURL)):
        return "refused", error.detail if isinstance(error, InvalidTarget) else "not a URL to call"
    if isinstance(error, TimeoutError):
        return "timeout", f"not done within {timeout:g} s"
    if isinstance(error, (ClientConnectorError, ClientConnectorCertificateError)):
        return _not_connected(error, attempt)
    if isinstance(error, ClientResponseError):
        return "protocol", "the answer is not HTTP, or its headers are too large"
    if isinstance(error, ClientError):
        return "reset", "the connection was closed before the answer was complete"
    raise error


def _not_connected(
    error: ClientConnectorError | ClientConnectorCertificateError, attempt: Attempt
) -> tuple[Cause, str]:
    if isinstance(error, ClientConnectorCertificateError):
        failed = error.certificate_error
        why = failed.verify_message if isinstance(failed, ssl.SSLCertVerificationError) else ""
        return "tls", f"the certificate of {error.host} does not hold: {why or 'not trusted'}"
    if isinstance(error.os_error, ssl.SSLError):
        return "tls", f"no TLS with {error.host}: {error.os_error.reason}"
    if attempt.connected:
        return "tls", f"{error.host} closed the connection during the TLS handshake"
    why = error.os_error.strerror or type(error.os_error).__name__
    return "connect", f"no connection to {error.host}: {why}"
