"""The document that one source follows: fetched, searched for hubs, taken in.

If it is a topic of another gateway, which says so with `Hubbub-Position`, polls ask for what came
after the position that was reached: nothing is missed there, however much there was meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from hashlib import sha256
from typing import Final

from msgspec import DecodeError, Raw
from msgspec.json import decode, encode

from hubbub.core.errors import Malformed, TooLarge
from hubbub.sources.websub import measure, plan
from hubbub.sources.websub.discovery import Discovered, discover
from hubbub.sources.websub.feeds import Followed
from hubbub.sources.websub.fetching import GONE, NOTHING, Document, Failed, Validators
from hubbub.sources.websub.intake import Intake
from hubbub.sources.websub.shared import Shared
from hubbub.sources.websub.state import State
from hubbub.sources.websub.take import is_events
from hubbub.wire.websub import with_parameters

EARLIEST: Final = "earliest"
"""The position before everything that a gateway keeps."""


class Documents:
    """What the publisher of one source has."""

    def __init__(self, intake: Intake, shared: Shared) -> None:
        self._intake = intake
        self._shared = shared
        self._is_there = False
        """Whether we were there since the last poll: what was pushed before is no hub's miss."""

    async def fetch(self, state: State, followed: Followed) -> Document:
        """Fetch the document, whether it has changed or not. Raises `Failed`, with the next poll planned."""
        document = await self._fetch(state, followed, NOTHING)
        assert document is not None
        return document

    async def poll(self, state: State, followed: Followed) -> Document | None:
        """Take in the document if it has changed, and return it then. Raises `Failed` likewise."""
        if state.position:
            return await self._catch_up(state, followed)
        known = Validators(state.fetched, state.etag, state.modified)
        document = await self._fetch(state, followed, known)
        is_other = document is not None and await self.take_in(state, followed, document)
        self.polled(state, followed)
        return document if is_other else None

    async def _catch_up(self, state: State, followed: Followed) -> Document | None:
        """Ask another gateway for what came after our position there, page by page."""
        asked = state.position
        document = await self._fetch(state, followed, NOTHING, since=asked)
        assert document is not None
        if not is_events(document.content_type):
            state.position = ""  # it is something else now
        await self._take(state, followed, document)
        self.polled(state, followed)
        if state.position not in ("", asked):
            state.poll_at = self._shared.clock.now()
        return document

    async def take_in(self, state: State, followed: Followed, document: Document) -> bool:
        """Take in a document that was fetched; tell whether it is another than the last one.

        Of the events of another gateway only its position is taken: `poll` asks for what comes after.
        Those that are wanted from before are asked for as well.
        """
        position = dict(document.headers).get("hubbub-position", "")
        if position and is_events(document.content_type) and followed.options.split:
            if followed.options.backfill and not state.position:
                await self._fill(state, followed)
            state.position = state.position or position
            state.baseline = True
            return False
        digest = sha256(document.body).hexdigest()
        if is_other := digest != state.digest:
            await self._take(state, followed, document)
        state.digest = digest
        state.fetched, state.etag, state.modified = document.validators
        return is_other

    async def _fill(self, state: State, followed: Followed) -> None:
        """Take the newest events of another gateway, in their order. Raises `Failed`."""
        wanted = {"order": "desc", "limit": str(followed.options.backfill)}
        document = await self._fetch(state, followed, NOTHING, **wanted)
        assert document is not None
        with suppress(DecodeError):  # it is something else now
            events = decode(document.body, type=list[Raw])
            await self._take(state, followed, document._replace(body=encode(events[::-1])))

    async def _take(self, state: State, followed: Followed, document: Document) -> None:
        was_begun, new = state.baseline, 0
        try:
            new = await self._intake.take(
                state, followed, document.content_type, document.body, is_push=False
            )
        except (Malformed, TooLarge) as error:
            state.note = f"the document cannot be read: {error.detail}"
        if was_begun and self._is_there:
            measure.found_by_poll(state, new, self._shared.clock.now())

    def polled(self, state: State, followed: Followed) -> None:
        """Plan the next poll."""
        shared, self._is_there = self._shared, True
        plan.poll_later(state, followed, shared.options, shared.clock.now(), shared.rng)

    async def _fetch(
        self, state: State, followed: Followed, known: Validators, **part: str
    ) -> Document | None:
        """Fetch the document, or a `part` of the topic of another gateway."""
        shared = self._shared
        url = state.moved or followed.options.url
        if part:
            url = with_parameters(url, part.items())
        try:
            async with shared.turns:
                document = await shared.fetcher.get(url, shared.dialogue.agent, known)
        except Failed as error:
            self._failed(state, followed, error)
            raise
        if document is not None and not part:
            state.moved = document.moved or state.moved
        return document

    def _failed(self, state: State, followed: Followed, error: Failed) -> None:
        shared, now = self._shared, self._shared.clock.now()
        state.trouble = error.detail
        if state.position not in ("", EARLIEST) and error.status == GONE:
            state.position = EARLIEST  # the other gateway does not keep what came next any more
        elif state.moved:
            state.moved = ""  # the next fetch begins where we were told to
        elif error.status == GONE:
            plan.stop(state, now)
            return
        plan.poll_failed(state, followed, shared.options, now, shared.rng, error.retry_after)


async def hubs_of(document: Document) -> Discovered:
    """Read what a document says of its hubs and of itself (websub 36, 37)."""
    try:
        found = await asyncio.to_thread(discover, document.headers, document.body, document.url)
    except Malformed:
        return Discovered((), None)
    topic = found.topic
    if topic is not None and (len(topic) > plan.MAX_URL or not plan.host_of(topic)):
        topic = None
    return Discovered(found.hubs, topic)
