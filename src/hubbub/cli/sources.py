"""`hubbub sources`: other people's webhooks as sources of events; `hubbub websub` makes the others."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from hubbub.cli.options import DEFAULT_URL, Token, Url
from hubbub.cli.outcome import print_json, printable, reported, run_async
from hubbub.core.errors import Misconfigured


@reported
def sources(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One of them; none lists all.")
    ] = None,
    *,
    provider: Annotated[
        str | None, typer.Option(help="Make it: github, stripe, shopify, slack, ...")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="HUBBUB_SOURCE_SECRET",
            show_envvar=True,
            help="What the provider signs with; - reads it from standard input.",
        ),
    ] = None,
    verify_token: Annotated[
        str | None, typer.Option(help="What Meta sends along with its challenge.", metavar="TEXT")
    ] = None,
    topic: Annotated[str, typer.Option(help="Where its events go, such as github/{type}.")] = "",
    max_bytes: Annotated[
        int | None,
        typer.Option(help="Largest body that is taken, below publish.max_bytes.", min=1),
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List sources, look at one, make one, or delete one."""
    if (provider or delete) and name is None:
        raise Misconfigured("say the name of the source")
    if provider and delete:
        raise Misconfigured("say either --provider or --delete: one makes it, one deletes it")
    if (topic or verify_token or max_bytes) and not provider:
        raise Misconfigured("say the --provider as well, which makes the source")
    if secret == "-":
        secret = sys.stdin.readline().rstrip("\r\n")
    if provider and not secret:
        raise Misconfigured("say the secret, in HUBBUB_SOURCE_SECRET or by --secret -")
    options: dict[str, Any] = {"provider": provider, "secrets": [secret], "max_bytes": max_bytes}
    if verify_token:
        options["verify_token"] = verify_token
    run_async(_work(url, token, name, topic, options, delete=delete))


async def _work(
    url: str,
    token: str | None,
    name: str | None,
    topic: str,
    options: dict[str, Any],
    *,
    delete: bool,
) -> None:
    from hubbub.client import AsyncClient  # noqa: PLC0415 - takes a while

    async with AsyncClient(url, token=token) as client:
        if name is None:
            for one in await client.sources.list():
                problem = f"  {one['problem']}" if one.get("problem") else ""
                print(
                    printable(f"{one['name']} {one['kind']} {one['topic']} {one['url']}{problem}")
                )
        elif delete:
            await client.sources.delete(name)
            print("deleted")
        elif options["provider"]:
            made = await client.sources.create(name, topic=topic, **options)
            print(made["url"])
        else:
            found = await client.sources.get(name)
            print_json(found)
