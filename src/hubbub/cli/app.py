"""The commands by name."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from hubbub.cli.bench import bench
from hubbub.cli.config import config
from hubbub.cli.doctor import doctor
from hubbub.cli.forward import forward
from hubbub.cli.listen import listen
from hubbub.cli.publish import publish
from hubbub.cli.serve import serve
from hubbub.cli.sources import sources
from hubbub.cli.subscribe import attempts, replay, subscribe, subscriptions
from hubbub.cli.token import token
from hubbub.cli.websub import app as websub

app = typer.Typer(
    name="hubbub",
    help="Publish an event once; everyone who cares hears it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    serve,
    publish,
    listen,
    forward,
    subscribe,
    subscriptions,
    attempts,
    replay,
    sources,
    token,
    doctor,
    config,
    bench,
):
    app.command()(command)
app.add_typer(websub)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"hubbub {version('hubbub')}")
        raise typer.Exit


@app.callback()
def hubbub(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and leave.", callback=_show_version),
    ] = False,
) -> None:
    """Publish an event once; everyone who cares hears it."""


def main() -> None:
    """Run the command that the arguments name; never returns."""
    app(prog_name="hubbub")  # also as `python -m hubbub`
