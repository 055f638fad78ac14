"""A request to `/hooks/{name}` on its way into the log: handshake or proof, one event, one commit.

Guarantees:

1. *Proof first.* Whatever does not prove itself raises, and nothing of it is in the log.
2. *Durable before 2xx.* The answer waits for the commit; a failure is 503, and the provider comes again.
3. *Once.* The provider's key for an event is the event's id, so the log knows a repeat by its source
   and id, and it is answered like the first. Where a provider has no key but signs a time, the id
   follows from both: whoever replays a request (T8) repeats its id.
4. *Byte for byte.* The body is the data. It keeps its media type unless it is not what that says:
   what calls itself JSON and is none goes as `application/octet-stream`, with `hubbubcontenttype`.

`hubbubsource` says who signed the request; the attribute stays with the event wherever it goes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from hubbub.core.attributes import SPECVERSION, Value, check_text, check_value, is_json
from hubbub.core.clock import Clock
from hubbub.core.errors import HubbubError, InvalidEvent, Malformed, NotAllowed, Unavailable
from hubbub.core.event import Event, Published, compose
from hubbub.core.grants import Grants, Principal
from hubbub.sources.webhook.certificates import Certificates
from hubbub.sources.webhook.handshakes import Answer, handshake
from hubbub.sources.webhook.hook import Hook
from hubbub.sources.webhook.request import Received
from hubbub.sources.webhook.verify import Verified, required_certificate, verify
from hubbub.wire import json

INLINE: Final = 256 * 1024
"""Bytes of a body up to which it is verified and read at once, in a millisecond; larger ones in a
thread, so that nobody else waits."""

MAX_FETCHES: Final = 8
"""Certificates and links that are fetched at once: strangers can name PayPal's addresses, too."""

FETCH_AGAIN: Final = 60.0
"""Seconds after which a provider may try again when its certificate could not be had."""

OCTETS: Final = "application/octet-stream"

ACCEPTED: Final[Mapping[str, int]] = {"twilio": 204, "discord": 204}
"""What providers want to hear that do not take an empty 200: Twilio takes a body for TwiML, Discord
documents 204. Mailgun, DocuSign and others take nothing but 200."""

Fetch = Callable[[str], Awaitable[bytes]]


class Publisher(Protocol):
    """The one way in: `sources.publish.Publisher`."""

    @property
    def new_id(self) -> Callable[[], str]:
        """Makes an id for an event that has none."""
        ...

    async def publish(self, events: Sequence[Event], principal: Principal) -> list[Published]:
        """Append all or nothing; durable when it returns."""
        ...

    def refused(self, error: HubbubError) -> None:
        """Count a request that is refused before it becomes an event."""
        ...


class Receiver:
    """Takes the requests of all sources of kind `webhook`."""

    def __init__(
        self, publisher: Publisher, fetch: Fetch, clock: Clock, *, roots: bytes | None = None
    ) -> None:
        """Publish what is proven.

        `fetch` GETs a URL and returns its body, behind the guard for fetched addresses; it raises
        where there is no 2xx. `roots` are the authorities (PEM) for PayPal, by default the system's.
        """
        self.request = Received
        """What `receive` takes."""
        self._publisher = publisher
        self._fetch = fetch
        self._certificates = Certificates(fetch, clock)
        self._now = clock.now
        self._roots = roots
        self._fetching = 0

    async def receive(self, hook: Hook, received: Received) -> Answer:
        """Answer a request; where it is an event, once that is durable.

        Raises `Unverified` (401), `Malformed` (400), `TooLarge` (413), `NotAllowed` (405) where it is
        neither event nor handshake, and `TooMany` or `Unavailable`, upon which providers try again.
        """
        try:
            found = await self._examine(hook, _addressed(hook, received))
        except HubbubError as error:
            self._publisher.refused(error)
            raise
        if isinstance(found, Answer):
            return found
        await self._publisher.publish([found], _principal(hook))
        return Answer(ACCEPTED.get(hook.scheme.name, 200))

    async def _examine(self, hook: Hook, received: Received) -> Answer | Event:
        """Verify a request and make of it what it is, the visit of a link included."""
        secrets = hook.settings.secrets
        certificate = None
        if received.method == "POST":
            url = required_certificate(hook.scheme, received, secrets)
            certificate = url and await self._fetched(self._certificates.get, url)
        if len(received.body) <= INLINE:
            found = self._judge(hook, received, certificate or None)
        else:
            found = await asyncio.to_thread(self._judge, hook, received, certificate or None)
        if isinstance(found, Answer) and found.visit is not None:
            await self._fetched(self._fetch, found.visit)
        return found

    def _judge(self, hook: Hook, received: Received, certificate: bytes | None) -> Answer | Event:
        settings, now = hook.settings, self._now()
        answer = handshake(
            hook.scheme,
            received,
            settings.secrets,
            now,
            verify_token=settings.verify_token,
            tolerance=settings.tolerance,
            certificate=certificate,
        )
        if answer is not None:
            return answer
        if received.method != "POST":
            raise NotAllowed("webhooks are posted here, and nothing else is at this address")
        verified = verify(
            hook.scheme,
            received,
            settings.secrets,
            now,
            tolerance=settings.tolerance,
            certificate=certificate,
            roots=self._roots,
        )
        return event(hook, received, verified, self._publisher.new_id)

    async def _fetched(self, fetch: Fetch, url: str) -> bytes:
        """Fetch for a request. Raises `Unavailable` whatever goes wrong: the provider tries again."""
        if self._fetching >= MAX_FETCHES:
            raise Unavailable("too many certificates are being fetched", retry_after=FETCH_AGAIN)
        self._fetching += 1
        try:
            return await fetch(url)
        except HubbubError:
            raise Unavailable(
                "what the provider's proof rests on could not be fetched; look at the setting"
                " egress.allow_fetch",
                retry_after=FETCH_AGAIN,
            ) from None
        finally:
            self._fetching -= 1


def event(hook: Hook, received: Received, verified: Verified, new_id: Callable[[], str]) -> Event:
    """Make the event of a verified request. Raises `InvalidTopic` where its topic is too long."""
    known = verified.id or _timed_id(verified, received.body)
    found = known or new_id()
    topic = hook.template.render(
        received,
        provider=verified.signer,
        type=verified.type,
        id=found,
        form_field=hook.scheme.form_field,
    )
    attributes: dict[str, Value] = {
        "specversion": SPECVERSION,
        "id": found,
        "source": f"/hooks/{hook.name}",
        "type": f"{verified.signer}.{verified.type}",
        **_content_type(received),
        "hubbubsource": verified.signer,
    }
    return compose(attributes, topic, received.body or None, named=known is not None)


def _timed_id(verified: Verified, body: bytes) -> str | None:
    """Return the id of a request that was signed with its time, so that a replay has the same."""
    if verified.time is None:
        return None
    return hashlib.sha256(b"%.3f." % verified.time + body).hexdigest()


def _content_type(received: Received) -> dict[str, Value]:
    """Return the attributes that say what the data is."""
    body, told = received.body, received.header("content-type") or ""
    if not body:
        return {}
    try:
        check_value("datacontenttype", told)
        if is_json(told):
            json.check(body)
    except InvalidEvent:
        return {"datacontenttype": OCTETS}
    except Malformed:
        check_text("hubbubcontenttype", told)
        return {"datacontenttype": OCTETS, "hubbubcontenttype": told}
    return {"datacontenttype": told}


def _addressed(hook: Hook, received: Received) -> Received:
    """Return the request at the address that the provider was told, which some sign."""
    if not hook.address:
        return received
    address, _, query = hook.address.partition("?")
    query = received.url.partition("?")[2] or query
    return msgspec.structs.replace(received, url=f"{address}?{query}" if query else address)


def _principal(hook: Hook) -> Principal:
    """Return on whose behalf a source publishes: rights were checked when it was made."""
    return Principal(f"source {hook.name}", Grants(publish=("**",)))
