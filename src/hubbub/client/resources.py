"""Subscriptions, sources and what is followed: the management API as methods, JSON in and out.

Documents are dictionaries with the members that the HTTP API describes; durations may be texts such
as `5m`. Every method raises `Refused`, `Unreachable` or `Unexpected`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, quote

import msgspec

from hubbub.client.address import Query
from hubbub.client.caller import Caller, Repeatable, Request, if_temporary
from hubbub.client.errors import ClientError, Refused, Unexpected, Unreachable

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"

PAGE: Final = 100
"""Documents asked for at a time: as many attempts as the server puts on a page."""

FOLLOWED: Final = "websub"
"""Kind of the sources that are followed."""

Document = dict[str, Any]


def _if_not_sent(error: ClientError) -> bool:
    """Repeat what makes or does something only if it surely did not arrive."""
    return isinstance(error, Unreachable) and error.temporary and not error.sent


class _Resource:
    """A part of the API below one path."""

    path = ""

    def __init__(self, caller: Callable[[], Caller]) -> None:
        self._caller = caller

    async def _ask(
        self,
        method: str,
        *parts: str,
        document: object = None,
        query: Query = (),
        kind: str = JSON,
    ) -> Any:
        """Ask once and return what is answered."""
        body, _ = await self._exchange(method, *parts, document=document, query=query, kind=kind)
        return body

    async def _all(
        self, *parts: str, query: Query = (), limit: int | None = None
    ) -> list[Document]:
        """Return a collection, page after page, or the first `limit` of it."""
        found: list[Document] = []
        size = PAGE if limit is None else min(PAGE, limit)
        following: Query | None = [*query, ("limit", str(size))]
        while following is not None and (limit is None or len(found) < limit):
            page, following = await self._exchange("GET", *parts, query=following)
            found += page
        return found[:limit]

    async def _exchange(
        self,
        method: str,
        *parts: str,
        document: object = None,
        query: Query = (),
        kind: str = JSON,
    ) -> tuple[Any, Query | None]:
        """Return what is answered, and the query of the next page if there is one."""
        path = "/".join([self.path, *(quote(part, safe="") for part in parts)])
        body = None if document is None else msgspec.json.encode(document)
        headers = {"Accept": JSON} if body is None else {"Accept": JSON, "Content-Type": kind}
        repeatable: Repeatable = _if_not_sent if method == "POST" else if_temporary
        request = Request(method, path, query, headers, body, repeatable)
        answer = await self._caller().ask(request)
        try:
            told = msgspec.json.decode(answer.body) if answer.body else None
        except msgspec.MsgspecError as error:
            raise Unexpected(f"the answer is not hubbub's: {error}") from None
        following = answer.next_query
        return told, parse_qsl(following, keep_blank_values=True) if following else None


class AsyncSubscriptions(_Resource):
    """Durable deliveries: `client.subscriptions`."""

    path = "/subscriptions"

    async def create(self, sink: str, *topics: str, **members: Any) -> Document:
        """Deliver events of topics to a URL; returned with its secret, as `protocolsettings.secret`."""
        return await self._ask("POST", document=_subscription(sink, topics, members))

    async def list(self) -> list[Document]:
        """Return all subscriptions that the caller may manage, by id."""
        return await self._all()

    async def get(self, id: str) -> Document:  # noqa: A002
        """Return one: its document, state, lag."""
        return await self._ask("GET", id)

    async def replace(self, id: str, sink: str, *topics: str, **members: Any) -> Document:  # noqa: A002
        """Put another document in its place; its secrets and its place in the log stay."""
        return await self._ask("PUT", id, document=_subscription(sink, topics, members))

    async def update(self, id: str, **members: Any) -> Document:  # noqa: A002
        """Change some members; None removes one (JSON Merge Patch, RFC 7396)."""
        return await self._ask("PATCH", id, document=members, kind=MERGE_PATCH)

    async def delete(self, id: str) -> None:  # noqa: A002
        """Delete one, with its cursor and its dead letters."""
        await self._ask("DELETE", id)

    async def pause(self, id: str) -> Document:  # noqa: A002
        """Deliver nothing until it is resumed."""
        return await self._ask("POST", id, "pause")

    async def resume(self, id: str) -> Document:  # noqa: A002
        """Deliver again, from where it was."""
        return await self._ask("POST", id, "resume")

    async def test(self, id: str) -> Document:  # noqa: A002
        """Send a test event now and return the attempt."""
        return await self._ask("POST", id, "test")

    async def replay(
        self,
        id: str,  # noqa: A002
        since: str,
        *,
        until: str | None = None,
        only_failed: bool = False,
    ) -> Document:
        """Deliver a part of the log again, or of it only what failed."""
        document = {"since": since}
        if until is not None:
            document["until"] = until
        if only_failed:
            document["only"] = "failed"
        return await self._ask("POST", id, "replay", document=document)

    async def attempts(
        self,
        id: str,  # noqa: A002
        *,
        outcome: str | None = None,
        since: str | None = None,
        limit: int = 100,
    ) -> list[Document]:
        """Return the newest attempts, up to `limit`: `delivered`, `failed`, `gone` or all."""
        asked = {"outcome": outcome, "since": since}
        query = [(name, value) for name, value in asked.items() if value is not None]
        return await self._all(id, "attempts", query=query, limit=limit)

    async def attempt(self, id: str, attempt: str) -> Document:  # noqa: A002
        """Return an attempt with the body of its request, as far as it is known."""
        return await self._ask("GET", id, "attempts", attempt)

    async def retry(self, id: str, attempt: str) -> Document:  # noqa: A002
        """Deliver the events of an attempt once more."""
        return await self._ask("POST", id, "attempts", attempt, "retry")

    async def dead_letters(self, id: str, *, limit: int = 100) -> list[Document]:  # noqa: A002
        """Return the oldest dead letters, up to `limit`: what was given up, and why."""
        return await self._all(id, "dead", limit=limit)

    async def retry_dead_letters(self, id: str) -> Document:  # noqa: A002
        """Try all dead letters again; returned with how many `events` there were."""
        return await self._ask("POST", id, "dead", "retry")

    async def secret(self, id: str) -> Document:  # noqa: A002
        """Return the signing secret, and those that sign along with it for a while."""
        return await self._ask("GET", id, "secret")

    async def rotate_secret(self, id: str, *, grace: str | None = None) -> Document:  # noqa: A002
        """Make a new signing secret; the old one signs along for `grace`."""
        document: Mapping[str, str] = {} if grace is None else {"grace": grace}
        return await self._ask("POST", id, "secret", "rotate", document=document)


class AsyncSources(_Resource):
    """Where events come from: `client.sources`."""

    path = "/sources"

    async def create(
        self,
        name: str,
        *,
        kind: str = "webhook",
        topic: str = "",
        max_bytes: int | None = None,
        **options: Any,
    ) -> Document:
        """Take webhooks of a provider: `options` are those of the kind, such as `provider`.

        A body of more than `max_bytes` is refused; None: of more than the server takes anywhere.
        """
        document = _source(kind, topic, max_bytes, options)
        return await self._ask("POST", document={"name": name, **document})

    async def replace(
        self,
        name: str,
        *,
        kind: str = "webhook",
        topic: str = "",
        max_bytes: int | None = None,
        **options: Any,
    ) -> Document:
        """Put another source in its place, or make it where there is none; see `create`."""
        document = _source(kind, topic, max_bytes, options)
        return await self._ask("PUT", name, document=document)

    async def list(self) -> list[Document]:
        """Return all sources that the caller may manage."""
        return (await self._ask("GET"))["sources"]

    async def get(self, name: str) -> Document:
        """Return one."""
        return await self._ask("GET", name)

    async def delete(self, name: str) -> None:
        """Delete one: nothing more is taken at its address."""
        await self._ask("DELETE", name)


class AsyncWebSub(_Resource):
    """What the server follows, and what its hub says: `client.websub`.

    What is followed is a source of kind `websub`, so `client.sources` has it as well.
    """

    path = "/hub"

    def __init__(self, caller: Callable[[], Caller], sources: AsyncSources) -> None:
        super().__init__(caller)
        self._sources = sources

    async def follow(
        self, name: str, url: str, topic: str, *, max_bytes: int | None = None, **options: Any
    ) -> Document:
        """Have what is new at a URL become events on a topic, under a name of your choice.

        `options`: `hub` (a URL, instead of those that the document names), `split` (False: the
        document as a whole), `lease` and `poll` (seconds), `backfill` (entries that are there
        already), `secret` (False: pushes need no signature). A source of that name is replaced.
        """
        return await self._sources.replace(
            name, kind=FOLLOWED, topic=topic, max_bytes=max_bytes, url=url, **options
        )

    async def unfollow(self, name: str) -> None:
        """Follow it no more; its events stay."""
        await self._sources.delete(name)

    async def followed(self) -> list[Document]:
        """Return what is followed, as far as the caller may manage it, each with its `status`."""
        names = [one["name"] for one in await self._sources.list() if one["kind"] == FOLLOWED]
        found: list[Document] = []
        for name in names:
            try:
                found.append(await self._sources.get(name))
            except Refused as error:
                if error.status != HTTPStatus.NOT_FOUND:  # deleted meanwhile
                    raise
        return found

    async def explain(self, topic: str, callback: str | None = None) -> Document:
        """Tell whether the server's hub pushes a topic, or a topic to a callback, and `why` or not."""
        query = [("topic", topic), *([("callback", callback)] if callback is not None else [])]
        told, _ = await self._exchange("GET", query=query)
        return told


def _subscription(sink: str, topics: Sequence[str], members: Mapping[str, Any]) -> Document:
    """Return a document; without topics the server takes all that the caller may read."""
    return {"sink": sink, **({"topics": topics} if topics else {}), **members}


def _source(kind: str, topic: str, max_bytes: int | None, options: Mapping[str, Any]) -> Document:
    """Return a document; without a topic the provider's own template counts."""
    bound = {} if max_bytes is None else {"max_bytes": max_bytes}
    return {"kind": kind, "topic": topic, **bound, "options": options}
