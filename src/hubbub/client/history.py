"""The past, page by page: one request each, following `Link: rel="next"`."""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qsl

import msgspec

from hubbub.client.caller import Caller, Request
from hubbub.client.errors import Gap, Unexpected
from hubbub.client.event import Event, read_event
from hubbub.client.items import Items, OnGap, Wanted

PAGE = 100
"""Events asked for at a time."""

Order = Literal["asc", "desc"]


class History(Items):
    """Iterates over events of the past and ends at the newest one, or after `limit` events.

    Raises `Gap` where the start is no longer kept, unless `on_gap` takes it; the iterator goes on
    with what is kept.
    """

    def __init__(
        self, caller: Caller, wanted: Wanted, limit: int | None, order: Order, on_gap: OnGap | None
    ) -> None:
        super().__init__(on_gap)
        self._caller = caller
        self._left = limit
        size = PAGE if limit is None else min(PAGE, limit)
        self._query: list[tuple[str, str]] | None = [
            *wanted.query(),
            ("limit", str(size)),
            ("order", order),
        ]
        if limit is not None and limit < 1:
            self._query = None

    async def more(self) -> bool:
        """Fetch the next page."""
        if self._query is None:
            return False
        request = Request("GET", "/events", self._query, {"Accept": "application/json"})
        try:
            answer = await self._caller.ask(request)
        except Gap as gap:
            self._query = [p for p in self._query if p[0] != "since"]
            self._query.append(("since", gap.resumes_at))
            self._put([gap])
            return True
        events = _events(answer.body)
        following = answer.next_query
        self._query = parse_qsl(following, keep_blank_values=True) if following else None
        if self._left is not None:
            events = events[: self._left]
            self._left -= len(events)
            if not self._left:
                self._query = None
        self._put(events)
        return True

    async def aclose(self) -> None:
        """Stop: what was fetched can still be taken."""
        self._query = None


def _events(body: bytes) -> list[Event]:
    try:
        return [read_event(bytes(raw)) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (ValueError, KeyError) as error:
        raise Unexpected(f"a page of history that is no batch of CloudEvents: {error}") from None
