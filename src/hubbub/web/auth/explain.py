"""Why is my token refused? One sentence for `hubbub doctor`, naming the claim that fails.

The holder's own view: the token is read without its key, so only what the server answered decides
whether the signature is right. The token itself is never repeated.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hubbub.web.auth.errors import InvalidToken
from hubbub.web.auth.mint import PREFIX
from hubbub.web.auth.options import ALGORITHMS, AuthOptions
from hubbub.web.auth.tokens import check, read, read_claims

_API_KEY = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}")
_SIGNED = ("HS256", *ALGORITHMS)


class Answer(NamedTuple):
    """What the server said to the token."""

    status: int
    detail: str = ""


def explain(token: str, now: float, answer: Answer | None = None) -> str:
    """Say in one sentence what becomes of a token, and why.

    `now` is this machine's time in seconds since the Unix epoch; `answer` is the server's word.
    """
    fault = local_fault(token, now)
    if answer is None:
        return fault or "the token reads well; only the server can check its signature"
    if answer.status == 401:  # noqa: PLR2004
        said = answer.detail or "the token does not hold"
        return f"refused: {said}" if not fault or fault in said else f"refused: {fault}"
    if answer.status == 403:  # noqa: PLR2004
        return f"the token holds, but does not allow this: {answer.detail}"
    if fault:
        return f"the server takes the token, although seen from here {fault}"
    return f"the server takes the token{_holder(token)}"


def local_fault(token: str, now: float) -> str:
    """Say what can be seen to be wrong with a token without its key; empty if nothing."""
    if token.startswith(PREFIX):
        if _API_KEY.fullmatch(token):
            return ""
        return f"an API key has {len(PREFIX) + 43} characters; this one has {len(token)}: copy it whole"
    try:
        header, payload = read(token)
        if header.alg not in _SIGNED:
            return f"alg: tokens are signed by one of {', '.join(_SIGNED)}"
        claims = read_claims(payload)
        # The server's audience and issuer are its own affair: it names them in its answer.
        own = claims.aud if isinstance(claims.aud, str) else next(iter(claims.aud), "")
        check(claims, AuthOptions(audience=own or "hubbub"), now)
    except InvalidToken as error:
        return error.detail
    return ""


def _holder(token: str) -> str:
    if token.startswith(PREFIX):
        return ""
    claims = read_claims(read(token).claims)
    granted = claims.hubbub
    may = [
        f"{name} {', '.join(patterns)}"
        for name, patterns in (("publish", granted.publish), ("subscribe", granted.subscribe))
        if patterns
    ]
    if not may and not granted.manage:
        return ", but its claim hubbub grants nothing"
    return f": it may {' and '.join(may)}" if may else ": it may manage"
