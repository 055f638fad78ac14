"""The rest of the world on sockets: a publisher with pages, hubs that do as they are told, and us.

Our side is the real `Followers` behind the real HTTP client, with a clock of the test's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import hmac
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl
from weakref import WeakSet

import msgspec
from aiohttp import ClientConnectionError, ClientSession, web

from deliveries.rig import Time, settle
from deliveries.store import Registry
from hubbub.core.clock import SystemClock
from hubbub.core.errors import HubbubError, NotFound
from hubbub.core.event import Event, Published, Record
from hubbub.core.grants import Principal
from hubbub.core.selection import EVERYTHING
from hubbub.log.memory import MemoryLog
from hubbub.log.options import LogOptions
from hubbub.net import Egress, EgressOptions, check_target
from hubbub.sources.websub.feeds import Feeds
from hubbub.sources.websub.follower import Follower
from hubbub.sources.websub.followers import Followers
from hubbub.sources.websub.options import FollowOptions
from hubbub.sources.websub.state import Callback, State
from hubbub.wire.sealed import seal, unseal
from hubbub.wire.websub import with_parameters

KEY = bytes(range(32))
ATOM = "application/atom+xml"
DAY = 86_400.0


def entry(number: int, text: str = "") -> str:
    """Return an entry of an Atom feed."""
    return (
        f"<entry><id>urn:e:{number}</id><title>{text or f'Number {number}'}</title>"
        f"<updated>2026-11-20T{number // 60:02d}:{number % 60:02d}:00Z</updated></entry>"
    )


def atom(*entries: str, links: str = "") -> bytes:
    """Return an Atom feed, its entries in the order given."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>F</title><id>urn:f</id><updated>2026-11-01T10:00:00Z</updated>{links}"
        f"{''.join(entries)}</feed>"
    ).encode()


class Page:
    """What the publisher answers at a path."""

    def __init__(
        self, body: bytes = b"", kind: str = ATOM, status: int = 200, **headers: str
    ) -> None:
        self.body = body
        self.kind = kind
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Subscribed:
    """A subscription as a hub has it."""

    def __init__(self, form: dict[str, str]) -> None:
        self.callback = form["hub.callback"]
        self.topic = form["hub.topic"]
        self.secret = form.get("hub.secret", "")


class HubScript:
    """How a hub behaves, and what it was asked."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.verifies = True
        """Whether it verifies, while it answers."""
        self.lease = "864000"
        self.status = 202
        self.headers: dict[str, str] = {}
        self.denies = ""
        self.subscribed: dict[str, Subscribed] = {}
        """By callback."""
        self.answers: list[tuple[int, str, bytes]] = []
        """What its verifications were answered: status, Content-Type, body."""

    @property
    def asked(self) -> list[str]:
        """The modes that were asked for."""
        return [form["hub.mode"] for form in self.forms]


class World:
    """Publisher, hubs and our callbacks, at one address."""

    def __init__(self) -> None:
        self.url = ""
        self.pages: dict[str, Page] = {}
        self.fetched: list[tuple[str, Mapping[str, str]]] = []
        self.asked_since: list[str] = []
        self.hubs: dict[str, HubScript] = {}
        self.followers: Followers | None = None
        self.before_post: Callable[[], Awaitable[None]] | None = None
        self._challenges = map("challenge {}&ü".format, itertools.count(1))

    def hub(self, path: str = "/hub") -> HubScript:
        return self.hubs.setdefault(path, HubScript())

    def page(self, body: bytes = b"", path: str = "/feed", **more: Any) -> Page:
        """Put a page that names `/hub` as its hub and itself as its topic."""
        links = f'<{self.url}/hub>; rel="hub", <{self.url}{path}>; rel="self"'
        page = self.pages[path] = Page(body, **{"Link": links, **more})
        self.hub()
        return page

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path
        if path.startswith("/websub/"):
            return await self._callback(request)
        if path in self.hubs:
            return await self._hub(path, await request.read())
        self.fetched.append((path, dict(request.headers)))
        if (since := request.query.get("since")) is not None:
            self.asked_since.append(since)
        if request.query_string in ("order=desc&limit=3", f"since={since}"):
            path = request.path_qs
        page = self.pages.get(path) or Page(status=404)
        etag = f'"{hashlib.sha256(page.body).hexdigest()[:8]}"'
        if request.headers.get("If-None-Match") == etag and page.status == 200:
            return web.Response(status=304)
        headers = {"ETag": etag, "Content-Type": page.kind, **page.headers}
        return web.Response(status=page.status, body=page.body, headers=headers)

    async def _hub(self, path: str, body: bytes) -> web.Response:
        hub = self.hubs[path]
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        hub.forms.append(form)
        if self.before_post is not None:
            await self.before_post()
        if hub.denies:
            await self.get(
                form["hub.callback"],
                {"hub.mode": "denied", "hub.topic": form["hub.topic"], "hub.reason": hub.denies},
            )
        elif hub.verifies and hub.status < 300:
            await self.verify(hub, form)
        return web.Response(status=hub.status, text="what the hub says", headers=hub.headers)

    async def verify(self, hub: HubScript, form: dict[str, str]) -> bool:
        """Verify what was asked for, as a hub does."""
        challenge = next(self._challenges)
        fields = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": challenge,
            "hub.lease_seconds": hub.lease,
        }
        answer = await self.get(form["hub.callback"], fields)
        hub.answers.append(answer)
        is_good = answer[0] == 200 and answer[2] == challenge.encode()
        if is_good and form["hub.mode"] == "subscribe":
            hub.subscribed[form["hub.callback"]] = Subscribed(form)
        elif is_good:
            hub.subscribed.pop(form["hub.callback"], None)
        return is_good

    async def get(self, callback: str, fields: Mapping[str, str]) -> tuple[int, str, bytes]:
        """GET a callback: status (0: nobody is there), Content-Type and body of the answer."""
        url = with_parameters(callback, fields.items())
        try:
            async with ClientSession() as session, session.get(url) as answer:
                return answer.status, answer.headers.get("Content-Type", ""), await answer.read()
        except ClientConnectionError:
            return 0, "", b""

    async def push(
        self, body: bytes, kind: str = ATOM, *, hub: str = "/hub", method: str = "sha256"
    ) -> list[int]:
        """Push to all subscribers of a hub; return what they answered."""
        statuses: list[int] = []
        for one in [*self.hubs[hub].subscribed.values()]:
            headers = {"Content-Type": kind}
            if one.secret:
                digest = hmac.new(one.secret.encode(), body, method).hexdigest()
                headers["X-Hub-Signature"] = f"{method}={digest}"
            statuses.append(await self.post(one.callback, body, headers))
        return statuses

    async def post(self, callback: str, body: bytes, headers: Mapping[str, str]) -> int:
        """POST to a callback; return the status of the answer, 0 if nobody is there."""
        try:
            async with (
                ClientSession() as session,
                session.post(callback, data=body, headers=headers) as answer,
            ):
                return answer.status
        except ClientConnectionError:
            return 0

    async def _callback(self, request: web.Request) -> web.Response:
        """Hand a request to our side; web/callbacks.py does this with more care."""
        token = request.path.removeprefix("/websub/")
        assert self.followers is not None
        try:
            if request.method == "GET":
                reply = await self.followers.verify(token, [*request.query.items()])
            else:
                headers = [(name.lower(), value) for name, value in request.headers.items()]
                reply = await self.followers.receive(token, headers, await request.read())
        except HubbubError as error:
            return web.Response(status=error.status, text=error.detail)
        kind = {"Content-Type": reply.content_type} if reply.content_type else {}
        return web.Response(status=reply.status, body=reply.body, headers=kind)


class Source:
    """What the book of sources has of one."""

    def __init__(self, name: str, opened: Any) -> None:
        self.name = name
        self.opened = opened
        self.max_bytes: int | None = None


class Book:
    """The sources there are."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}

    def list(self) -> Sequence[Source]:
        return [*self.sources.values()]

    def get(self, name: str) -> Source:
        if name not in self.sources:
            raise NotFound("no such source")
        return self.sources[name]


class Publisher:
    """The way into the log, which a test can close."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.error: HubbubError | None = None
        self.calls: list[list[Event]] = []
        self.principals: set[str] = set()

    async def publish(self, events: Sequence[Event], principal: Principal) -> list[Published]:
        if self.error is not None:
            raise self.error
        self.calls.append([*events])
        self.principals.add(principal.name)
        appended = await self._log.append(events)
        return [
            Published(event.id, "", event.topic, duplicate)
            for event, (_, duplicate) in zip(events, appended, strict=True)
        ]


RESTING = WeakSet[Follower]()
"""Those that wait, until something is due or somebody calls."""


class Watched(Follower):
    """A follower of which can be told whether it has something to do."""

    async def _rest(self, seconds: float | None) -> None:
        RESTING.add(self)
        try:
            await super()._rest(seconds)
        finally:
            RESTING.discard(self)


def is_resting(follower: Follower) -> bool:
    return follower in RESTING and not follower._woken.is_set()


class Rig:
    """We, in the world."""

    def __init__(self, world: World, client: Egress, **options: Any) -> None:
        self.world = world
        self.time = Time()
        self.log = MemoryLog(
            LogOptions(store="memory:"), clock=self.time, entropy=lambda n: b"\x07" * n
        )
        self.registry = Registry()
        self.publisher = Publisher(self.log)
        self.book = Book()
        self.base = world.url
        self.options = FollowOptions(**options)
        self._client = client
        self._random = Random(7)
        self._nonces = itertools.count(1)
        self.followers = self.make()

    def make(self) -> Followers:
        made = Followers(
            registry=self.registry,
            client=self._client,
            publisher=self.publisher,
            log=self.log,
            base=lambda: self.base,
            clock=self.time,
            timers=self.time,
            rng=Random(1),
            entropy=self._random.randbytes,
            options=self.options,
            seal=lambda text, of: seal(KEY, text, of, next(self._nonces).to_bytes(12, "big")),
            unseal=lambda text, of: unseal([KEY], text, of),
        )
        self.world.followers = made
        return made

    def follow(self, name: str = "news", topic: str = "news/blog", **options: Any) -> None:
        """Make or replace a source."""
        given = {"url": self.world.url + "/feed", **options}
        opened = Feeds(check_target).open(name, topic, given)
        self.book.sources[name] = Source(name, opened)
        self.followers.changed(name)

    def unfollow(self, name: str = "news") -> None:
        del self.book.sources[name]
        self.followers.changed(name)

    async def restart(self, *, crash: bool = False) -> None:
        """End this process and begin the next."""
        if crash:
            for task in [*self.followers._tasks.values()]:
                task.cancel()
            await settle()
        else:
            await self.followers.stop()
        self.followers = self.make()
        await self.followers.start(self.book)

    def follower(self, name: str = "news") -> Follower:
        return self.followers._followers[name]

    @property
    def state(self) -> State:
        return self.follower().state

    @property
    def active(self) -> Callback:
        found = self.state.active
        assert found is not None
        return found

    def status(self, name: str = "news") -> Mapping[str, Any]:
        return self.followers.status(name)

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for what happens on sockets."""
        for _ in range(2000):
            if condition():
                await settle()
                return
            await asyncio.sleep(0.002)
        raise AssertionError(f"it did not happen: {what} {dict(self.status())}")

    async def subscribed(self, **options: Any) -> None:
        """Follow, until the hub has us."""
        self.follow(**options)
        await self.until(lambda: "news" in self.followers._followers and self.state.active)
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until the followers rest."""
        await self.until(lambda: all(map(is_resting, self.followers._followers.values())))

    async def pass_(self, seconds: float) -> None:
        """Let time pass, but only while nobody is at work: what is due is done at its time."""
        end = self.time.passed + seconds
        await self.quiet()
        while self.time._calls and self.time._calls[0][0] <= end:
            when, number, _ = self.time._calls[0]
            if number in self.time._off:
                heapq.heappop(self.time._calls)
                continue
            await self.time.advance(max(0.0, when - self.time.passed))
            await self.quiet()
        await self.time.advance(end - self.time.passed)
        await self.quiet()

    async def records(self) -> list[Record]:
        return (await self.log.read(0, 10_000, EVERYTHING)).records

    async def ids(self) -> list[str]:
        """Return the entries that became events, by their ids."""
        return [str(record.attributes()["subject"]) for record in await self.records()]

    def stored(self, kind: str = "follow", name: str = "news") -> Any:
        """Return what the registry has."""
        found = self.registry.documents.get((kind, name))
        return None if found is None else msgspec.json.decode(found.body)


@asynccontextmanager
async def outside() -> AsyncIterator[World]:
    """Run publishers and hubs."""
    world = World()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{tail:.*}", world.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    world.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield world
    finally:
        await runner.cleanup()


@asynccontextmanager
async def rig(*, start: bool = True, **options: Any) -> AsyncIterator[Rig]:
    """Run a world and us in it."""
    async with outside() as world:
        client = Egress(EgressOptions(), allow=("127.0.0.0/8",), clock=SystemClock())
        await client.start()
        made = Rig(world, client, **options)
        with patch("hubbub.sources.websub.followers.Follower", Watched):
            if start:
                await made.followers.start(made.book)
            try:
                yield made
            finally:
                await made.followers.stop()
                await client.close()
