"""The ASGI face of the gateway: what api.md promises, over HTTP and WebSocket."""
