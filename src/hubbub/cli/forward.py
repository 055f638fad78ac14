"""`hubbub forward`: deliver events to a URL on this machine, signed as in production.

No relay: this process listens to a gateway anywhere, with `since` in the past if wanted, and posts
each event with the very code of the server's deliveries: the same id, body, signatures, judgement of
answers and guard. (One thing differs: streams carry an event on one line, so line breaks between the
tokens of JSON data arrive as spaces.) In order, one after the other. The schedule is shorter than in
production, for somebody is watching; what fails to the end of it is passed over, and said so.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from hubbub.cli.live import losses_told, tell_gap
from hubbub.cli.options import DEFAULT_URL, Token, Url
from hubbub.cli.outcome import complain, first_of, output_closed, printable, reported, run_async
from hubbub.core.errors import Conflict

if TYPE_CHECKING:
    from hubbub.client import Event, Listener
    from hubbub.core.contracts import Target
    from hubbub.core.outcome import Exchange
    from hubbub.net import Egress

NEAR: Final = (
    "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
)  # fmt: skip
"""Private networks that are forwarded to: it is the developer's own machine that calls."""

SCHEDULE: Final = (0.0, 1.0, 5.0, 30.0)
"""Seconds before each attempt: time to start a receiver anew, and to correct a mistake in it."""

MAX_RETRY_AFTER: Final = 60.0
"""Longest that `Retry-After` is obeyed, in seconds: nobody watches a day long."""

TIMEOUT: Final = 15.0
"""Seconds for an attempt, as on the server."""


class Wanted(NamedTuple):
    """What is to be delivered, and where to."""

    pattern: str
    sink: str
    since: str | None
    filter: str | None
    secret: str | None
    signing: list[str] | None


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
    """Deliver events to a local URL, signed as in production; prints a line for each attempt.

    One after the other; a failed one is tried again after 1, 5 and 30 seconds. Ctrl-C ends it, and
    tells the --since to go on with.
    """
    with losses_told():
        run_async(_forward(url, token, Wanted(pattern, sink, since, filter, secret, signing)))


async def _forward(url: str, token: str | None, wanted: Wanted) -> None:
    from hubbub.client import AsyncClient  # noqa: PLC0415 - takes a while
    from hubbub.core.clock import SystemClock  # noqa: PLC0415
    from hubbub.net import Egress, EgressOptions  # noqa: PLC0415
    from hubbub.webhooks import new_secret  # noqa: PLC0415

    egress = Egress(EgressOptions(), allow=NEAR, clock=SystemClock())
    secret = wanted.secret or new_secret(os.urandom(32))
    target = _target(egress, wanted, secret)
    await egress.start()
    try:
        async with AsyncClient(url, token=token) as client:
            events = client.listen(
                wanted.pattern, since=wanted.since, filter=wanted.filter, on_gap=tell_gap
            )
            async with events:
                if wanted.secret is None:
                    print(f"secret {secret}")
                print(printable(f"forwarding {wanted.pattern} to {wanted.sink}"), flush=True)
                await first_of(_deliver_all(target, events), output_closed())
    finally:
        await egress.close()


def _target(egress: Egress, wanted: Wanted, secret: str) -> Target:
    """Make ready what the server makes ready of a subscription. Raises `Malformed`."""
    from hubbub.channels.webhook import WebhookChannel  # noqa: PLC0415 - takes a while
    from hubbub.core.clock import SystemClock  # noqa: PLC0415
    from hubbub.core.subscription import Subscription  # noqa: PLC0415
    from hubbub.net import check_target  # noqa: PLC0415

    channel = WebhookChannel(egress, check_target, SystemClock(), "localhost")
    settings = {"signing": wanted.signing} if wanted.signing else {}
    subscription = Subscription(id="forward", sink=wanted.sink, protocolsettings=settings)
    channel.check(subscription)
    return channel.target(subscription, [secret], "")


async def _deliver_all(target: Target, events: Listener) -> None:
    """Deliver whatever comes; in the end tell where to go on. Raises `Conflict` after a 410."""
    settled, number = events.position, 0
    try:
        async for event in events:
            if event.position is None:
                continue  # ephemeral: the server's deliveries come from the log as well
            number += 1
            if not await _deliver(target, event, event.position, number):
                complain(f"{event.position} was given up; {_again(settled)}")
            settled = event.position
    finally:
        if settled is not None:
            complain(f"to go on: --since {settled}")


async def _deliver(target: Target, event: Event, position: str, sequence: int) -> bool:
    """Deliver one event, and say how each attempt went; tell whether one succeeded."""
    from hubbub.core.contracts import Order  # noqa: PLC0415
    from hubbub.core.event import Record  # noqa: PLC0415
    from hubbub.core.subscription import Policy  # noqa: PLC0415
    from hubbub.deliveries.decide import Again, Disable, Settle, decide  # noqa: PLC0415

    policy = Policy(schedule=SCHEDULE, jitter=0.0, max_retry_after=MAX_RETRY_AFTER)
    record, attempt = Record(0, event.topic, event.type, 0, event.json), 0
    while True:
        attempt += 1
        exchange = await target.deliver(Order(position, [record], [sequence], attempt), TIMEOUT)
        step = decide(exchange.outcome, attempt, policy, random.SystemRandom())
        wait = step.delay if isinstance(step, Again) else None
        print(printable(_line(event, exchange, wait)), flush=True)
        if wait is not None:
            await asyncio.sleep(wait)
        elif isinstance(step, Disable):
            raise Conflict(step.reason)
        else:
            return isinstance(step, Settle)


def _line(event: Event, exchange: Exchange, wait: float | None) -> str:
    """Describe an attempt: when, the answer, how long it took, what was sent, when again."""
    now, took = time.strftime("%H:%M:%S"), f"{exchange.timings.total:.0f} ms"
    told = exchange.status or getattr(exchange.outcome, "detail", "")
    again = "" if wait is None else f", again in {wait:g} s"
    return f"{now} {told} {took} {event.type} {event.topic} {event.position}{again}"


def _again(before: str | None) -> str:
    return f"--since {before} has it again" if before else "an earlier --since has it again"
