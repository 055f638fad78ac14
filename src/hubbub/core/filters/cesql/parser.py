"""Tokens to syntax tree: the grammar of CESQL 1.0.0 (CESQLParser.g4) by precedence climbing.

From tightest to loosest: NOT and unary minus; LIKE and IN; `* / %`; `+ -`; comparisons;
AND, OR and XOR together. Arithmetic and comparisons group from the left. AND, OR and XOR are one
level that groups from the right, so `a AND b OR c` is `a AND (b OR c)`: the grammar says so, the
reference parsers are made from it, and people who know SQL expect otherwise. Such places are
reported as notices, as is `NOT a = b`, which is `(NOT a) = b`.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Final, NamedTuple, NoReturn, cast

from hubbub.core.filters.cesql.errors import ParseError
from hubbub.core.filters.cesql.lexer import Kind, Token, tokenize, unquote
from hubbub.core.filters.cesql.nodes import (
    Arithmetic,
    Attribute,
    Call,
    Compare,
    CompareOperator,
    Exists,
    In,
    Like,
    Literal,
    Logic,
    LogicOperator,
    MathOperator,
    Negate,
    Node,
    Not,
    walk,
)
from hubbub.core.filters.cesql.values import INT_MAX

MAX_LENGTH: Final = 4096
"""Characters of an expression: a page of text, and it fits into a request line as `filter=`."""

MAX_DEPTH: Final = 64
"""Levels of nesting: each is a Python frame when the expression runs; people write 5."""

MAX_ITEMS: Final = 256
"""Elements of an IN list, arguments of a function: bounds what one evaluation can cost."""

_LOGIC: Final = 1
_COMPARISON: Final = 2
_SUM: Final = 3
_PRODUCT: Final = 4
_POSTFIX: Final = 5

_LEVELS: Final = {
    **dict.fromkeys(("AND", "OR", "XOR"), _LOGIC),
    **dict.fromkeys(("=", "!=", "<>", "<", "<=", ">", ">="), _COMPARISON),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%"), _PRODUCT),
    **dict.fromkeys(("LIKE", "IN", "NOT"), _POSTFIX),  # NOT as in `a NOT LIKE`
}

_A_VALUE: Final = "an attribute, a text in quotes, a number, TRUE, FALSE, a function or '('"

_NOT_FIRST: Final = (
    "NOT applies only to what stands right behind it: NOT a = b is (NOT a) = b; "
    "put brackets around what it is to negate"
)


class Notice(NamedTuple):
    """A place that is valid and probably not what was meant."""

    position: int
    """In characters of the expression, from 0."""
    detail: str
    pointer: str = ""
    """JSON pointer to the expression, if it stands in a document."""


class Parsed(NamedTuple):
    """The tree, and what its author should be told."""

    node: Node
    notices: list[Notice]


def parse(text: str) -> Node:
    """Return the syntax tree. Raises `ParseError` with the place and what was expected there."""
    return parse_noting(text).node


def parse_noting(text: str) -> Parsed:
    """Do the same, and tell what reads otherwise than most people write it."""
    if len(text) > MAX_LENGTH:
        raise ParseError(
            f"an expression has at most {MAX_LENGTH} characters, this one {len(text)}", MAX_LENGTH
        )
    parser = _Parser(tokenize(text))
    node = parser.whole()
    for part, depth in walk(node):
        if depth > MAX_DEPTH:  # a long chain such as 1+1+1+... is deep without any bracket
            raise _too_deep(part.position)
    return Parsed(node, parser.notices)


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.notices: list[Notice] = []
        self._tokens = iter(tokens)
        self._token = next(self._tokens)
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression(_LOGIC)
        if self._token.kind is not Kind.END:
            self._fail("an operator or the end of the expression")
        return node

    def _expression(self, level: int) -> Node:
        """Read operators of this level or tighter, and their operands."""
        self._enter()
        first = self._token
        node = self._operand()
        while (found := _LEVELS.get(self._token.mark, 0)) >= level:
            if first.mark == "NOT" and isinstance(node, Not) and found > _LOGIC:
                self.notices.append(Notice(first.start, _NOT_FIRST))
            node = self._infix(node, found)
        self._depth -= 1
        return node

    def _infix(self, left: Node, level: int) -> Node:
        if level == _LOGIC:
            return self._logic(left)
        if level == _POSTFIX:
            return self._postfix(left)
        operator = self._next()
        right = self._expression(level + 1)
        if level == _COMPARISON:
            return Compare(cast("CompareOperator", operator.text), left, right, operator.start)
        return Arithmetic(cast("MathOperator", operator.text), left, right, operator.start)

    def _logic(self, first: Node) -> Node:
        """Read a whole chain of AND, OR and XOR; a run of one operator becomes one node."""
        operands = [first]
        operators: list[Token] = []
        while _LEVELS.get(self._token.mark) == _LOGIC:
            operators.append(self._next())
            operands.append(self._expression(_COMPARISON))
        self._notice_mix(operators)
        node = operands.pop()
        for name, tokens in groupby(reversed(operators), lambda token: token.text):
            run = list(tokens)
            node = Logic(cast("LogicOperator", name), (*operands[-len(run) :], node), run[-1].start)
            del operands[-len(run) :]
        return node

    def _postfix(self, left: Node) -> Node:
        operator = self._next()
        negated = operator.mark == "NOT"
        if negated:
            if self._token.mark not in ("LIKE", "IN"):
                self._fail("LIKE or IN after NOT")
            operator = self._next()
        if operator.mark == "IN":
            self._expect("(", "'(' and a list of values after IN")
            return In(left, self._items(), negated, operator.start)
        if self._token.kind is not Kind.STRING:
            self._fail("a pattern in quotes after LIKE")
        return Like(left, unquote(self._next().text), negated, operator.start)

    def _operand(self) -> Node:
        token = self._next()
        match token.kind:
            case Kind.STRING:
                return Literal(unquote(token.text), token.start)
            case Kind.INTEGER:
                return _integer(token, token.start)
            case Kind.WORD if self._at("("):
                return self._call(token)
            case Kind.WORD:
                return Attribute(_name(token), token.start)
            case Kind.KEYWORD:
                return self._keyword(token)
            case _:
                return self._symbol(token)

    def _keyword(self, token: Token) -> Node:
        match token.text:
            case "TRUE" | "FALSE":
                return Literal(token.text == "TRUE", token.start)
            case "NOT":
                return Not(self._nested_operand(), token.start)
            case "EXISTS":
                if self._token.kind not in (Kind.WORD, Kind.INTEGER):
                    self._fail("the name of an attribute after EXISTS")
                return Exists(_name(self._next()), token.start)
            case _:
                return self._fail(_A_VALUE, token)

    def _symbol(self, token: Token) -> Node:
        if token.mark == "(":
            node = self._expression(_LOGIC)
            self._expect(")", "an operator or ')'")
            return node
        if token.mark in ("-", "+") and self._adjoins(token):
            return _integer(self._next(), token.start, token.mark)
        if token.mark == "-":
            return Negate(self._nested_operand(), token.start)
        return self._fail(_A_VALUE, token)

    def _call(self, name: Token) -> Node:
        if not _may_name_a_function(name.text):
            self._fail("the name of a function before '(': letters and underscores", name)
        self._next()
        if self._at(")"):
            self._next()
            return Call(name.text.upper(), (), name.start)
        return Call(name.text.upper(), self._items(), name.start)

    def _items(self) -> tuple[Node, ...]:
        """Read expressions between commas up to and including the closing bracket."""
        items = [self._expression(_LOGIC)]
        while self._at(","):
            comma = self._next()
            if len(items) == MAX_ITEMS:
                raise ParseError(f"a list has at most {MAX_ITEMS} values", comma.start)
            items.append(self._expression(_LOGIC))
        self._expect(")", "an operator, ',' or ')'")
        return tuple(items)

    def _nested_operand(self) -> Node:
        self._enter()
        node = self._operand()
        self._depth -= 1
        return node

    def _at(self, mark: str) -> bool:
        return self._token.mark == mark

    def _adjoins(self, sign: Token) -> bool:
        return self._token.kind is Kind.INTEGER and self._token.start == sign.end

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep(self._token.start)

    def _next(self) -> Token:
        token = self._token
        self._token = next(self._tokens, token)  # nothing follows END
        return token

    def _expect(self, mark: str, expected: str) -> None:
        if not self._at(mark):
            self._fail(expected)
        self._next()

    def _fail(self, expected: str, found: Token | None = None) -> NoReturn:
        token = found or self._token
        raise ParseError(f"expected {expected}, found {token}", token.start)

    def _notice_mix(self, operators: list[Token]) -> None:
        for before, after in pairwise(operators):
            if before.text != after.text:
                self.notices.append(
                    Notice(
                        after.start,
                        f"{before.text} and {after.text} have the same precedence and group from "
                        f"the right: a {before.text} b {after.text} c is "
                        f"a {before.text} (b {after.text} c); say with brackets what is meant",
                    )
                )


def _integer(token: Token, start: int, sign: str = "") -> Literal:
    limit = INT_MAX + 1 if sign == "-" else INT_MAX
    digits = token.text.lstrip("0") or "0"
    if len(digits) > len(str(limit)) or int(digits) > limit:
        raise ParseError("a number has 32 bits: from -2147483648 to 2147483647", start)
    return Literal(int(sign + digits), start)


def _name(token: Token) -> str:
    if "_" in token.text:
        raise ParseError(
            f"{token.text!r} is no name of an attribute: those have letters and digits only",
            token.start,
        )
    return token.text.lower()


def _may_name_a_function(text: str) -> bool:
    return text[0] != "_" and text.replace("_", "a").isalpha()


def _too_deep(position: int) -> ParseError:
    return ParseError(f"nested more than {MAX_DEPTH} levels deep; simplify it", position)
