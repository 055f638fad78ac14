"""Doors in: whatever brings events to the log, one file each. All of them go through `Publisher`."""

from hubbub.sources.options import PublishOptions
from hubbub.sources.publish import Publisher

__all__ = ["PublishOptions", "Publisher"]
