"""JSON Schemas of the Subscriptions API: what goes in and comes out.

`deliveries/documents.py` says what is taken, to the letter; this is what a client can be told of it
beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hubbub.core.subscription import Policy
from hubbub.core.topic import MAX_PATTERNS
from hubbub.web.schemas import NAME, PATTERN, POSITION, START, TEXT, Schema
from hubbub.web.selections import MAX_TYPES
from hubbub.web.subscriptions import OUTCOMES
from hubbub.wire.signatures import DIALECTS

DURATIONS: Final = ("schedule", "timeout", "batch_wait", "disable_after", "max_retry_after")
"""Members of `config` that may be texts such as `90s` as well as seconds."""

_TEXTUAL: Final[Schema] = {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NUMBER: Final[Schema] = {"type": "number"}


def array(items: Schema, **more: Any) -> Schema:
    """Describe an array."""
    return {"type": "array", "items": items, **more}


def _object(members: Mapping[str, Any], *required: str, closed: bool = False) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(members), "required": list(required)}
    return {**schema, "additionalProperties": False} if closed else schema


def _timed(schema: Schema) -> Schema:
    """Allow durations in words where a number of seconds is."""
    if schema.get("type") == "array":
        return {**schema, "items": _timed(schema["items"])}
    plain = {name: value for name, value in schema.items() if name != "default"}
    default = {"default": schema["default"]} if "default" in schema else {}
    return {"anyOf": [plain, _TEXTUAL], **default}


def _config() -> Schema:
    members: dict[str, Schema] = msgspec.json.schema(Policy)["$defs"]["Policy"]["properties"]
    taken = {name: _timed(one) if name in DURATIONS else one for name, one in members.items()}
    return _object(taken, closed=True)


_HEADERS: Final = array(array(TEXT, minItems=2, maxItems=2))
_CREDENTIAL: Final[Schema] = {
    "description": "What the sink wants to see in `Authorization`. Write only; null removes it.",
    "writeOnly": True,
    "anyOf": [
        _object(
            {"credentialtype": {"const": "PLAIN"}, "identifier": TEXT, "secret": TEXT},
            *("credentialtype", "identifier", "secret"),
            closed=True,
        ),
        _object(
            {
                "credentialtype": {"const": "ACCESSTOKEN"},
                "accesstoken": TEXT,
                "accesstokentype": TEXT,
                "accesstokenexpiresutc": TEXT,
            },
            *("credentialtype", "accesstoken"),
            closed=True,
        ),
        {"type": "null"},
    ],
}
_SETTINGS: Final[dict[str, Any]] = {
    "signing": array({"enum": list(DIALECTS)}, minItems=1, default=["standard"]),
    "headers": {"type": "object", "additionalProperties": TEXT},
    "content": {"enum": ["structured", "binary", "data"], "default": "structured"},
    "handshake": {"enum": ["off", "optional", "required"], "default": "off"},
    "origin": NAME,
    "secret": {**TEXT, "description": "Told to who made the subscription, once; made if absent."},
}
_SAID: Final[dict[str, Any]] = {
    "protocol": {"enum": ["HTTP"], "default": "HTTP"},
    "sink": {"type": "string", "format": "uri", "minLength": 1},
    "topics": array(PATTERN, minItems=1, maxItems=MAX_PATTERNS),
    "types": array(NAME, maxItems=MAX_TYPES),
    "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
    "filters": array(
        {"type": "object", "minProperties": 1, "maxProperties": 1},
        description="Dialects of the Subscriptions API: exact, prefix, suffix, all, any, not, sql.",
    ),
    "description": TEXT,
    "expires": _TIME,
}
TAKEN: Final[Schema] = {
    "title": "SubscriptionDocument",
    **_object(
        {
            **_SAID,
            "since": START,
            "config": _config(),
            "protocolsettings": _object({**_SETTINGS, "secrets": array(TEXT)}, closed=True),
            "sinkcredential": _CREDENTIAL,
        },
        "sink",
    ),
}
PATCHED: Final[Schema] = {
    "title": "SubscriptionPatch",
    "description": "A JSON merge patch (RFC 7396): members that are there replace, null removes.",
    "type": "object",
}
SHOWN: Final[Schema] = {
    "title": "Subscription",
    **_object(
        {
            "id": TEXT,
            **_SAID,
            "config": {"type": "object"},
            "protocolsettings": _object(_SETTINGS),
            "status": {"enum": ["active", "paused", "outage", "disabled", "expired"]},
            "reason": TEXT,
            "position": POSITION,
            "lag": _object({"events": _COUNT, "seconds": _NUMBER}, "events", "seconds"),
            "pending": _COUNT,
            "in_flight": _COUNT,
            "dead": _COUNT,
            "owner": TEXT,
            "created": _TIME,
            "changed": _TIME,
            "warnings": array(_object({"detail": TEXT, "pointer": TEXT, "position": _COUNT})),
        },
        *("id", "protocol", "sink", "topics", "types", "filters", "protocolsettings", "config"),
        *("description", "status", "reason", "owner", "created"),
    ),
}
_BODIES: Final[dict[str, Any]] = {
    "body": TEXT,
    "body_base64": {"type": "string", "contentEncoding": "base64"},
}
_NOTE: Final[Schema] = {
    **TEXT,
    "description": "Why there is no body, or in what it may differ from the one that was sent.",
}
_TIMINGS: Final = ("dns", "connect", "tls", "first_byte", "total")
ATTEMPT: Final[Schema] = {
    "title": "Attempt",
    **_object(
        {
            "id": TEXT,
            "subscription": TEXT,
            "message": TEXT,
            "at": _TIME,
            "number": {"type": "integer", "minimum": 1},
            "trigger": {"enum": ["new", "retry", "probe", "replay", "manual", "test"]},
            "outcome": {"enum": list(OUTCOMES)},
            "positions": array(POSITION),
            "cause": TEXT,
            "detail": TEXT,
            "next": _TIME,
            "request": _object(
                {"method": TEXT, "url": TEXT, "headers": _HEADERS, **_BODIES, "body_note": _NOTE},
                *("method", "url", "headers"),
            ),
            "response": _object(
                {"status": _COUNT, "headers": _HEADERS, **_BODIES}, "status", "headers"
            ),
            "timings": _object(dict.fromkeys(_TIMINGS, _NUMBER), *_TIMINGS),
        },
        *("id", "subscription", "message", "at", "number", "trigger", "outcome", "positions"),
        *("request", "timings"),
    ),
}
DEAD: Final[Schema] = {
    "title": "DeadLetter",
    **_object(
        {
            "position": POSITION,
            "sequence": _COUNT,
            "attempts": _COUNT,
            "failed": _TIME,
            "reason": TEXT,
            "id": TEXT,
            "source": TEXT,
            "type": TEXT,
            "topic": TEXT,
        },
        *("position", "sequence", "attempts", "failed", "reason"),
    ),
}
_OLD: Final = _object({"secret": TEXT, "expires": _TIME}, "secret", "expires")
SECRETS: Final[Schema] = {
    "title": "SigningSecrets",
    **_object({"secret": TEXT, "old": array(_OLD)}, "secret", "old"),
}
REPLAY: Final[Schema] = _object(
    {"since": START, "until": START, "only": {"enum": ["failed"]}}, "since", closed=True
)
ROTATE: Final[Schema] = _object(
    {"grace": {"anyOf": [_NUMBER, _TEXTUAL], "default": "24h"}, "secret": TEXT}, closed=True
)
COUNTED: Final[Schema] = _object({"events": _COUNT}, "events")
JWKS: Final[Schema] = _object({"keys": array({"type": "object"})}, "keys")
