"""Text of a CESQL expression to tokens (CESQLLexer.g4 of CESQL 1.0.0).

Two deliberate differences from that grammar: a sign is never part of an integer token, so that
`5-3` is a subtraction (the reference lexer reads `5` and `-3`, and fails), and a doubled quote
inside a string is one quote, as everywhere in SQL.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

from hubbub.core.filters.cesql.errors import ParseError

KEYWORDS: Final = frozenset(
    ("AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"),
)

_TOKEN: Final = re.compile(
    r"""
      (?P<SPACE>   [ \t\r\n]+ )
    | (?P<INTEGER> [0-9]+ (?![A-Za-z0-9_]) )
    | (?P<WORD>    [A-Za-z0-9_]+ )
    | (?P<STRING>  ' (?: [^'\\]++ | \\. | '' )*+ ' | " (?: [^"\\]++ | \\. | "" )*+ " )
    | (?P<SYMBOL>  != | <> | <= | >= | [-+*/%=<>(),] )
    """,
    re.VERBOSE | re.DOTALL,
)
_SHOWN: Final = 40
_ESCAPE: Final = re.compile(r"\\.|''|\"\"", re.DOTALL)


class Kind(Enum):
    """What a token is."""

    INTEGER = "integer"
    STRING = "string"
    WORD = "word"
    KEYWORD = "keyword"
    SYMBOL = "symbol"
    END = "end"


class Token(NamedTuple):
    """A piece of the text, `start` included, `end` not; keywords are in upper case."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def mark(self) -> str:
        """The keyword or symbol; empty for a token that is neither."""
        return self.text if self.kind in (Kind.KEYWORD, Kind.SYMBOL) else ""

    def __str__(self) -> str:
        if self.kind is Kind.END:
            return "the end of the expression"
        if self.kind is Kind.KEYWORD:
            return f"the keyword {self.text}"
        shown = self.text if len(self.text) <= _SHOWN else self.text[:_SHOWN] + "..."
        return shown if self.kind is Kind.STRING else repr(shown)


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a text and an END token behind them. Raises `ParseError`."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _unreadable(text[at], at)
        if found.lastgroup != "SPACE":
            tokens.append(_token(found))
        at = found.end()
    tokens.append(Token(Kind.END, "", at, at))
    return tokens


def unquote(text: str) -> str:
    """Return the value of a string token.

    A backslash before the string's own quote is dropped; before anything else it stays, because
    LIKE patterns need it.
    """
    quote = text[0]

    def replace(found: re.Match[str]) -> str:
        pair = found[0]
        return quote if pair in ("\\" + quote, quote + quote) else pair

    return _ESCAPE.sub(replace, text[1:-1])


def _token(found: re.Match[str]) -> Token:
    text = found[0]
    kind = Kind[found.lastgroup or ""]
    if kind is Kind.WORD and text.upper() in KEYWORDS:
        return Token(Kind.KEYWORD, text.upper(), found.start(), found.end())
    return Token(kind, text, found.start(), found.end())


def _unreadable(character: str, at: int) -> ParseError:
    if character in "'\"":
        return ParseError(f"this string is not closed; add a {character} at its end", at)
    if character == "!":
        return ParseError("expected '=' after '!'; write != or NOT", at)
    return ParseError(
        f"{character!r} has no meaning in an expression; text stands between quotes", at
    )
