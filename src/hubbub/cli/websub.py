"""`hubbub websub`: follow what others publish, tell hubs of news, and see how both stand."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from hubbub.cli import websub_shown as shown
from hubbub.cli.options import DEFAULT_URL, Token, Url, seconds
from hubbub.cli.outcome import REFUSED, print_json, printable, reported, run_async
from hubbub.cli.pings import check_url, tell
from hubbub.core.errors import Conflict, Misconfigured, NotFound

MAX_NAME: Final = 63
"""Characters of the name of a source."""

MARK: Final = 8
"""Hex digits that tell two URLs apart whose hosts and paths make the same name."""

LOOK_INTERVAL: Final = 0.2
"""Seconds between two looks at how a subscription stands."""

Json = Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")]
Document = dict[str, Any]

app = typer.Typer(
    name="websub",
    help="Follow feeds and pages, and tell hubs of news.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@reported
def subscribe(
    feed: Annotated[str, typer.Argument(metavar="URL", help="A feed, or a page that names one.")],
    topic: Annotated[str, typer.Argument(help="Where its entries go, such as news/blog.")],
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the source; default: made of host and path.")
    ] = None,
    hub: Annotated[
        str | None, typer.Option(help="Use this hub, whatever the feed says.", metavar="URL")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="One event for the document, not one for each entry.")
    ] = False,
    backfill: Annotated[
        int,
        typer.Option(
            help="How many entries that are there already become events.", min=0, max=1000
        ),
    ] = 0,
    lease: Annotated[
        str | None,
        typer.Option(help="How long to subscribe for, such as 10d, renewed.", metavar="TIME"),
    ] = None,
    poll: Annotated[
        str | None,
        typer.Option(help="How often to look although the hub pushes: 6h.", metavar="TIME"),
    ] = None,
    no_secret: Annotated[
        bool, typer.Option("--no-secret", help="Take pushes without a signature.")
    ] = False,
    wait: Annotated[
        str,
        typer.Option(help="Wait so long for the hub; 0: do not.", metavar="TIME"),
    ] = "10s",
    json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> int:
    """Have the server follow a URL: its entries become events on TOPIC.

    The hub that the feed names pushes them; where there is none, or it fails, the server polls. A
    repeat replaces what was said before, with all its options. Exit code 1 says that not even the
    first look worked.
    """
    check_url(feed)
    given: dict[str, Any] = {
        "hub": hub,
        "split": False if whole else None,
        "backfill": backfill or None,
        "lease": None if lease is None else seconds(lease, "--lease"),
        "poll": None if poll is None else seconds(poll, "--poll"),
        "secret": False if no_secret else None,
    }
    options = {option: value for option, value in given.items() if value is not None}
    followed = _follow(url, token, feed, topic, name, options, seconds(wait, "--wait"))
    document = run_async(followed)
    if json:
        print_json(document)
    else:
        print(shown.standing(document))
    return REFUSED if shown.is_unread(document) else 0


@reported
def unsubscribe(
    followed: Annotated[
        str, typer.Argument(metavar="NAME_OR_URL", help="Name of the source, or what it follows.")
    ],
    *,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Follow something no more; its hub is told, and the events stay."""
    name = run_async(_unfollow(url, token, followed))
    print(f"{name}: deleted")


@reported
def publish(
    topic_url: Annotated[str, typer.Argument(metavar="TOPIC_URL", help="URL of what has news.")],
    *,
    hub: Annotated[
        list[str] | None,
        typer.Option(help="Tell this hub, not those that the topic names.", metavar="URL"),
    ] = None,
) -> int:
    """Tell hubs that a topic has news; prints what each of them answers.

    The requests are sent from here. Exit code 1 says that no hub took it.
    """
    topic, answers = run_async(tell(topic_url, hub or ()))
    print(printable(f"topic {topic}"))
    for one in answers:
        print(printable(f"{'taken ' if one.is_taken else 'failed'} {one.hub} {one.said}"))
    return 0 if any(one.is_taken for one in answers) else REFUSED


@reported
def status(
    topic_url: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPIC_URL]", help="Topic of the server's hub; none: all that is followed."
        ),
    ] = None,
    callback: Annotated[
        str | None, typer.Argument(metavar="[CALLBACK]", help="Callback that is subscribed to it.")
    ] = None,
    *,
    json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Show how what is followed stands; or whether the server's hub pushes a topic, and why not."""
    for one in (topic_url, callback):
        if one is not None:
            check_url(one)
    told = run_async(_ask(url, token, topic_url, callback))
    if json:
        print_json(told)
        return
    for line in shown.followed(told) if topic_url is None else shown.explained(told):
        print(line)


for command in (subscribe, unsubscribe, publish, status):
    app.command()(command)


def name_of(feed: str) -> str:
    """Return the name of a source made of a URL: host and path; the same for the same URL.

    A part that a name cannot hold, such as a query, comes in as a few hex digits.
    """
    parts = urlsplit(feed)
    readable = f"{parts.netloc}{parts.path}".lower()
    name = re.sub(r"[^a-z0-9]+", "-", readable).strip("-")
    is_whole = readable.isascii() and not parts.query and 0 < len(name) <= MAX_NAME
    return name if is_whole else _marked(name, feed)


def _marked(name: str, feed: str) -> str:
    mark = hashlib.sha256(feed.encode("utf-8", "surrogatepass")).hexdigest()[:MARK]
    if name.endswith(f"-{mark}"):
        return name
    return f"{name[: MAX_NAME - 1 - MARK].rstrip('-') or 'feed'}-{mark}"


async def _follow(  # noqa: PLR0917
    url: str,
    token: str | None,
    feed: str,
    topic: str,
    name: str | None,
    options: dict[str, Any],
    patience: float,
) -> Document:
    """Make or replace the source; return how it stands, at the latest after `patience` seconds."""
    from hubbub.client import AsyncClient  # noqa: PLC0415 - takes a while

    async with AsyncClient(url, token=token) as client:
        name = _place(feed, name, await client.sources.list())
        await client.websub.follow(name, feed, topic, **options)
        end = time.monotonic() + patience
        while True:
            document = await client.sources.get(name)
            left = end - time.monotonic()
            is_settled = shown.is_settled(document.get("status", {}), time.time())
            if left <= 0 or is_settled or document.get("problem"):
                return document
            await asyncio.sleep(min(LOOK_INTERVAL, left))


def _place(feed: str, name: str | None, sources: Sequence[Document]) -> str:
    """Return the name to follow a URL under: its own one, or where it is followed already.

    Raises `Conflict` for the name of a source of another kind.
    """
    known = {one["name"]: one for one in sources}
    if name is None:
        plain = name_of(feed)
        marked = _marked(plain, feed)
        there = [one for one in (marked, plain) if one in known and _follows(known[one], feed)]
        name = there[0] if there else marked if plain in known else plain
    if name in known and known[name]["kind"] != "websub":
        raise Conflict(f"the source {name} takes webhooks: say another name by --name")
    return name


def _follows(source: Document, feed: str) -> bool:
    return source["kind"] == "websub" and source.get("options", {}).get("url") == feed


async def _unfollow(url: str, token: str | None, followed: str) -> str:
    from hubbub.client import AsyncClient  # noqa: PLC0415 - takes a while

    async with AsyncClient(url, token=token) as client:
        name = followed
        if "://" in followed:
            name = _found(followed, await client.sources.list())
        elif (await client.sources.get(name))["kind"] != "websub":
            raise Conflict(f"the source {name} takes webhooks: hubbub sources {name} --delete")
        await client.websub.unfollow(name)
        return name


def _found(feed: str, sources: Sequence[Document]) -> str:
    """Return the name under which a URL is followed. Raises `NotFound` or `Misconfigured`."""
    names = [one["name"] for one in sources if _follows(one, feed)]
    if not names:
        raise NotFound(f"{feed} is not followed; hubbub websub status tells what is")
    if len(names) > 1:
        raise Misconfigured(f"it is followed as {', '.join(names)}: say which")
    return names[0]


async def _ask(url: str, token: str | None, topic: str | None, callback: str | None) -> Any:
    from hubbub.client import AsyncClient  # noqa: PLC0415 - takes a while

    async with AsyncClient(url, token=token) as client:
        if topic is None:
            return await client.websub.followed()
        return await client.websub.explain(topic, callback)
