"""Sources of kind `websub`: what their documents mean.

{"name": "news", "kind": "websub", "topic": "news/blog",
 "options": {"url": "https://example.com/blog", "split": true}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from hubbub.core.errors import HubbubError, InvalidTopic, Malformed
from hubbub.core.topic import check_topic
from hubbub.sources.documents import convert
from hubbub.sources.websub.options import Lease, Poll

NEEDED: Final = ("feedparser",)
"""What the extra `websub` installs."""


class FeedSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `options` of a source of kind `websub`."""

    url: str
    """What to follow: a feed, a page, any document; its `rel=self` is what is subscribed to."""
    hub: str | None = None
    """A hub to use whatever the document says: YouTube's feeds, for one, do not name theirs."""
    split: bool = True
    """Whether a feed becomes one event per entry; anything else is one event as a whole."""
    lease: Lease | None = None
    """Seconds to ask the hub for, None: `follow.lease`."""
    poll: Poll | None = None
    """Seconds between two looks where the hub pushes, None: `follow.poll`."""
    backfill: Annotated[int, Meta(ge=0, le=1000)] = 0
    """How many entries that are there already, the newest, become events at the beginning."""
    secret: bool = True
    """Whether pushes must be signed, where the secret can be told to the hub safely (websub 41)."""


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """A source of kind `websub`, checked: what `sources.book.Opened` asks for, and its options."""

    name: str
    topic: str
    """Where its events go."""
    options: FeedSource

    @property
    def pattern(self) -> str:
        """Its one topic."""
        return self.topic

    @property
    def secrets(self) -> int:
        """How many secrets hold: ours, made anew for every subscription."""
        return int(self.options.secret)

    @property
    def address(self) -> str:
        """The URL that is followed."""
        return self.options.url


class Feeds:
    """The kind `websub`."""

    write_only: Sequence[str] = ()
    """No option is secret."""

    def __init__(self, check: Callable[[str], object]) -> None:
        """`check` raises `Malformed` for a URL that is never called."""
        self._check = check

    def open(self, name: str, topic: str, options: Mapping[str, Any]) -> Followed:
        """Read the document of a source. Raises `Malformed` or `InvalidTopic` with a pointer into it."""
        missing = [module for module in NEEDED if find_spec(module) is None]
        if missing:
            raise Malformed(
                f"following feeds needs {' and '.join(missing)}: pip install 'hubbub[websub]'",
                pointer="/kind",
            )
        if not topic:
            raise Malformed(
                "topic is missing: where the events go, such as news/blog", pointer="/topic"
            )
        try:
            check_topic(topic)
        except InvalidTopic as error:
            raise InvalidTopic(error.detail, pointer="/topic") from None
        settings = convert(options, FeedSource, "/options")
        self._target(settings.url, "/options/url")
        if settings.hub is not None:
            self._target(settings.hub, "/options/hub")
        return Followed(name=name, topic=topic, options=settings)

    def _target(self, url: str, pointer: str) -> None:
        try:
            self._check(url)
        except HubbubError as error:
            raise Malformed(error.detail, pointer=pointer) from None
