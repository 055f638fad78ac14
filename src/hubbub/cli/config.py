"""`hubbub config`: the effective settings and where each came from."""

from __future__ import annotations

from hubbub.cli.options import Config, load_settings
from hubbub.cli.outcome import reported


@reported
def config(config: Config = None) -> None:
    """Print the effective settings and their origins.

    The output is a settings file that would set every key; secrets are hidden.
    """
    from hubbub.settings.show import show  # noqa: PLC0415

    for line in show(load_settings(config, {})):
        print(line)
