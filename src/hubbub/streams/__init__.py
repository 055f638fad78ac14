"""Who is connected now. One ordered pass over the log per connection, shared where it is the same."""

from hubbub.streams.desk import Desk
from hubbub.streams.multiplex import serve_multiplexed
from hubbub.streams.options import StreamOptions
from hubbub.streams.sse import serve_sse
from hubbub.streams.websocket import serve_websocket

__all__ = ["StreamOptions", "Streams"]


class Streams(Desk):
    """The desk with its three counters; each call lasts as long as its connection."""

    serve_sse = serve_sse
    serve_websocket = serve_websocket
    serve_multiplexed = serve_multiplexed
