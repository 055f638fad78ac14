"""Options that several commands have."""

from __future__ import annotations

import os
import string
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from hubbub.settings import Loaded, Settings

DEFAULT_URL: Final = "http://127.0.0.1:8080"

Url = Annotated[str, typer.Option(envvar="HUBBUB_URL", help="Where the server is.")]
Token = Annotated[
    str | None,
    typer.Option(envvar="HUBBUB_TOKEN", show_envvar=True, help="API key or JWT.", metavar="TOKEN"),
]
Config = Annotated[
    Path | None,
    typer.Option(help="Settings file; hubbub.toml in this folder if there is one.", metavar="FILE"),
]


def load_settings(config: Path | None, flags: Mapping[str, Any]) -> Loaded[Settings]:
    """Load the settings of a server: file, environment, then flags. Raises `Misconfigured`."""
    from hubbub.settings import Settings, find_file, load  # noqa: PLC0415 - takes half a second

    file = find_file(None if config is None else str(config), Path.cwd())
    return load(Settings, file=file, environ=os.environ, flags=flags)


def seconds(text: str, option: str) -> float:
    """Read `90s`, `24h`, `7d` or a number of seconds, the value of an option."""
    from hubbub.settings.values import duration  # noqa: PLC0415

    found = duration(text if text[-1:] in string.ascii_letters else text + "s")
    if found is None:
        raise typer.BadParameter("a time looks like 90s, 15m, 24h or 30d", param_hint=f"'{option}'")
    return found
