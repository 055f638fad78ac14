"""`/subscriptions`: durable deliveries over HTTP, each handler a few lines above the service.

Who is asking is known before a body is read. What is answered holds state and sometimes secrets, so
no cache keeps it; only the public keys at `/.well-known/hubbub-keys.json` are for everybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import msgspec

from hubbub.core.attributes import media_type
from hubbub.core.errors import Malformed, Unsupported
from hubbub.core.grants import Principal
from hubbub.web import face
from hubbub.web.answers import NO_STORE, Answer
from hubbub.web.body import Bodies, check_encoding
from hubbub.web.face import Headers, Receive, Scope, Send
from hubbub.web.query import Query, header, query_of
from hubbub.web.reading import base_url
from hubbub.wire import json
from hubbub.wire.links import header as link_header

PATH: Final = "/subscriptions"
KEYS_PATH: Final = "/.well-known/hubbub-keys.json"

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
JWK_SET: Final = "application/jwk-set+json"

MAX_DOCUMENT: Final = 256 * 1024
"""Bytes of a document: a full set of patterns, types and filters has about half of it."""

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
"""Subscriptions or dead letters on one page, some hundred kilobytes."""

MAX_ATTEMPTS: Final = 100
"""Attempts on one page: each may carry the beginning of an answer, 16 KiB."""

OUTCOMES: Final = ("delivered", "failed", "gone")

KEYS_AGE: Final = b"public, max-age=300"
"""For how long receivers may keep our public keys: a rotation overlaps for longer."""

_LIMIT = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


class Attempt(Protocol):
    """What a page of attempts goes on from."""

    @property
    def id(self) -> str:
        """Its id."""
        ...


class Dead(Protocol):
    """What a page of dead letters goes on from."""

    @property
    def position(self) -> str:
        """Where the event is."""
        ...


class Subscriptions(Protocol):
    """What may be done to subscriptions: `deliveries.service.Subscriptions`.

    `id` is a subscription's everywhere; whatever is not the caller's to manage raises `NotFound`.
    """

    async def create(self, document: object, principal: Principal) -> Mapping[str, Any]:
        """Make one and return it, with its secret."""
        ...

    def list(
        self, principal: Principal, *, after: str = "", limit: int = 100, owner: str | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return those that the caller may manage, by id."""
        ...

    def get(self, id: str, principal: Principal) -> Mapping[str, Any]:  # noqa: A002
        """Return one."""
        ...

    async def replace(
        self,
        id: str,  # noqa: A002
        document: object,
        principal: Principal,
    ) -> Mapping[str, Any]:
        """Put another document in its place."""
        ...

    async def patch(
        self,
        id: str,  # noqa: A002
        patch: object,
        principal: Principal,
    ) -> Mapping[str, Any]:
        """Apply a JSON merge patch."""
        ...

    async def delete(self, id: str, principal: Principal) -> None:  # noqa: A002
        """Delete it."""
        ...

    async def pause(self, id: str, principal: Principal) -> Mapping[str, Any]:  # noqa: A002
        """Deliver nothing until it is resumed."""
        ...

    async def resume(self, id: str, principal: Principal) -> Mapping[str, Any]:  # noqa: A002
        """Deliver again."""
        ...

    async def replay(self, id: str, document: object, principal: Principal) -> int:  # noqa: A002
        """Deliver a part of the log again; return how many events."""
        ...

    async def test(self, id: str, principal: Principal) -> Attempt:  # noqa: A002
        """Send a test event and return how it went."""
        ...

    async def attempts(  # noqa: PLR0913  what can be asked
        self,
        id: str,  # noqa: A002
        principal: Principal,
        *,
        before: str = "",
        since: str | None = None,
        outcomes: Sequence[str] = (),
        limit: int = 100,
    ) -> Sequence[Attempt]:
        """Return attempts, newest first, without the bodies of their requests."""
        ...

    async def attempt(self, id: str, attempt: str, principal: Principal) -> Attempt:  # noqa: A002
        """Return an attempt with the body of its request."""
        ...

    async def retry_attempt(self, id: str, attempt: str, principal: Principal) -> int:  # noqa: A002
        """Send the events of an attempt again; return how many."""
        ...

    async def dead(
        self,
        id: str,  # noqa: A002
        principal: Principal,
        *,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[Dead]:
        """Return dead letters, oldest first."""
        ...

    async def retry_dead(self, id: str, principal: Principal) -> int:  # noqa: A002
        """Try every dead letter again; return how many."""
        ...

    def secret(self, id: str, principal: Principal) -> object:  # noqa: A002
        """Tell the signing secrets."""
        ...

    async def rotate(self, id: str, document: object, principal: Principal) -> object:  # noqa: A002
        """Sign with a new secret from now on, and tell it."""
        ...

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """Return the public keys as JWKs."""
        ...


class Hub(face.Hub, Protocol):
    """A gateway that delivers."""

    @property
    def subscriptions(self) -> Subscriptions:
        """Its subscriptions."""
        ...


class Handlers:
    """The handlers of all addresses below `/subscriptions`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._bodies = Bodies()

    async def create(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Make a subscription."""
        principal = self._principal(scope)
        document = await self._document(scope, receive)
        made = await self._hub.subscriptions.create(document, principal)
        location = f"{base_url(scope, self._hub)}{PATH}/{made['id']}"
        return _answer(made, 201, (b"location", location.encode()))

    async def list(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Return a page of subscriptions."""
        principal, query = self._principal(scope), query_of(scope)
        limit = _limit(query, MAX_LIMIT)
        found = self._hub.subscriptions.list(
            principal, after=query.one("after") or "", limit=limit, owner=query.one("owner")
        )
        if len(found) < limit:
            return _answer(found)
        return _answer(found, 200, self._next(scope, query, PATH, "after", found[-1]["id"]))

    async def get(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Return a subscription."""
        return _answer(self._hub.subscriptions.get(_id(scope), self._principal(scope)))

    async def replace(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Put another document in its place."""
        principal = self._principal(scope)
        document = await self._document(scope, receive)
        return _answer(await self._hub.subscriptions.replace(_id(scope), document, principal))

    async def patch(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Change some of it."""
        principal = self._principal(scope)
        patch = await self._document(scope, receive, (MERGE_PATCH, JSON))
        return _answer(await self._hub.subscriptions.patch(_id(scope), patch, principal))

    async def delete(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Delete a subscription."""
        await self._hub.subscriptions.delete(_id(scope), self._principal(scope))
        return Answer(204, headers=NO_STORE)

    async def pause(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Deliver nothing until it is resumed."""
        principal = await self._commanded(scope, receive)
        return _answer(await self._hub.subscriptions.pause(_id(scope), principal))

    async def resume(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Deliver again."""
        principal = await self._commanded(scope, receive)
        return _answer(await self._hub.subscriptions.resume(_id(scope), principal))

    async def replay(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Deliver a part of the log again."""
        principal = self._principal(scope)
        document = await self._document(scope, receive)
        count = await self._hub.subscriptions.replay(_id(scope), document, principal)
        return _answer({"events": count}, 202)

    async def test(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Send a test event."""
        principal = await self._commanded(scope, receive)
        return _answer(await self._hub.subscriptions.test(_id(scope), principal))

    async def attempts(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Return a page of attempts."""
        principal, query = self._principal(scope), query_of(scope)
        outcomes, limit = query.all("outcome"), _limit(query, MAX_ATTEMPTS)
        if any(one not in OUTCOMES for one in outcomes):
            raise Malformed(f"outcome is one of {', '.join(OUTCOMES)}")
        found = await self._hub.subscriptions.attempts(
            _id(scope),
            principal,
            before=query.one("before") or "",
            since=query.one("since"),
            outcomes=outcomes,
            limit=limit,
        )
        if len(found) < limit:
            return _answer(found)
        path = f"{PATH}/{_id(scope)}/attempts"
        return _answer(found, 200, self._next(scope, query, path, "before", found[-1].id))

    async def attempt(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Return an attempt with what was sent."""
        principal, attempt = self._principal(scope), scope["path_params"]["attempt"]
        return _answer(await self._hub.subscriptions.attempt(_id(scope), attempt, principal))

    async def retry_attempt(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Send the events of an attempt again."""
        principal = await self._commanded(scope, receive)
        attempt = scope["path_params"]["attempt"]
        count = await self._hub.subscriptions.retry_attempt(_id(scope), attempt, principal)
        return _answer({"events": count}, 202)

    async def dead(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Return a page of dead letters."""
        principal, query = self._principal(scope), query_of(scope)
        limit = _limit(query, MAX_LIMIT)
        found = await self._hub.subscriptions.dead(
            _id(scope), principal, after=query.one("after"), limit=limit
        )
        if len(found) < limit:
            return _answer(found)
        path = f"{PATH}/{_id(scope)}/dead"
        return _answer(found, 200, self._next(scope, query, path, "after", found[-1].position))

    async def retry_dead(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Try every dead letter again."""
        principal = await self._commanded(scope, receive)
        count = await self._hub.subscriptions.retry_dead(_id(scope), principal)
        return _answer({"events": count}, 202)

    async def secret(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Tell the signing secrets."""
        return _answer(self._hub.subscriptions.secret(_id(scope), self._principal(scope)))

    async def rotate(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Sign with a new secret from now on."""
        principal = self._principal(scope)
        document = await self._document(scope, receive, may_be_empty=True)
        return _answer(await self._hub.subscriptions.rotate(_id(scope), document, principal))

    async def keys(self, _scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Tell everybody the public keys."""
        body = msgspec.json.encode({"keys": self._hub.subscriptions.public_keys()})
        return Answer(200, JWK_SET.encode(), body, [(b"cache-control", KEYS_AGE)])

    def _principal(self, scope: Scope) -> Principal:
        return self._hub.authenticator.identify(scope)

    async def _commanded(self, scope: Scope, receive: Receive) -> Principal:
        """Return who commands something that needs no more words."""
        principal = self._principal(scope)
        if await self._document(scope, receive, may_be_empty=True) != {}:
            raise Malformed("send no body here, or {}")
        return principal

    async def _document(
        self,
        scope: Scope,
        receive: Receive,
        kinds: Sequence[str] = (JSON,),
        *,
        may_be_empty: bool = False,
    ) -> object:
        """Read a JSON document. Raises `Unsupported`, `TooLarge` or `Malformed`."""
        check_encoding(header(scope, b"content-encoding") or b"")
        body = await self._bodies.read(scope, receive, MAX_DOCUMENT)
        if not body and may_be_empty:
            return {}
        kind = media_type((header(scope, b"content-type") or b"").decode("latin-1"))
        if kind not in kinds:
            raise Unsupported(f"send JSON, as Content-Type: {kinds[0]}")
        try:
            return {name: msgspec.json.decode(one) for name, one in json.members(body).items()}
        except msgspec.MsgspecError as error:  # what only shows once a member is taken apart
            raise Malformed(f"not valid JSON: {error}") from None

    def _next(
        self, scope: Scope, query: Query, path: str, name: str, value: str
    ) -> tuple[bytes, bytes]:
        """Return the link to the next page."""
        kept = [(key, one) for key, one in query.fields if key not in (name, "access_token")]
        url = f"{base_url(scope, self._hub)}{path}?{urlencode([*kept, (name, value)])}"
        return b"link", link_header([(url, "next")])


def _answer(told: object, status: int = 200, *headers: tuple[bytes, bytes]) -> Answer:
    lines: Headers = [*NO_STORE, *headers]
    return Answer(status, JSON.encode(), msgspec.json.encode(told), lines)


def _id(scope: Scope) -> str:
    return scope["path_params"]["id"]


def _limit(query: Query, most: int) -> int:
    limit = query.one("limit")
    if limit is not None and not (_LIMIT.fullmatch(limit) and int(limit) <= most):
        raise Malformed(f"limit is a whole number from 1 to {most}")
    return DEFAULT_LIMIT if limit is None else int(limit)
