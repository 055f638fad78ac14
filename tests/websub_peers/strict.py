"""A strict subscriber of others, for our hub: it takes nothing that the Recommendation does not allow."""

from __future__ import annotations

import hmac
import json

from websub_peers.outside import Answer, Outside, Seen
from websub_peers.rig import Gateway, Reply, say, until


class Subscriber:
    """Somebody else's callbacks: verifies what it `wants`, and answers deliveries with `status`."""

    def __init__(self, server: Outside) -> None:
        self.server = server
        self.wants = True
        self.echo = Answer(200, b"")
        """How it echoes: the challenge comes before its body."""
        self.status = 204
        self.away: set[str] = set()
        """Paths that answer deliveries with 500."""
        server.answer = self.answer

    def answer(self, seen: Seen) -> Answer:
        asked = seen.query
        if seen.method == "POST":
            return Answer(500 if seen.path in self.away else self.status)
        if "hub.challenge" in asked:
            status, more, headers = self.echo
            body = asked["hub.challenge"].encode() + more
            return Answer(status, body, headers) if self.wants else Answer(404)
        return Answer()

    def ask(self, hub: Gateway, topic: str, path: str = "/cb", **more: str) -> Reply:
        fields = {"mode": "subscribe", "topic": topic, "callback": self.server.url + path, **more}
        return say(hub.hub, **fields)

    def asked(self, path: str = "/cb", mode: str = "") -> list[dict[str, str]]:
        """Verifications and denials at a callback."""
        found = [one.query for one in self.server.gets(path)]
        return [one for one in found if mode in ("", one.get("hub.mode"))]

    def subscribe(self, hub: Gateway, topic: str, path: str = "/cb", **more: str) -> None:
        """Subscribe, and wait until the hub has taken note of it."""
        before = len(self.asked(path))
        assert self.ask(hub, topic, path, **more).status == 202
        until(lambda: len(self.asked(path)) > before)
        callback = self.server.url + path
        until(
            lambda: hub.why(topic, callback),
            lambda one: one["state"] == "active" and "waits" not in one["why"],
        )

    def pushed(self, path: str = "/cb") -> list[Seen]:
        return self.server.posts(path)


def publish(hub: Gateway, topic: str, n: int, kind: str = "application/json") -> None:
    hub.publish(topic.removeprefix(f"{hub.url}/topics/").partition("?")[0], {"n": n}, kind)


def numbers(pushed: list[Seen]) -> list[int]:
    """The numbers in notifications of events as JSON, in their order."""
    return [event["data"]["n"] for one in pushed for event in json.loads(one.body)]


def signed(seen: Seen, secret: str) -> bool:
    """Whether a notification bears the signature of a secret."""
    method, _, digest = seen.headers.get("x-hub-signature", "").partition("=")
    return bool(method) and digest == hmac.new(secret.encode(), seen.body, method).hexdigest()
