"""`hubbub token`: make an API key, or sign a JWT with the secret in the settings."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from hubbub.cli.options import Config, load_settings, seconds
from hubbub.cli.outcome import reported
from hubbub.core.errors import Misconfigured

if TYPE_CHECKING:
    from hubbub.web.auth import ApiKey


@reported
def token(
    *,
    name: Annotated[str, typer.Option(help="Who will hold it.")] = "default",
    publish: Annotated[
        list[str] | None, typer.Option(help="Topic or pattern to publish to.", metavar="PATTERN")
    ] = None,
    subscribe: Annotated[
        list[str] | None, typer.Option(help="Topic or pattern to read.", metavar="PATTERN")
    ] = None,
    manage: Annotated[
        bool, typer.Option("--manage", help="May change how the gateway runs.")
    ] = False,
    jwt: Annotated[
        bool, typer.Option("--jwt", help="Sign a JWT with auth.jwt_secret instead of a key.")
    ] = False,
    ttl: Annotated[str, typer.Option(help="How long a JWT holds.", metavar="TIME")] = "30d",
    config: Config = None,
) -> None:
    """Make an API key, or a JWT with --jwt.

    The token is printed to standard output, and only once. What belongs into the settings of the
    server goes to standard error: the key itself is not kept there, only its hash.
    """
    from hubbub.core.grants import Grants  # noqa: PLC0415

    grants = Grants(publish=tuple(publish or ()), subscribe=tuple(subscribe or ()), manage=manage)
    if grants == Grants():
        raise Misconfigured("say what the token may do: --publish, --subscribe or --manage")
    lifetime = seconds(ttl, "--ttl")
    from hubbub.web.auth.mint import mint_jwt, mint_key  # noqa: PLC0415

    if jwt:
        options = load_settings(config, {}).settings.auth
        print(mint_jwt(options, name, grants, now=time.time(), lifetime=lifetime))
        return
    made = mint_key(name, grants)
    print(made.key, flush=True)
    print(
        f"\nPut this into hubbub.toml of the server and restart it:\n\n{_entry(made.entry)}",
        file=sys.stderr,
    )


def _entry(key: ApiKey) -> str:
    from hubbub.settings.show import toml  # noqa: PLC0415

    granted = {
        "publish": key.grants.publish,
        "subscribe": key.grants.subscribe,
        "manage": key.grants.manage or None,
    }
    shown = {name: value for name, value in granted.items() if value}
    return (
        f"[[auth.keys]]\nname = {toml(key.name)}\nhash = {toml(key.hash)}\ngrants = {toml(shown)}"
    )
