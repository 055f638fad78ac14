"""The settings of what the gateway says about itself, section `[observe]`."""

from __future__ import annotations

from typing import Literal

import msgspec


class ObserveOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the server logs. What it logs never holds payloads or tokens."""

    format: Literal["auto", "console", "json"] = "auto"
    """How a line looks; `auto` is `console` on a terminal and `json` elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is worth a line."""
