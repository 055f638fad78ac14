"""An event as a reader gets it: the CloudEvents JSON, and its parts when somebody asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import msgspec

from hubbub.core import event as core
from hubbub.core.attributes import Value
from hubbub.core.errors import Malformed

_CONTEXT: Final = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
)
_PLACE: Final = frozenset(("topic", "position"))


class _Payload(msgspec.Struct):
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | None = None


_payload: Final = msgspec.json.Decoder(_Payload)


class Event(msgspec.Struct, frozen=True, dict=True):
    """A received event. `json` is the whole of it, as the server sent it; all else is read from it."""

    json: bytes

    def __repr__(self) -> str:
        return f"Event(topic={self.topic!r}, position={self.position!r}, id={self.id!r})"

    @cached_property
    def attributes(self) -> Mapping[str, Value]:
        """All context attributes, extensions included, by their CloudEvents names."""
        return MappingProxyType(core.attributes(self.json))

    @property
    def id(self) -> str:
        """The producer's id: with `source` it names the event wherever it turns up."""
        return str(self.attributes["id"])

    @property
    def source(self) -> str:
        """Where it comes from, a URI reference."""
        return str(self.attributes["source"])

    @property
    def type(self) -> str:
        """What kind of event it is."""
        return str(self.attributes["type"])

    @property
    def topic(self) -> str:
        """The topic it was published to."""
        return str(self.attributes.get("topic", ""))

    @property
    def position(self) -> str | None:
        """Where it is in the log: `since=` this to go on after it. None for an ephemeral event."""
        return self._text("position")

    @property
    def time(self) -> str | None:
        """When it happened, RFC 3339 in the producer's own words."""
        return self._text("time")

    @property
    def subject(self) -> str | None:
        """What it is about, within its source."""
        return self._text("subject")

    @property
    def content_type(self) -> str | None:
        """Media type of the data."""
        return self._text("datacontenttype")

    @cached_property
    def extensions(self) -> Mapping[str, Value]:
        """Attributes beyond CloudEvents' own and the place in the log, `recordedtime` among them."""
        return MappingProxyType(
            {k: v for k, v in self.attributes.items() if k not in _CONTEXT and k not in _PLACE}
        )

    @cached_property
    def data(self) -> Any:
        """The payload: JSON as objects, text as `str`, binary as `bytes`, None if there is none.

        Raises `Malformed` for a number that Python has no float for; `json` holds its text.
        """
        payload = _payload.decode(self.json)
        if payload.data_base64 is not None:
            return core.decode_base64(payload.data_base64)
        if payload.data is msgspec.UNSET:
            return None
        try:
            return msgspec.json.decode(payload.data)
        except msgspec.MsgspecError as error:
            raise Malformed(f"the data cannot be decoded: {error}; take it from .json") from None

    def _text(self, name: str) -> str | None:
        value = self.attributes.get(name)
        return None if value is None else str(value)


def read_event(json: bytes) -> Event:
    """Check that `json` is an event that can be read. Raises `ValueError` (msgspec) or `KeyError`."""
    event = Event(json)
    attributes = event.attributes
    for name in ("id", "source", "type"):
        _ = attributes[name]
    return event
