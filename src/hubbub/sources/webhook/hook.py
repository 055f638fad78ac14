"""Sources of kind `webhook`: what their documents mean, read once and ready for every request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from hubbub.core.attributes import check_value
from hubbub.core.errors import HubbubError, InvalidEvent, InvalidTopic, Malformed
from hubbub.sources.documents import convert
from hubbub.sources.webhook.options import WebhookSource
from hubbub.sources.webhook.scheme import AnyScheme
from hubbub.sources.webhook.templates import TOPIC, TopicTemplate, parse, safe

_ANY: Final = "\0"  # stands for a place in a template: no topic holds it


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A source of webhooks as the receiver needs it."""

    name: str
    scheme: AnyScheme
    template: TopicTemplate
    settings: WebhookSource

    @property
    def topic(self) -> str:
        """The template in force: the source's own, otherwise its provider's."""
        return self.template.text

    @property
    def pattern(self) -> str:
        """A pattern that covers every topic that the template can make.

        A place is never more than (a part of) one segment, so `*` stands for each such segment.
        """
        made = "".join(
            part
            if isinstance(part, str)
            else safe(self.scheme.name)
            if part.what == "provider"
            else _ANY
            for part in parse(self.topic, TOPIC)
        )
        return "/".join("*" if _ANY in segment else segment for segment in made.split("/"))

    @property
    def secrets(self) -> int:
        """How many secrets hold."""
        return len(self.settings.secrets)

    @property
    def address(self) -> str:
        """The URL that the provider was given, where it is not this gateway's own."""
        return self.settings.public_url


class Webhooks:
    """The kind `webhook`."""

    write_only: Sequence[str] = ("secrets", "verify_token")
    """Options that are kept sealed and never shown."""

    def open(self, name: str, topic: str, options: Mapping[str, Any]) -> Hook:
        """Read the document of a source. Raises `Malformed` or `InvalidTopic` with a pointer into it."""
        settings = convert(options, WebhookSource, "/options")
        try:
            scheme = settings.resolve()
            _check_name(scheme.name)
        except HubbubError as error:
            raise Malformed(
                error.detail, pointer=f"/options{error.pointer}", position=error.position
            ) from None
        try:
            template = TopicTemplate(topic or scheme.topic)
        except (Malformed, InvalidTopic) as error:
            raise type(error)(error.detail, pointer="/topic", position=error.position) from None
        return Hook(name=name, scheme=scheme, template=template, settings=settings)


def _check_name(name: str) -> None:
    """Check what goes into types and `hubbubsource`. Raises `Malformed`."""
    try:
        check_value("type", name)
    except InvalidEvent as error:
        raise Malformed(error.detail, pointer="/scheme/name") from None
