"""What a request head must be before the application sees it (RFC 9112, RFC 9110 7.2).

The parser, llhttp, refuses malformed syntax, both of Content-Length and Transfer-Encoding, and
Content-Length that is not one plain number. What it lets through and we do not is here.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from hubbub.web.server.hosts import HostRule
from hubbub.web.server.options import ServerOptions
from hubbub.web.server.refusals import (
    EXPECTATION,
    FRAMING,
    HEAD_TOO_LARGE,
    HOST,
    MISDIRECTED,
    TARGET,
    TARGET_TOO_LONG,
    TUNNEL,
    VERSION,
    WEBSOCKET,
    WEBSOCKET_VERSION,
    Refusal,
)

Headers = list[tuple[bytes, bytes]]

_SLASH = ord("/")
_BLANKS = (32, 9)
_KEY_BYTES = 16
_HOP_TOKENS = (b"upgrade", b"http2-settings")  # fields, and their names in Connection


class Line(NamedTuple):
    """A request line."""

    method: bytes
    target: bytes
    version: str


class Examiner:
    """The head rules of one server."""

    __slots__ = ("_hosts", "_max_bytes", "_max_fields")

    def __init__(self, options: ServerOptions, hosts: HostRule) -> None:
        self._hosts = hosts
        self._max_bytes = options.max_head_bytes
        self._max_fields = options.max_headers

    def examine(self, line: Line, headers: Headers) -> Refusal | None:
        """Return why a request is refused, or None. Trims what llhttp leaves behind a value."""
        size = len(line.target) + 14  # the least that method, version and blanks take
        host: bytes | None = None
        for i, (name, value) in enumerate(headers):
            size += len(name) + len(value) + 4
            if value and value[-1] in _BLANKS:
                headers[i] = name, value.rstrip(b" \t")
            if name == b"host":
                if host is not None:
                    return HOST
                host = value
            elif name == b"transfer-encoding":
                if value.lower() != b"chunked" or line.version != "1.1":
                    return FRAMING
            elif name == b"expect" and value.lower() != b"100-continue":
                return EXPECTATION
        if len(line.target) > self._max_bytes:
            return TARGET_TOO_LONG
        if size > self._max_bytes or len(headers) > self._max_fields:
            return HEAD_TOO_LARGE
        return self._origin(line, host)

    def examine_trailer(self, fields: Headers) -> Refusal | None:
        """Return why a trailer section is refused, or None; its fields are dropped in any case."""
        size = sum(len(name) + len(value) + 4 for name, value in fields)
        too_large = size > self._max_bytes or len(fields) > self._max_fields
        return HEAD_TOO_LARGE if too_large else None

    def _origin(self, line: Line, host: bytes | None) -> Refusal | None:
        if line.version not in ("1.1", "1.0"):
            return VERSION
        if line.method == b"CONNECT":
            return TUNNEL
        if host is None:
            if line.version == "1.1":
                return HOST
        elif (refusal := self._hosts.check(host)) is not None:
            return refusal
        target = line.target
        if target[0] != _SLASH:
            return _check_other_form(line, host)
        return TARGET if b"#" in target else None


def _check_other_form(line: Line, host: bytes | None) -> Refusal | None:
    """Check a target in absolute-form or asterisk-form (RFC 9112 3.2.2, 3.2.4)."""
    if line.target == b"*":
        return None if line.method == b"OPTIONS" else TARGET
    authority = _authority(line.target)
    if authority is None or b"#" in line.target:
        return TARGET
    return None if host is not None and authority.lower() == host.strip().lower() else MISDIRECTED


def _authority(target: bytes) -> bytes | None:
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        return None
    return rest.replace(b"?", b"/", 1).partition(b"/")[0]


def split_target(target: bytes) -> tuple[bytes, bytes]:
    """Return path and query of an examined target."""
    if target[0] != _SLASH and target != b"*":
        rest = target.partition(b"://")[2]
        target = rest[len(_authority(target) or b"") :]
        if target[:1] != b"/":
            target = b"/" + target
    path, _, query = target.partition(b"?")
    return path, query


def is_websocket(headers: Headers) -> bool:
    """Tell whether the upgrade that a request asks for is to WebSocket alone."""
    upgrades = [value for name, value in headers if name == b"upgrade"]
    return len(upgrades) == 1 and upgrades[0].lower() == b"websocket"


def examine_websocket(line: Line, headers: Headers) -> Refusal | None:
    """Return why an opening handshake is refused, or None (RFC 6455 4.2.1)."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name, []).append(value)
    if line.method != b"GET" or line.version != "1.1" or b"transfer-encoding" in fields:
        return WEBSOCKET
    if fields.get(b"content-length", [b"0"]) != [b"0"]:
        return WEBSOCKET
    if fields.get(b"sec-websocket-version") != [b"13"]:
        return WEBSOCKET_VERSION
    keys = fields.get(b"sec-websocket-key", [])
    return None if len(keys) == 1 and _is_key(keys[0]) else WEBSOCKET


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def without_upgrade(line: Line, headers: Headers) -> bytes:
    """Print a request head again without the upgrade that it asked for.

    A server may ignore an Upgrade (RFC 9110 7.8), but llhttp takes what follows such a head for
    another protocol: body and next request would be lost or, worse, misread.
    """
    lines = [b"%b %b HTTP/%b" % (line.method, line.target, line.version.encode())]
    for name, value in headers:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            kept = b", ".join(token for token in tokens if token.lower() not in _HOP_TOKENS)
            if kept:
                lines.append(b"connection: " + kept)
        elif name not in _HOP_TOKENS:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])
