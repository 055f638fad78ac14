"""What Twilio signs (twilio.com/docs/usage/security): the URL, then the sorted fields of a form.

Twilio is not consistent about the default port in the URL, so both spellings count. A body that is
no form is covered by its hash in the URL, `bodySHA256`; without that it would not be covered at all.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import SplitResult, urlsplit

from hubbub.core.errors import Malformed
from hubbub.sources.webhook.errors import mismatch
from hubbub.sources.webhook.request import Received


def signed_texts(received: Received) -> tuple[bytes, ...]:
    """Return the texts of which Twilio signed one.

    Raises `Unverified` where the body is not covered, `Malformed` or `TooLarge`.
    """
    if not received.is_form and received.body:
        _check_hash(received)
    fields = sorted(set(received.form))
    tail = "".join(name + value for name, value in fields)
    return tuple((url + tail).encode("utf-8", "surrogatepass") for url in _spellings(received.url))


def _check_hash(received: Received) -> None:
    given = next((value for name, value in received.query if name == "bodySHA256"), "")
    expected = hashlib.sha256(received.body).hexdigest()
    if not hmac.compare_digest(given.lower().encode("utf-8", "surrogatepass"), expected.encode()):
        raise mismatch()


def _spellings(url: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Malformed("the address of the request cannot be read") from None
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    known = port if port is not None else (443 if parts.scheme == "https" else 80)
    return _with(parts, url, host), _with(parts, url, f"{host}:{known}")


def _with(parts: SplitResult, url: str, netloc: str) -> str:
    start = f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}://{netloc}{url[len(start) :]}"
