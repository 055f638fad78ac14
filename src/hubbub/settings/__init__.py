"""One struct of all rooms' options, and how it is loaded: file < environment < flags."""

from hubbub.settings.load import FILE, Loaded, find_file, load
from hubbub.settings.model import Settings

__all__ = ["FILE", "Loaded", "Settings", "find_file", "load"]
