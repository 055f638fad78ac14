"""LIKE patterns to matchers that take time linear in the text, whatever the pattern.

Texts are never matched with a regular expression, hence no backtracking. A pattern is cut at its `%`: the first piece stands
at the start, the last at the end, and each one between is looked for from where the one before it
ended. Taking the leftmost place is always right, because it leaves the most text for the rest.
Pieces without `_` are found by the substring search of Python, the others by a bit-parallel
automaton (Shift-And; Baeza-Yates and Gonnet, 1992).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from operator import eq, methodcaller
from typing import Final

Matcher = Callable[[str], bool]

_ELEMENT: Final = re.compile(r"\\[%_]|.", re.DOTALL)

_Piece = list[str | None]
"""What stands between two `%`: one entry per character, None for `_`."""


def compile_like(pattern: str) -> Matcher:
    r"""Return what tells whether a whole text matches: `%`, `_`, and `\%`, `\_` for themselves."""
    pieces = _pieces(pattern)
    if not any(None in piece for piece in pieces):
        simple = _simple(["".join(filter(None, piece)) for piece in pieces])
        if simple is not None:
            return simple
    first, *rest = pieces
    return _pattern(first, rest[:-1], rest[-1]) if rest else _fixed(first)


def _pieces(pattern: str) -> list[_Piece]:
    pieces: list[_Piece] = [[]]
    for element in _ELEMENT.findall(pattern):
        if element == "%":
            pieces.append([])
        else:
            pieces[-1].append(None if element == "_" else element[-1])
    return pieces


def _simple(texts: list[str]) -> Matcher | None:
    """Serve the shapes that nearly all patterns have with one call that never enters Python."""
    match texts:
        case [whole]:
            return partial(eq, whole)
        case [start, ""]:
            return methodcaller("startswith", start)
        case ["", end]:
            return methodcaller("endswith", end)
        case ["", part, ""]:
            return methodcaller("__contains__", part)
        case _:
            return None


def _fixed(piece: _Piece) -> Matcher:
    stands = _standing(piece)
    return lambda text: len(text) == len(piece) and stands(text, 0)


def _pattern(first: _Piece, middle: list[_Piece], last: _Piece) -> Matcher:
    starts, ends = _standing(first), _standing(last)
    finders = [_finder(piece) for piece in middle if piece]
    shortest = len(first) + sum(map(len, middle)) + len(last)

    def matches(text: str) -> bool:
        end = len(text) - len(last)
        if len(text) < shortest or not (starts(text, 0) and ends(text, end)):
            return False
        at = len(first)
        for find in finders:
            at = find(text, at, end)
            if at < 0:
                return False
        return True

    return matches


def _standing(piece: _Piece) -> Callable[[str, int], bool]:
    """Return what tells whether the piece stands in the text at a given place."""
    runs: list[tuple[int, str]] = []
    for offset, character in enumerate(piece):
        if character is None:
            continue
        if offset and piece[offset - 1] is not None:
            start, run = runs.pop()
            runs.append((start, run + character))
        else:
            runs.append((offset, character))
    if len(runs) == 1:
        [(start, run)] = runs
        return lambda text, at: text.startswith(run, at + start)

    def stands(text: str, at: int) -> bool:
        for offset, run in runs:  # noqa: SIM110
            if not text.startswith(run, at + offset):
                return False
        return True

    return stands


def _finder(piece: _Piece) -> Callable[[str, int, int], int]:
    """Return `find(text, start, end)`: the end of the leftmost place of the piece there, or -1."""
    if None not in piece:
        wanted = "".join(filter(None, piece))

        def find_text(text: str, start: int, end: int) -> int:
            found = text.find(wanted, start, end)
            return found if found < 0 else found + len(wanted)

        return find_text

    wild = sum(1 << at for at, character in enumerate(piece) if character is None)
    masks: dict[str, int] = {}
    for at, character in enumerate(piece):
        if character is not None:
            masks[character] = masks.get(character, wild) | 1 << at
    accepting = 1 << (len(piece) - 1)

    def find_wild(text: str, start: int, end: int) -> int:
        reached = 0  # bit n: the first n + 1 characters of the piece end here
        for at, character in enumerate(text[start:end], start + 1):
            reached = (reached << 1 | 1) & masks.get(character, wild)
            if reached & accepting:
                return at
        return -1

    return find_wild
