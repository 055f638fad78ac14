"""Processes on this machine that speak WebSub to each other, and how tests look at them.

Nothing here sleeps for a time and hopes: `until` asks again and again, up to `PATIENCE`.
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

from serving import Serving, environment, serving

PATIENCE = 40.0
"""Seconds until something has come about, on a machine that does much else."""

HERE = Path(__file__).parent
LOOPBACK = {
    "HUBBUB_EGRESS__ALLOW": '["127.0.0.0/8"]',
    "HUBBUB_EGRESS__ALLOW_FETCH": '["127.0.0.0/8"]',
}
FORM = "application/x-www-form-urlencoded"

T = TypeVar("T")


class Reply(NamedTuple):
    """An answer; redirects are not followed."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    method: str,
    url: str,
    body: bytes | str | Mapping[str, Any] | list[Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send one request; a mapping or list goes as JSON."""
    given = dict(headers or {})
    if isinstance(body, Mapping | list):
        body = json.dumps(body)
        given = {"Content-Type": "application/json", **given}
    split = urlsplit(url)
    connection = http.client.HTTPConnection(split.netloc, timeout=PATIENCE)
    try:
        target = split.path + (f"?{split.query}" if split.query else "")
        connection.request(method, target or "/", body, given)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def call(method: str, url: str, body: Any = None) -> Any:
    """Send a request that succeeds; return the JSON of its answer, if it has one."""
    reply = ask(method, url, body)
    assert reply.status < 300, (method, url, reply.status, reply.body)
    return reply.json() if reply.body[:1] in (b"{", b"[") else reply.body


def say(hub: str, *fields: tuple[str, str], **more: str) -> Reply:
    """Send a form to a hub: `topic="x"` is the field `hub.topic`."""
    form = [*((f"hub.{name}", value) for name, value in more.items()), *fields]
    return ask("POST", hub, urlencode(form), {"Content-Type": FORM})


def until(
    tell: Callable[[], T], is_so: Callable[[T], object] = bool, patience: float = PATIENCE
) -> T:
    """Ask again and again until the answer is as it should be; return it."""
    end = time.monotonic() + patience
    while True:
        told = tell()
        if is_so(told):
            return told
        assert time.monotonic() < end, f"it did not come about: {told!r}"
        time.sleep(0.03)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


# Gateways.


class Gateway:
    """A `hubbub serve` process that can be killed, and started again where it was."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._env = {**LOOPBACK, **env}
        self._stack = ExitStack()
        self.serving: Serving | None = None
        self.url = ""

    def start(self) -> None:
        port = urlsplit(self.url).port if self.url else free_port()
        made = serving("--port", str(port), cwd=self._folder, **self._env)
        self.serving = self._stack.enter_context(made)
        self.url = f"http://127.0.0.1:{port}"  # whatever `web.public_url` says

    def kill(self) -> None:
        """End it as a power failure would."""
        assert self.serving is not None
        self.serving.stop(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self._stack.close()
        self.serving = None

    @property
    def hub(self) -> str:
        return self.url + "/hub"

    def publish(self, topic: str, body: Any, kind: str = "application/json") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body)
        reply = ask("POST", f"{self.url}/topics/{topic}", data, {"Content-Type": kind})
        assert reply.status < 300, (reply.status, reply.body)

    def events(self, topic: str) -> list[dict[str, Any]]:
        return call("GET", f"{self.url}/topics/{topic}?format=batch&limit=1000")

    def follow(self, name: str, url: str, topic: str = "", **options: Any) -> None:
        """Make or replace a source of kind `websub`."""
        document = {
            "name": name,
            "kind": "websub",
            "topic": topic or f"news/{name}",
            "options": {"url": url, **options},
        }
        call("PUT", f"{self.url}/sources/{name}", document)

    def status(self, name: str) -> dict[str, Any]:
        return call("GET", f"{self.url}/sources/{name}")["status"]

    def pushed(self, name: str) -> dict[str, Any]:
        """Wait until a source is pushed, and has looked at its document since."""
        return until(lambda: self.status(name), lambda one: one["state"] == "pushed")

    def why(self, topic: str, callback: str = "") -> dict[str, Any]:
        """Ask the hub about a topic, or about a topic and a callback."""
        asked = {"topic": topic, **({"callback": callback} if callback else {})}
        reply = ask("GET", f"{self.hub}?{urlencode(asked)}", headers={"Accept": "application/json"})
        assert reply.status == 200, reply
        return reply.json()

    def subscriptions(self, topic: str) -> list[dict[str, Any]]:
        """The callbacks of a topic that the hub pushes to."""
        found = self.why(topic).get("callbacks", [])
        return [one for one in found if one["state"] == "active"]


@contextmanager
def gateway(folder: Path, **env: str) -> Iterator[Gateway]:
    """Run a gateway until the block ends."""
    made = Gateway(folder, env)
    made.start()
    try:
        yield made
    finally:
        made.close()


# Programs of others.


class Peer:
    """A running program around Flask-WebSub."""

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.port = port
        self._process = process
        self.url = f"http://127.0.0.1:{port}"
        self.hub = self.url + "/hub"

    def call(self, path: str, **said: Any) -> Any:
        """Have it do something."""
        return call("POST", self.url + path, said)

    def told(self, path: str) -> Any:
        return call("GET", self.url + path)

    def end(self) -> None:
        """End it before its block does."""
        self._process.kill()
        self._process.wait(PATIENCE)


@contextmanager
def peer(name: str, *args: str | Path, port: int = 0) -> Iterator[Peer]:
    """Run a program of this folder until the block ends."""
    command = [sys.executable, HERE / f"{name}.py", str(port), *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.strip().isdigit(), f"{name} did not start: {line!r}"
            yield Peer(int(line), process)
        finally:
            process.kill()
