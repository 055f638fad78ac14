"""`hubbub forward`: deliver events to a URL on this machine, signed as in production.

No relay: this process listens to a gateway anywhere, with `since` in the past if wanted, and posts
each event with the very code of the server's deliveries. In order, one after the other; a failed one
is tried again after 1, 5 and 30 seconds and then passed over, for somebody is watching.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hubbub.cli.options import DEFAULT_URL, Token, Url
from hubbub.cli.outcome import complain, first_of, output_closed, printable, reported, run_async

if TYPE_CHECKING:
    from hubbub.client import Event, Listener
    from hubbub.core.contracts import Target
    from hubbub.core.outcome import Exchange

NEAR: Final = (
    "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
)  # fmt: skip
"""Private networks that are forwarded to: it is the developer's own machine that calls."""

WAITS: Final = (1.0, 5.0, 30.0)
"""Seconds before an event is tried again."""

TIMEOUT: Final = 15.0
"""Seconds for an attempt, as on the server."""


@reported
def forward(
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Topics such as orders/*.")],
    sink: Annotated[
        str, typer.Argument(metavar="URL", help="Where to, such as http://localhost:3000/hook.")
    ],
    *,
    since: Annotated[
        str | None,
        typer.Option(help="earliest, a position, a time, or an age such as 2h; default: from now."),
    ] = None,
    filter: Annotated[  # noqa: A002
        str | None, typer.Option(help="CloudEvents SQL, such as: type LIKE 'order.%'")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="HUBBUB_SECRET", show_envvar=True, help="Sign with it; default: a new one."
        ),
    ] = None,
    signing: Annotated[
        list[str] | None, typer.Option(help="Sign as standard, github, stripe, ...")
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Deliver events to a local URL, signed as in production; prints a line for each.

    Ctrl-C ends it; --since with the last position printed goes on there.
    """
    run_async(_forward(url, token, pattern, sink, since, filter, secret, signing))


async def _forward(  # noqa: PLR0917
    url: str,
    token: str | None,
    pattern: str,
    sink: str,
    since: str | None,
    filter: str | None,  # noqa: A002
    secret: str | None,
    signing: list[str] | None,
) -> None:
    from hubbub.channels.webhook import WebhookChannel  # noqa: PLC0415 - takes a while
    from hubbub.client import AsyncClient  # noqa: PLC0415
    from hubbub.core.clock import SystemClock  # noqa: PLC0415
    from hubbub.core.subscription import Subscription  # noqa: PLC0415
    from hubbub.net import Egress, EgressOptions, check_target  # noqa: PLC0415
    from hubbub.webhooks import new_secret  # noqa: PLC0415

    clock = SystemClock()
    egress = Egress(EgressOptions(), allow=NEAR, clock=clock)
    channel = WebhookChannel(egress, check_target, clock, "localhost")
    settings = {"signing": signing} if signing else {}
    subscription = Subscription(id="forward", sink=sink, protocolsettings=settings)
    channel.check(subscription)
    if secret is None:
        secret = new_secret(os.urandom(32))
        print(f"secret {secret}", flush=True)
    target = channel.target(subscription, [secret], "")

    async def deliver_all(events: Listener) -> None:
        async for event in events:
            await _deliver(target, event)

    await egress.start()
    try:
        async with AsyncClient(url, token=token) as client:
            events = client.listen(pattern, since=since, filter=filter)
            await first_of(deliver_all(events), output_closed())
    finally:
        await egress.close()


async def _deliver(target: Target, event: Event) -> None:
    """Deliver one event; say how it went, however often that takes."""
    from hubbub.core.contracts import Order  # noqa: PLC0415
    from hubbub.core.event import Record  # noqa: PLC0415
    from hubbub.core.outcome import Delivered  # noqa: PLC0415

    record = Record(0, event.topic, event.type, 0, event.json)
    for number, wait in enumerate((*WAITS, None), 1):
        order = Order(event.position or event.id, [record], [0], number)
        exchange = await target.deliver(order, TIMEOUT)
        print(printable(_line(event, exchange)), flush=True)
        if isinstance(exchange.outcome, Delivered):
            return
        if wait is not None:
            await asyncio.sleep(wait)
    complain(f"{event.position} was given up; forward it again with --since")


def _line(event: Event, exchange: Exchange) -> str:
    detail = getattr(exchange.outcome, "detail", "")
    told = str(exchange.status or detail)
    now = time.strftime("%H:%M:%S")
    took = f"{exchange.timings.total:.0f} ms"
    return f"{now} {told} {took} {event.position} {event.topic} {event.type}"
