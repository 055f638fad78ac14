"""The only outbound sockets: an HTTP client behind a guard against forged requests."""

from hubbub.net.client import Egress, Reply
from hubbub.net.errors import Cause, InvalidTarget, RequestFailed, Timings
from hubbub.net.options import EgressOptions
from hubbub.net.urls import Target, check_target

__all__ = [
    "Cause",
    "Egress",
    "EgressOptions",
    "InvalidTarget",
    "Reply",
    "RequestFailed",
    "Target",
    "Timings",
    "check_target",
]
