"""The command line: `hubbub COMMAND`. Each command is one file, and imports what it needs when it runs.

Exit codes: 0 done, 1 refused by the server, 2 wrong usage, 3 unreachable, 130 interrupted.
"""

from hubbub.cli.app import main

__all__ = ["main"]
