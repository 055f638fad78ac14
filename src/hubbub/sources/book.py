"""The sources there are: documents of the registry, all of them in memory, few and changed by people.

    {"name": "github", "kind": "webhook", "topic": "github/{type}", "max_bytes": 65536,
     "options": {"provider": "github", "secrets": ["..."]}}

A kind says what its options mean, and which of them are secret: those are kept sealed, bound to the
source's name, and never shown again; whoever replaces a source without giving them keeps them.
A source that cannot be opened at the start (its key is gone, its provider unknown to this version)
does not keep the gateway from starting: it says what is wrong with it, and takes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import Meta

from hubbub.core.contracts import Document, Registry
from hubbub.core.errors import Conflict, HubbubError, Malformed, NotFound, TooMany, Unavailable
from hubbub.sources.documents import convert
from hubbub.sources.webhook.hook import Webhooks
from hubbub.wire import json

KIND: Final = "source"
"""Kind of their documents in the registry."""

MAX_SOURCES: Final = 1000
"""All of them are in memory, with their keys: some kilobytes each."""

READ_ONLY: Final = ("url", "secrets", "status", "problem")
"""Members of what is shown that may come back and say nothing."""

Seal = Callable[[str, str], str]
"""Seals a text for a context."""
Unseal = Callable[[str, str], str]
"""Opens what was sealed for a context. Raises `Misconfigured` or `Corrupt`."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_log = logging.getLogger("hubbub.sources")


class Opened(Protocol):
    """A source ready for work, as its kind made it."""

    @property
    def topic(self) -> str:
        """The template of the topics that its events go to."""
        ...

    @property
    def pattern(self) -> str:
        """A pattern that covers all of these topics."""
        ...

    @property
    def secrets(self) -> int:
        """How many secrets hold."""
        ...

    @property
    def address(self) -> str:
        """The URL that others were given for it, where it is not the gateway's own."""
        ...


class Kind(Protocol):
    """What a kind of sources knows of their documents."""

    @property
    def write_only(self) -> Sequence[str]:
        """Names of the options that are secret."""
        ...

    def open(self, name: str, topic: str, options: Mapping[str, Any]) -> Opened:
        """Check a source and make it ready. Raises `Malformed` with a pointer into the document."""
        ...


KINDS: Final[Mapping[str, Kind]] = MappingProxyType({"webhook": Webhooks()})


class Keeper(Protocol):
    """Whoever does something for the sources of a kind without being called from outside."""

    def changed(self, name: str) -> None:
        """Take note that a source of this name was made, replaced or deleted, and kept so."""
        ...

    def status(self, name: str) -> Mapping[str, Any]:
        """Tell how a source stands, in JSON."""
        ...


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source of events. Holds its secrets sealed, apart from `opened`."""

    name: str
    kind: str
    topic: str
    """The template as it was given; empty: the provider's own."""
    max_bytes: int | None
    """Largest body that is taken, None for `publish.max_bytes`."""
    options: dict[str, Any]
    """Those that may be shown."""
    sealed: str
    opened: Any = None
    """An `Opened`, None if it cannot be opened."""
    problem: str = ""
    """Why not, and what to do."""

    def __repr__(self) -> str:
        """Show which it is; what is in it stays out of logs and tracebacks."""
        return f"Source({self.name!r}, {self.kind!r})"


class _Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person may write."""

    name: str
    kind: str
    topic: str = ""
    max_bytes: Annotated[int, Meta(ge=1)] | None = None
    options: dict[str, Any] = {}


class _Stored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept."""

    kind: str
    topic: str = ""
    max_bytes: int | None = None
    options: dict[str, Any] = {}
    sealed: str = ""


_stored: Final = msgspec.json.Decoder(_Stored)


class Sources:
    """All sources, by name."""

    def __init__(
        self,
        registry: Registry,
        seal: Seal,
        unseal: Unseal,
        *,
        kinds: Mapping[str, Kind] = KINDS,
    ) -> None:
        self._registry = registry
        self._seal = seal
        self._unseal = unseal
        self._kinds = kinds
        self._sources: dict[str, Source] = {}
        self._keepers: dict[str, Keeper] = {}
        self._changing = asyncio.Lock()  # the registry and our memory change in the same order

    def attend(self, kind: str, keeper: Keeper) -> None:
        """Have somebody hear of every change of the sources of a kind, and say how they stand."""
        self._keepers[kind] = keeper

    def status(self, source: Source) -> Mapping[str, Any]:
        """Tell how a source stands; of most kinds there is nothing to tell."""
        keeper = self._keepers.get(source.kind)
        return {} if keeper is None or source.opened is None else keeper.status(source.name)

    async def load(self) -> None:
        """Read all sources; to be called once, before anything else. Raises `Unavailable`."""
        for document in await self._registry.all(KIND):
            source = self._restored(document)
            if source.problem:
                _log.error("the source %s takes nothing: %s", source.name, source.problem)
            self._sources[source.name] = source

    def list(self) -> list[Source]:
        """Return all sources by name."""
        return sorted(self._sources.values(), key=lambda source: source.name)

    def get(self, name: str) -> Source:
        """Return a source. Raises `NotFound`."""
        found = self._sources.get(name)
        if found is None:
            raise NotFound("there is no source of this name; GET /sources lists them")
        return found

    def ready(self, name: str, kind: str) -> Source:
        """Return a source of a kind that takes events. Raises `NotFound` or `Unavailable`.

        What is raised tells strangers nothing but that.
        """
        found = self._sources.get(name)
        if found is None or found.kind != kind:
            raise NotFound("no webhooks are taken at this address")
        if found.opened is None:
            raise Unavailable("this source takes nothing at the moment", retry_after=60)
        return found

    def read(self, body: bytes, name: str | None = None) -> Source:
        """Read the JSON document of a source; nothing is kept yet.

        `name` is that of its address, if it has one already. Raises `Malformed` with a pointer.
        """
        draft = _draft(body, name)
        if not _NAME.fullmatch(draft.name):
            raise Malformed(
                "a name has 1 to 63 lower-case letters, digits, _ and -, a letter or digit first",
                pointer="/name",
            )
        kind = self._kinds.get(draft.kind)
        if kind is None:
            known = ", ".join(sorted(self._kinds))
            raise Malformed(f"there is no such kind of sources; there are {known}", pointer="/kind")
        options = self._kept(draft, kind) | draft.options
        opened = kind.open(draft.name, draft.topic, options)
        hidden = {name: value for name, value in options.items() if name in kind.write_only}
        return Source(
            name=draft.name,
            kind=draft.kind,
            topic=draft.topic,
            max_bytes=draft.max_bytes,
            options={name: value for name, value in options.items() if name not in hidden},
            sealed=self._seal(msgspec.json.encode(hidden).decode(), _context(draft.name)),
            opened=opened,
        )

    async def create(self, source: Source) -> None:
        """Keep a new source. Raises `Conflict`, `TooMany` or `Unavailable`."""
        async with self._changing:
            if source.name in self._sources:
                raise Conflict(
                    "there is a source of this name; replace it with PUT", pointer="/name"
                )
            await self._put(source)

    async def replace(self, source: Source) -> bool:
        """Keep a source in place of the one of its name; tell whether there was none.

        Raises `TooMany` or `Unavailable`.
        """
        async with self._changing:
            is_new = source.name not in self._sources
            await self._put(source)
        return is_new

    async def delete(self, name: str) -> None:
        """Forget a source. Raises `NotFound` or `Unavailable`."""
        async with self._changing:
            known = self.get(name)
            await self._registry.delete(KIND, name)
            del self._sources[name]
            self._tell(name, known.kind)

    def _tell(self, name: str, *kinds: str) -> None:
        for kind in kinds:
            if kind in self._keepers:
                self._keepers[kind].changed(name)

    async def _put(self, source: Source) -> None:
        if source.name not in self._sources and len(self._sources) >= MAX_SOURCES:
            raise TooMany(f"there are {MAX_SOURCES} sources; delete one that is not used any more")
        stored = _Stored(
            kind=source.kind,
            topic=source.topic,
            max_bytes=source.max_bytes,
            options=source.options,
            sealed=source.sealed,
        )
        await self._registry.put(KIND, source.name, msgspec.json.encode(stored))
        known = self._sources.get(source.name, source)
        self._sources[source.name] = source
        self._tell(source.name, *{known.kind, source.kind})

    def _kept(self, draft: _Draft, kind: Kind) -> dict[str, Any]:
        """Return the secret options that a source has already and that are not given anew."""
        known = self._sources.get(draft.name)
        if known is None or known.kind != draft.kind or known.opened is None:
            return {}
        hidden = self._hidden(known.name, known.sealed)
        return {name: value for name, value in hidden.items() if name in kind.write_only}

    def _hidden(self, name: str, sealed: str) -> dict[str, Any]:
        return msgspec.json.decode(self._unseal(sealed, _context(name)), type=dict[str, Any])

    def _restored(self, document: Document) -> Source:
        name = document.name
        try:
            stored = _stored.decode(document.body)
        except msgspec.MsgspecError:
            stored = _Stored(kind="damaged")  # a kind that there is not, which is then told
        source = Source(
            name=name,
            kind=stored.kind,
            topic=stored.topic,
            max_bytes=stored.max_bytes,
            options=stored.options,
            sealed=stored.sealed,
        )
        try:
            kind = self._kinds.get(stored.kind)
            if kind is None:
                raise Malformed(f"this version knows no sources of kind {stored.kind}")
            options = stored.options | self._hidden(name, stored.sealed)
            opened = kind.open(name, stored.topic, options)
        except HubbubError as error:
            return msgspec.structs.replace(source, problem=error.detail)
        return msgspec.structs.replace(source, opened=opened)


def _draft(body: bytes, name: str | None) -> _Draft:
    """Read a document as it was written. Raises `Malformed`."""
    try:
        members = {
            member: msgspec.json.decode(text)
            for member, text in json.members(body).items()
            if member not in READ_ONLY
        }
    except msgspec.MsgspecError as error:  # what only shows once a member is taken apart
        raise Malformed(f"not valid JSON: {error}") from None
    if name is not None and members.setdefault("name", name) != name:
        raise Malformed("the name is that of the address; to rename, make another", pointer="/name")
    return convert(members, _Draft)


def _context(name: str) -> str:
    return f"source/{name}"
