"""What all connections of one server share; uvicorn hands it to every protocol."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from uvicorn.server import ServerState
from websockets.extensions import ServerExtensionFactory
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

from hubbub.web.server.admission import Admission
from hubbub.web.server.deadlines import Deadlines
from hubbub.web.server.head import Examiner
from hubbub.web.server.hosts import HostRule
from hubbub.web.server.options import ServerOptions
from hubbub.wire.framing import MEMORY_LEVEL, WINDOW_BITS


class State(ServerState):
    """One server's shared state."""

    def __init__(self, options: ServerOptions, hosts: HostRule, clock: Callable[[], float]) -> None:
        super().__init__()
        self.options = options
        self.is_stopping = False
        self.lanes = Deadlines(options, clock)
        self.admission = Admission(options, clock)
        self.examiner = Examiner(options, hosts)
        self.ws_extensions = _extensions(options)

    def tell_date(self, now: float) -> None:
        """Set the Date of the answers of the next second (RFC 9110 6.6.1)."""
        self.default_headers = [(b"date", formatdate(now, usegmt=True).encode())]


def _extensions(options: ServerOptions) -> list[ServerExtensionFactory]:
    """Offer compression in the one form in which a frame fits every connection (RFC 7692 7.1.1)."""
    if not options.ws_compression:
        return []
    return [
        ServerPerMessageDeflateFactory(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=WINDOW_BITS,
            client_max_window_bits=WINDOW_BITS,
            compress_settings={"memLevel": MEMORY_LEVEL},
        )
    ]
