"""SQL lives in .sql files; Python never builds any out of text that is not written down there."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final, LiteralString, cast

PACKAGE: Final = "hubbub.log.sqlite"

_NAME = re.compile(r"^-- ([a-z_]+): .*\n", re.MULTILINE)


def script(name: str) -> LiteralString:
    """Return a whole file of statements, such as `schema.sql`."""
    # What is shipped in a file of the package is as literal as what is written in its code.
    return cast("LiteralString", files(PACKAGE).joinpath(name).read_text(encoding="utf-8"))


def named(text: LiteralString) -> dict[str, LiteralString]:
    """Split a file into its named statements."""
    _, *parts = _NAME.split(text)
    return {
        name: cast("LiteralString", statement.strip())
        for name, statement in zip(parts[::2], parts[1::2], strict=True)
    }


SQL: Final = named(script("queries.sql"))
LEDGER: Final = named(script("ledger.sql"))
