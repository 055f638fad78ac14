"""Engines of the one durable log, and the memory in front of them."""

from hubbub.log.opening import open_log
from hubbub.log.options import LogOptions
from hubbub.log.secrets import secrets_key
from hubbub.log.tail import Tail

__all__ = ["LogOptions", "Tail", "open_log", "secrets_key"]
