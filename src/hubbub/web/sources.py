"""`/sources` and `/sources/{name}`: who may send events here from outside, and how they prove it.

For holders of `manage`. A token that manages patterns only may see and change those sources all of
whose topics are in them: each place of a template counts as `*` for its segment. Secrets go in and
never come out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from hubbub.core.attributes import media_type
from hubbub.core.errors import Forbidden, Unsupported
from hubbub.core.grants import Principal
from hubbub.core.topic import covers
from hubbub.web import face
from hubbub.web.answers import NO_STORE, Answer
from hubbub.web.body import Bodies, check_encoding
from hubbub.web.face import Receive, Scope, Send
from hubbub.web.hooks import hook_url
from hubbub.web.query import header
from hubbub.web.reading import base_url

MAX_DOCUMENT: Final = 128 * 1024
"""Bytes of a document: eight public keys in PEM of the largest kind, and a scheme."""

JSON: Final = b"application/json"


class Opened(Protocol):
    """A source ready for work."""

    @property
    def topic(self) -> str:
        """The template of its topics."""
        ...

    @property
    def secrets(self) -> int:
        """How many secrets hold."""
        ...

    @property
    def address(self) -> str:
        """The URL that others were given, where it is not ours."""
        ...

    @property
    def pattern(self) -> str:
        """Covers all of its topics."""
        ...


class Source(Protocol):
    """A source: `sources.book.Source`."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def kind(self) -> str:
        """Its kind."""
        ...

    @property
    def topic(self) -> str:
        """The template as it was given."""
        ...

    @property
    def max_bytes(self) -> int | None:
        """Largest body that it takes."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """What may be shown of its options."""
        ...

    @property
    def opened(self) -> Opened | None:
        """What it stands for; None where something is wrong with it."""
        ...

    @property
    def problem(self) -> str:
        """What is wrong with it."""
        ...


class Sources(Protocol):
    """The sources there are: `sources.book.Sources`; each call raises what it says there."""

    def list(self) -> Sequence[Any]:
        """Return all of them by name."""
        ...

    def get(self, name: str) -> Any:
        """Return one."""
        ...

    def status(self, source: Any) -> Mapping[str, Any]:
        """Tell how one stands; empty where there is nothing to tell."""
        ...

    def read(self, body: bytes, name: str | None = None) -> Any:
        """Read a document; nothing is kept yet."""
        ...

    async def create(self, source: Any) -> None:
        """Keep a new one."""
        ...

    async def replace(self, source: Any) -> bool:
        """Keep one in place of another; tell whether there was none."""
        ...

    async def delete(self, name: str) -> None:
        """Forget one."""
        ...


class Hub(face.Hub, Protocol):
    """The gateway as this API sees it."""

    @property
    def sources(self) -> Sources:
        """The sources there are."""
        ...


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told of a source."""

    name: str
    kind: str
    topic: str
    """The template in force."""
    url: str
    """Where others post to; of kind `websub`: what is followed."""
    secrets: int
    """How many hold; they are never shown."""
    max_bytes: int | None = None
    options: Mapping[str, Any] = {}
    status: Mapping[str, Any] = {}
    """How it stands, where it is asked for alone: of kind `websub`, how news come, and what its hubs
    did; docs/websub.md has the members."""
    problem: str = ""
    """Why it takes nothing, and what to do."""


class Listed(msgspec.Struct, frozen=True):
    """All sources that the caller may see, by name."""

    sources: Sequence[Shown]


class Written(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is said of a source, for the API's document; `sources.book` checks it."""

    kind: str
    name: str = ""
    """Needed where the address does not say it."""
    topic: str = ""
    """Template of the topic, such as `github/{header:x-github-event}`; empty: the provider's own."""
    max_bytes: int | None = None
    """Largest body that is taken, below `publish.max_bytes`."""
    options: dict[str, Any] = {}
    """For `webhook`: `provider`, `secrets`, and what else docs/webhooks.md has. For `websub`: `url`,
    and what else docs/websub.md has."""


class Manage:
    """The handlers of both addresses."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._bodies = Bodies()

    async def list(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Tell of all sources that the caller may manage."""
        principal = self._manager(scope)
        found = [source for source in self._hub.sources.list() if _may(principal, source)]
        return _json(200, Listed([self._shown(scope, source) for source in found]))

    async def create(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Make a source."""
        principal = self._manager(scope)
        source = self._hub.sources.read(await self._body(scope, receive))
        _require(principal, source)
        await self._hub.sources.create(source)
        return self._created(scope, source)

    async def show(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Tell of one source."""
        principal = self._manager(scope)
        source = self._hub.sources.get(_name(scope))
        _require(principal, source)
        status = self._hub.sources.status(source)
        return _json(200, msgspec.structs.replace(self._shown(scope, source), status=status))

    async def replace(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Put a source in place of another, or make it."""
        principal = self._manager(scope)
        body = await self._body(scope, receive)
        sources, name = self._hub.sources, _name(scope)
        for known in sources.list():
            if known.name == name:
                _require(principal, known)
        source = sources.read(body, name)
        _require(principal, source)
        if await sources.replace(source):
            return self._created(scope, source)
        return _json(200, self._shown(scope, source))

    async def delete(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Forget a source."""
        principal = self._manager(scope)
        _require(principal, self._hub.sources.get(_name(scope)))
        await self._hub.sources.delete(_name(scope))
        return Answer(204, headers=NO_STORE)

    def _manager(self, scope: Scope) -> Principal:
        """Return who is asking. Raises `Forbidden` for those who manage nothing."""
        principal = self._hub.authenticator.identify(scope)
        if not principal.grants.manage:
            raise Forbidden("this token may not manage sources; mint one with manage")
        return principal

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        if (coding := header(scope, b"content-encoding")) is not None:
            check_encoding(coding)
        kind = (header(scope, b"content-type") or b"").decode("latin-1")
        if media_type(kind) != JSON.decode():
            raise Unsupported("send JSON, as Content-Type: application/json")
        return await self._bodies.read(scope, receive, MAX_DOCUMENT)

    def _created(self, scope: Scope, source: Source) -> Answer:
        location = f"{base_url(scope, self._hub)}/sources/{source.name}".encode()
        return _json(201, self._shown(scope, source), (b"location", location))

    def _shown(self, scope: Scope, source: Source) -> Shown:
        opened = source.opened
        url = opened.address if opened else ""
        return Shown(
            name=source.name,
            kind=source.kind,
            topic=opened.topic if opened else source.topic,
            url=url or hook_url(base_url(scope, self._hub), source.name),
            secrets=opened.secrets if opened else 0,
            max_bytes=source.max_bytes,
            options=source.options,
            problem=source.problem,
        )


def _may(principal: Principal, source: Source) -> bool:
    manage = principal.grants.manage
    if isinstance(manage, bool):
        return manage
    pattern = source.opened.pattern if source.opened else "**"  # who knows where it went
    return any(covers(granted, pattern) for granted in manage)


def _require(principal: Principal, source: Source) -> None:
    if not _may(principal, source):
        raise Forbidden(
            "this token may manage other topics only; the source's template reaches beyond them"
        )


def _name(scope: Scope) -> str:
    return scope["path_params"]["name"]


def _json(status: int, told: object, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, JSON, msgspec.json.encode(told), [*NO_STORE, *headers])
