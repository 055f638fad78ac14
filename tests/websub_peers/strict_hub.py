"""A strict hub of others, and its publisher, for our subscriber: it verifies before it answers."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from hubbub.wire.websub import with_parameters
from sources.websub.world import ATOM, atom, entry
from websub_peers.outside import Answer, Outside, Seen
from websub_peers.rig import FORM, Gateway, Reply, ask

CHALLENGE = "<b>é&x=1</b>\n%0A+ "
"""Comes back as it is, or the subscriber has changed it on its way."""


class World:
    """A publisher at any path, hubs at `/hub` and below, which keep who is subscribed."""

    def __init__(self, server: Outside) -> None:
        self.server = server
        self.pages: dict[str, Answer] = {}
        self.hubs: dict[str, Answer] = {}
        """What hubs answer that do not take anybody: redirects, refusals."""
        self.lease = "864000"
        self.verifies = True
        self.forms: list[tuple[str, dict[str, str]]] = []
        """What came to which path."""
        self.echoes: list[Reply] = []
        server.answer = self.answer

    @property
    def url(self) -> str:
        return self.server.url

    def answer(self, seen: Seen) -> Answer:
        path = seen.path.partition("?")[0]
        if seen.method == "GET":
            return self.pages.get(path, Answer(404))
        assert seen.headers["content-type"] == FORM
        self.forms.append((path, seen.form))
        if path in self.hubs:
            return self.hubs[path]
        if self.verifies:
            self.echoes.append(self.verify(seen.form))
        return Answer(202)

    def verify(self, form: dict[str, str], **other: str) -> Reply:
        """Verify what a form asks for, or something else."""
        fields = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": CHALLENGE,
            "hub.lease_seconds": self.lease,
            **{f"hub.{name}": value for name, value in other.items()},
        }
        return ask("GET", with_parameters(form["hub.callback"], fields.items()))

    def put(self, path: str, *numbers: int, hub: str = "/hub", **headers: str) -> str:
        """Put a feed there that names a hub, and itself, in its headers."""
        url = self.url + path
        links = f'<{self.url}{hub}>; rel="hub", <{url}>; rel="self"'
        body = atom(*(entry(number) for number in numbers))
        self.pages[path] = Answer(200, body, {"Content-Type": ATOM, "Link": links, **headers})
        return url

    def asked(self, topic: str, mode: str = "subscribe") -> list[dict[str, str]]:
        return [
            form
            for _, form in list(self.forms)
            if form["hub.topic"] == topic and form["hub.mode"] == mode
        ]


def followed(news: Gateway, world: World, name: str, url: str, **options: Any) -> dict[str, str]:
    """Follow a URL; return the form of the subscription that holds then."""
    news.follow(name, url, **options)
    news.pushed(name)
    topic = news.status(name)["topic"]
    return world.asked(topic)[-1]


def push(form: dict[str, str], body: bytes, method: str = "sha256", **headers: str) -> Reply:
    """Deliver as the hub of a subscription does."""
    said = {"Content-Type": ATOM, **headers}
    if method:
        digest = hmac.new(form["hub.secret"].encode(), body, getattr(hashlib, method)).hexdigest()
        said["X-Hub-Signature"] = f"{method}={digest}"
    return ask("POST", form["hub.callback"], body, said)


def titles(news: Gateway, name: str) -> list[str]:
    return [event["data"]["title"] for event in news.events(f"news/{name}")]
