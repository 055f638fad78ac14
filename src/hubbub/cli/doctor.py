"""`hubbub doctor`: whether a server is well, seen from here, and what is wrong with a token."""

from __future__ import annotations

from typing import Annotated

import typer

from hubbub.cli.options import DEFAULT_URL, Token
from hubbub.cli.outcome import REFUSED, UNREACHABLE, printable, reported, run_async

_EXIT_CODES = {"ok": 0, "note": 0, "fail": REFUSED, "unreachable": UNREACHABLE}


@reported
def doctor(
    url: Annotated[
        str, typer.Argument(envvar="HUBBUB_URL", help="Where the server is.")
    ] = DEFAULT_URL,
    token: Token = None,
) -> int:
    """Check whether a server can be used from here.

    Says what to do where it cannot, and explains in one sentence why a token is refused.
    """
    return run_async(_doctor(url, token))


async def _doctor(url: str, token: str | None) -> int:
    from hubbub.cli.checks import examine  # noqa: PLC0415

    code = 0
    async for verdict, about, text in examine(url, token):
        shown = "fail" if verdict == "unreachable" else verdict
        print(printable(f"{shown:<4}  {about:<12}  {text}"), flush=True)
        code = max(code, _EXIT_CODES[verdict])
    return code
