"""The settings of the log, section `[log]`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hubbub.core.contracts import Retention


class LogOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events are kept, for how long, and what counts as the same event."""

    store: str = "sqlite:data/hubbub.db"
    """Where: `sqlite:///var/lib/hubbub/hubbub.db`, `sqlite:relative/path.db`, or `memory:`."""
    retention: Retention = Retention()
    """How much of the past is kept."""
    trim_interval: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """Seconds between two looks at what the retention no longer keeps: how late it may be."""
    dedupe_window: Annotated[float, msgspec.Meta(ge=0)] = 86_400.0
    """Seconds in which a second event of the same `source` and `id` is a duplicate; 0: never."""
    dedupe_max: Annotated[int, msgspec.Meta(ge=0)] = 1_000_000
    """Newest events in which duplicates are looked for: about 120 bytes of memory each."""
    secrets_key: Annotated[str, msgspec.Meta(extra={"secret": True})] = ""
    """Key for the secrets of subscriptions and sources, 32 bytes in base64; empty: the file
    `hubbub.db.key` beside the store, made at the first start."""
    ring_bytes: Annotated[int, msgspec.Meta(ge=0)] = 32 * 1024 * 1024
    """Bytes of the newest events kept in memory, from which all readers that keep up are served."""

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["secrets_key"] = "..." if self.secrets_key else ""
        return f"LogOptions({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
