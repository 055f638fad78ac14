"""Who may do what: tokens in, a `Principal` out (api.md, Who may do what; RFC 6750, RFC 8725)."""

from hubbub.web.auth.authenticator import NOBODY, Authenticator
from hubbub.web.auth.credentials import offered_subprotocols
from hubbub.web.auth.errors import (
    ForeignOrigin,
    InvalidToken,
    KeysUnreachable,
    MissingToken,
    www_authenticate,
)
from hubbub.web.auth.options import ApiKey, AuthOptions, JwtKey

__all__ = [
    "NOBODY",
    "ApiKey",
    "AuthOptions",
    "Authenticator",
    "ForeignOrigin",
    "InvalidToken",
    "JwtKey",
    "KeysUnreachable",
    "MissingToken",
    "offered_subprotocols",
    "www_authenticate",
]
