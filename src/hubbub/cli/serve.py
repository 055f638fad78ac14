"""`hubbub serve`: run a gateway until SIGTERM or SIGINT."""

from __future__ import annotations

import gc
import socket
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubbub.cli.options import Config, load_settings
from hubbub.cli.outcome import reported, run_async
from hubbub.core.errors import Misconfigured

if TYPE_CHECKING:
    from hubbub.hub import Hub
    from hubbub.settings import Settings

COLLECTING = (50_000, 20, 50)
"""When cycles are looked for, in place of 700, 10 and 10 new objects: a busy gateway makes thousands a
second that are no garbage. A webhook delivered costs a ninth less so."""


@reported
def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; default 8080, 0 takes a free one.", min=0)
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder to keep events in; default data.", metavar="DIR")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(help="URL of the store: sqlite:///path/to.db, memory:", metavar="URL"),
    ] = None,
    config: Config = None,
    workers: Annotated[int, typer.Option(help="Processes; a data folder has one.", min=1)] = 1,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let the network in although there are no keys.")
    ] = False,
) -> int:
    """Run a gateway.

    SIGTERM or SIGINT stops it in order, a second one at once.
    """
    if workers > 1:
        raise Misconfigured(
            "one process serves one data folder, because the log has one writer: leave out --workers"
        )
    if data is not None and store is not None:
        raise Misconfigured("--data and --store both say where events are kept: give one of them")
    if data is not None:
        store = f"sqlite:{data.absolute() / 'hubbub.db'}"
    flags = {"server.host": host, "server.port": port, "log.store": store}
    settings = load_settings(config, flags).settings
    _check_exposure(settings, insecure=insecure)

    from hubbub.observe.logs import configure  # noqa: PLC0415

    configure(settings.observe)
    return run_async(_serve(settings))


def _check_exposure(settings: Settings, *, insecure: bool) -> None:
    """Refuse to let the network into a gateway that everybody may do everything with."""
    from hubbub.web.auth.origins import is_loopback  # noqa: PLC0415

    server = settings.server
    if insecure or server.uds or not settings.auth.is_open or is_loopback(server.host):
        return
    raise Misconfigured(
        f"everybody who reaches {server.host or 'this machine'} could do everything: make a key"
        " with hubbub token and put it into the settings, or say --insecure"
    )


async def _serve(settings: Settings) -> int:
    from hubbub.hub import Hub  # noqa: PLC0415
    from hubbub.web.auth.origins import is_loopback  # noqa: PLC0415
    from hubbub.web.server import Server  # noqa: PLC0415
    from hubbub.web.server.listeners import bind  # noqa: PLC0415

    gc.disable()  # what a start makes stays: to look for garbage in it is two fifths of its time
    async with Hub(settings) as hub:
        gc.freeze()
        gc.set_threshold(*COLLECTING)
        gc.enable()
        sockets = bind(settings.server)
        for listening in sockets:  # who reads the lines below may connect at once
            listening.listen(settings.server.backlog)
        if is_loopback(settings.server.host) and not settings.server.uds:
            await hub.reached_at(_url(settings, sockets))  # from elsewhere nobody can tell
        print("\n".join(_greeting(settings, hub, sockets)), flush=True)
        return await Server(hub.asgi, settings.server).serve(sockets)


def _greeting(settings: Settings, hub: Hub, sockets: list[socket.socket]) -> list[str]:
    """Say where it is, what it keeps, who may come, and two lines to try it with."""
    auth, uds = settings.auth, settings.server.uds
    url = settings.web.public_url.rstrip("/") or _url(settings, sockets)
    kept = hub.log.head + 1 - hub.log.tail
    curl = f"curl --unix-socket {uds}" if uds else "curl"
    bearer = "" if auth.is_open else ' -H "Authorization: Bearer $HUBBUB_TOKEN"'
    if auth.is_open:
        who = "open to everybody who can reach it; hubbub token makes the first key"
    else:
        who = "by token" + ("" if auth.anonymous is None else ", and without one as auth.anonymous")
    return [
        f"hubbub {version('hubbub')} on {uds or url + '/'}",
        f"  store   {_without_password(settings.log.store)}, {kept} events",
        f"  access  {who}",
        f"  listen  {curl} -N {url}/topics/hello -H 'Accept: text/event-stream'{bearer}",
        f"  publish {curl} {url}/topics/hello --json '\"world\"'{bearer}",
    ]


def _url(settings: Settings, sockets: list[socket.socket]) -> str:
    if settings.server.uds:
        return "http://localhost"
    host: str = settings.server.host or "localhost"
    port: int = sockets[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _without_password(store: str) -> str:
    from hubbub.settings.show import hide_password  # noqa: PLC0415

    return hide_password(store)
