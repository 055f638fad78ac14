"""Tables on stdout: Markdown, aligned, so that they can be read here and pasted anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest


def show(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the first column is left-aligned, the others are numbers."""
    cells = [tuple(headers), *(tuple(_text(cell) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip_longest(*cells, fillvalue="")]
    print(f"\n**{title}**\n")
    for index, row in enumerate(cells):
        print("| " + " | ".join(_pad(row, widths)) + " |")
        if index == 0:
            rule = ["-" * (width - 1) + ":" for width in widths[1:]]
            print("| " + " | ".join(["-" * widths[0], *rule]) + " |", flush=True)
    print(flush=True)


def quantile(values: Sequence[float], part: float) -> float:
    """Return a quantile by nearest rank."""
    return sorted(values)[round(part * (len(values) - 1))]


def _pad(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
