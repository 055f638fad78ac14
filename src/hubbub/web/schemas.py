"""JSON Schemas of what is not a struct of ours: CloudEvents as they come and go, and the grammar of names.

They say what a schema can say; the rest of CloudEvents 1.0.2 is checked all the same.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

_NO_CONTROLS: Final = r"[^\u0000-\u001f\u007f-\u009f]"

ANYTHING: Final[Schema] = {}
TEXT: Final[Schema] = {"type": "string"}
NAME: Final[Schema] = {"type": "string", "minLength": 1, "pattern": f"^{_NO_CONTROLS}+$"}
PATTERN: Final[Schema] = {**NAME, "maxLength": 255}
TOPIC: Final[Schema] = {**PATTERN, "pattern": r"^[^*\u0000-\u001f\u007f-\u009f]+$"}
POSITION: Final[Schema] = {"type": "string", "pattern": "^[0-9a-z]{1,16}-[0-9]{1,19}$"}
START: Final[Schema] = {
    "anyOf": [
        {"enum": ["latest", "earliest"]},
        POSITION,
        {"type": "string", "pattern": "^[0-9]{1,9}(ms|s|m|h|d)$"},
        {"type": "string", "format": "date-time"},
    ]
}
KEY: Final[Schema] = {"type": "string", "pattern": "^[!#-~][!-~]{0,254}$"}

_OPTIONAL: Final = {**NAME, "type": ["string", "null"]}
_TIME: Final = {"type": ["string", "null"], "format": "date-time"}

CLOUDEVENT: Final[Schema] = {
    "title": "CloudEvent",
    "description": "Extensions beside these; readers get `topic`, `position` and `recordedtime`.",
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": NAME,
        "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
        "type": NAME,
        "datacontenttype": _OPTIONAL,
        "dataschema": {"type": ["string", "null"], "format": "uri"},
        "subject": _OPTIONAL,
        "time": _TIME,
        "data": {},
        "data_base64": {"type": ["string", "null"], "contentEncoding": "base64"},
        "topic": TOPIC,
        "position": TEXT,
        "recordedtime": _TIME,
        "expirytime": _TIME,
    },
    "propertyNames": {"pattern": "^([a-z0-9]{1,64}|data_base64)$"},
    "additionalProperties": {
        "anyOf": [
            {"type": "string", "pattern": f"^{_NO_CONTROLS}*$"},
            {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
            {"type": ["boolean", "null"]},
        ]
    },
}
CLOUDEVENTS: Final[Schema] = {"type": "array", "items": CLOUDEVENT}


def or_latest(schema: Schema) -> Schema:
    """Allow any JSON beside `schema`: with `format=latest` an answer is an event's own data."""
    latest = {"title": "Latest", "description": "`format=latest`: the data of the newest event."}
    return {"anyOf": [schema, latest]}
