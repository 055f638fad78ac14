"""The ASGI server: uvicorn's protocols with a synchronous writer, bounds and deadlines."""

from hubbub.web.server.options import ServerOptions
from hubbub.web.server.server import Server, running, serve
from hubbub.web.server.writers import WIRE, StreamWriter

__all__ = ["WIRE", "Server", "ServerOptions", "StreamWriter", "running", "serve"]
