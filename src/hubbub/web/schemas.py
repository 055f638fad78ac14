"""JSON Schemas of what is not a struct of ours: CloudEvents as they come and go (JSON format 1.0.2)."""

from __future__ import annotations

from typing import Any, Final

_TEXT: Final = {"type": "string", "minLength": 1}

ANYTHING: Final[dict[str, Any]] = {}
TEXT: Final[dict[str, Any]] = {"type": "string"}

CLOUDEVENT: Final[dict[str, Any]] = {
    "title": "CloudEvent",
    "description": "Extensions beside these; readers get `topic`, `position` and `recordedtime`.",
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _TEXT,
        "source": {**_TEXT, "format": "uri-reference"},
        "type": _TEXT,
        "datacontenttype": {"type": ["string", "null"]},
        "dataschema": {"type": ["string", "null"], "format": "uri"},
        "subject": {"type": ["string", "null"], "minLength": 1},
        "time": {"type": ["string", "null"], "format": "date-time"},
        "data": {},
        "data_base64": {"type": ["string", "null"], "contentEncoding": "base64"},
        "topic": {"type": "string", "maxLength": 255},
        "position": {"type": "string"},
        "recordedtime": {"type": "string", "format": "date-time"},
    },
}
CLOUDEVENTS: Final[dict[str, Any]] = {"type": "array", "items": CLOUDEVENT}
