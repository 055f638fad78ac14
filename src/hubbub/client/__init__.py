"""The client: publish, read back and listen, over HTTP, Server-Sent Events or WebSocket.

    async with AsyncClient() as client:
        await client.publish("orders/42", {"state": "paid"})
        async for event in client.listen("orders/*", since="2h"):
            print(event.topic, event.data)

`Client` is the same for code that blocks. A retry never publishes twice, and a listener that lost
its connection comes back to where it was.
"""

from hubbub.client.aio import AsyncClient, Transport
from hubbub.client.backoff import Backoff
from hubbub.client.blocking import Client, Events
from hubbub.client.errors import ClientError, Gap, Refused, Unexpected, Unreachable
from hubbub.client.event import Event
from hubbub.client.history import History
from hubbub.client.listener import Listener
from hubbub.client.outgoing import CloudEvent
from hubbub.core.event import Published

__all__ = [
    "AsyncClient",
    "Backoff",
    "Client",
    "ClientError",
    "CloudEvent",
    "Event",
    "Events",
    "Gap",
    "History",
    "Listener",
    "Published",
    "Refused",
    "Transport",
    "Unexpected",
    "Unreachable",
]
