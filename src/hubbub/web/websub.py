"""`/hub`: the WebSub hub for subscribers and publishers (POST), and for people who wonder (GET).

Refusals of POST are plain text, as the Recommendation asks (section 5.1.2): those who read them have
a feed reader and no use for JSON. A page says whether a topic is pushed to a callback and why or why
not; whoever can name the callback, an unguessable URL, may know that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from hubbub.core.errors import HubbubError, Malformed
from hubbub.core.grants import Principal
from hubbub.web import face
from hubbub.web.answers import NO_STORE, Answer, refusal
from hubbub.web.auth.errors import MissingToken
from hubbub.web.body import Bodies, check_encoding
from hubbub.web.face import Receive, Scope, Send
from hubbub.web.hub_page import render
from hubbub.web.query import all_of, header, query_of
from hubbub.web.reading import base_url
from hubbub.wire.negotiate import best
from hubbub.wire.websub import Publishing, Subscribing, parse, read_form

MAX_FORM: Final = 512 * 1024
"""Bytes of a form: a ping that names a thousand URLs."""

TEXT: Final = b"text/plain; charset=utf-8"
HTML: Final = b"text/html; charset=utf-8"
JSON: Final = b"application/json"

POLICY: Final = (
    b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none';"
    b" frame-ancestors 'none'"
)


class WebSub(Protocol):
    """The hub: `websub.hub.WebSubHub`."""

    async def subscribe(
        self, asked: Subscribing, *, base: str, address: str, principal: Principal | None
    ) -> None:
        """Take a request; durable when it returns. Raises `HubbubError`."""
        ...

    async def publish(self, ping: Publishing, *, base: str) -> None:
        """Take a ping; durable when it returns."""
        ...


class Informant(Protocol):
    """Knows why a topic is pushed or not: `websub.status.Informant`."""

    async def subscription(self, topic: str, callback: str) -> Any:
        """Tell of a topic and a callback."""
        ...

    async def topic(self, topic: str, *, base: str, principal: Principal) -> Any:
        """Tell of a topic. Raises `Malformed` or `Forbidden`."""
        ...


class Hub(face.Hub, Protocol):
    """The gateway as this address sees it."""

    @property
    def websub(self) -> WebSub:
        """The hub."""
        ...

    @property
    def informant(self) -> Informant:
        """Who knows."""
        ...


class Ask:
    """The handlers of `/hub`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._bodies = Bodies()

    async def post(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Take what a subscriber or a publisher says."""
        try:
            return await self._taken(scope, receive)
        except HubbubError as error:
            refused = refusal(scope, error)
            text = f"{error.detail}\n".encode()
            return refused._replace(content_type=TEXT, body=text)

    async def _taken(self, scope: Scope, receive: Receive) -> Answer:
        hub = self._hub
        principal = self._principal(scope)
        if (coding := header(scope, b"content-encoding")) is not None:
            check_encoding(coding)
        kind = (header(scope, b"content-type") or b"").decode("latin-1")
        form = read_form(kind, await self._bodies.read(scope, receive, MAX_FORM))
        asked, base = parse(form), base_url(scope, hub)
        if isinstance(asked, Publishing):
            await hub.websub.publish(asked, base=base)
            return Answer(204, headers=NO_STORE)
        client: Sequence[Any] = scope.get("client") or ("",)
        await hub.websub.subscribe(asked, base=base, address=str(client[0]), principal=principal)
        return Answer(202, headers=NO_STORE)

    def _principal(self, scope: Scope) -> Principal | None:
        """Return who is asking; None for a stranger where strangers may not do everything."""
        try:
            return self._hub.authenticator.identify(scope)
        except MissingToken:
            return None

    async def get(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Tell whether and why something is pushed, as a page or as JSON."""
        query = query_of(scope)
        topic, callback = query.one("topic"), query.one("callback")
        principal, base = self._principal(scope), base_url(scope, self._hub)
        if callback and not topic:
            raise Malformed("name the topic as well: a callback may have several")
        told: Any = None
        if topic and callback:
            told = await self._hub.informant.subscription(topic, callback)
        elif topic:
            if principal is None or principal.is_stranger:
                raise MissingToken("send a token, or name the callback as well")
            told = await self._hub.informant.topic(topic, base=base, principal=principal)
        vary = (b"vary", b"accept, authorization")
        asked = all_of(scope, b"accept")
        if best(asked, ("text/html", "application/json")) == "application/json":
            body = msgspec.json.encode({"hub": f"{base}/hub"} if told is None else told)
            return Answer(200, JSON, body, [*NO_STORE, vary])
        page = render(f"{base}/hub", topic or "", callback or "", told)
        return Answer(200, HTML, page, [*NO_STORE, vary, (b"content-security-policy", POLICY)])
