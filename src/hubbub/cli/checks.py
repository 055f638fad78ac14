"""What `hubbub doctor` looks at, from where a client stands: each check gives one finding.

The token is never printed. Every check ends within `PATIENCE`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any, Final, Literal, NamedTuple

import aiohttp
import msgspec

from hubbub.core.errors import Misconfigured
from hubbub.web.auth.explain import Answer, explain

PATIENCE: Final = 5.0
"""Seconds that one check may take."""

SKEW: Final = 5.0
"""Seconds that clocks may differ without a word."""

FEW_FILES: Final = 4096
"""Open files below which it is worth saying that connections will run out first."""

_SAMPLE = re.compile(r"^(process_max_fds|process_open_fds) ([0-9.e+]+)$", re.MULTILINE)
_OK: Final = 200
_UNAUTHENTICATED: Final = 401
_FORBIDDEN: Final = 403
_BROKEN: Final = 500


class Finding(NamedTuple):
    """What one check found."""

    verdict: Literal["ok", "note", "fail", "unreachable"]
    about: str
    text: str


class Place(NamedTuple):
    """The server that is looked at."""

    session: aiohttp.ClientSession
    url: str
    token: str | None


Check = Callable[[Place], Awaitable[Finding]]


async def examine(url: str, token: str | None) -> AsyncIterator[Finding]:
    """Give findings as they come; the first one says whether there is any use in the others."""
    if not url.startswith(("http://", "https://")):
        raise Misconfigured("the server's URL looks like http://127.0.0.1:8080")
    headers = {"User-Agent": "hubbub-doctor"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        place = Place(session, url.rstrip("/"), token)
        for check in CHECKS:
            finding = await _guarded(check, place)
            yield finding
            if check is reachable and finding.verdict != "ok":
                return


async def reachable(place: Place) -> Finding:
    """Whether a hubbub answers there, and how fast."""
    began = time.perf_counter()
    status, answer, _ = await _get(place, "/health/live")
    took = (time.perf_counter() - began) * 1000
    if status == _OK and answer.get("status") == "alive":
        return Finding("ok", "reachable", f"{place.url} answers in {took:.0f} ms")
    return Finding(
        "fail", "reachable", f"something answers at {place.url} ({status}), but it is not hubbub"
    )


async def same_version(place: Place) -> Finding:
    """Which version it runs."""
    _, answer, _ = await _get(place, "/openapi.json")
    theirs, ours = str(answer.get("info", {}).get("version", "unknown")), version("hubbub")
    if theirs == ours:
        return Finding("ok", "version", theirs)
    return Finding("note", "version", f"the server has {theirs}, this command is of {ours}")


async def ready(place: Place) -> Finding:
    """Whether events are taken now."""
    status, answer, _ = await _get(place, "/health/ready")
    if status == _OK:
        return Finding("ok", "ready", f"events are taken; the newest is at {answer['position']}")
    reasons = "; ".join(map(str, answer.get("reasons", ()))) or f"it answers {status}"
    return Finding("fail", "ready", f"events are not taken: {reasons}")


async def same_time(place: Place) -> Finding:
    """Whether its clock and ours agree; tokens end by them."""
    _, _, headers = await _get(place, "/health/live")
    if (date := headers.get("Date")) is None:
        return Finding("note", "clock", "the server does not tell its time")
    skew = parsedate_to_datetime(date).timestamp() + 0.5 - time.time()
    if abs(skew) <= SKEW:
        return Finding("ok", "clock", "agrees with this machine")
    way = "ahead of" if skew > 0 else "behind"
    return Finding(
        "fail", "clock", f"the server is {abs(skew):.0f} s {way} this machine: set the clocks"
    )


async def token_holds(place: Place) -> Finding:
    """Whether the token holds, and if not, why."""
    status, answer, _ = await _get(place, "/events?limit=1")
    detail = str(answer.get("detail", ""))
    if place.token:
        text = explain(place.token, time.time(), Answer(status, detail))
        return Finding("fail" if status != _OK else "ok", "token", text)
    if status == _OK:
        return Finding("ok", "token", "none is needed to read")
    if status == _UNAUTHENTICATED:
        return Finding("note", "token", "one is needed: pass --token or set HUBBUB_TOKEN")
    return Finding("fail", "token", detail or f"reading is answered with {status}")


async def streams(place: Place) -> Finding:
    """Whether the first byte of a stream comes at once, also through proxies."""
    began = time.perf_counter()
    headers = {"Accept": "text/event-stream"}
    async with place.session.get(place.url + "/events", headers=headers) as response:
        if response.status != _OK:
            return _not_let_in("stream", response.status)
        if response.content_type != "text/event-stream":
            return Finding("fail", "stream", f"the answer is {response.content_type}, no stream")
        try:
            await asyncio.wait_for(response.content.readany(), PATIENCE / 2)
        except TimeoutError:
            return Finding(
                "fail", "stream", "something between buffers: turn off response buffering there"
            )
    took = (time.perf_counter() - began) * 1000
    return Finding("ok", "stream", f"Server-Sent Events begin after {took:.0f} ms")


async def websockets(place: Place) -> Finding:
    """Whether a WebSocket can be opened, also through proxies."""
    connecting = place.session.ws_connect(place.url + "/ws", protocols=("hubbub.v1",))
    try:
        async with asyncio.timeout(PATIENCE), connecting as socket:
            await socket.send_str('{"op":"ping","ref":1}')
            answer = await socket.receive_str()
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (_UNAUTHENTICATED, _FORBIDDEN):
            return _not_let_in("websocket", error.status)
        advice = "" if error.status >= _BROKEN else ": proxies must pass on Upgrade and Connection"
        return Finding("fail", "websocket", f"the upgrade is answered with {error.status}{advice}")
    if msgspec.json.decode(answer) == {"op": "pong", "ref": 1}:
        return Finding("ok", "websocket", "opens and answers")
    return Finding("fail", "websocket", "opens, but does not speak hubbub.v1")


async def files(place: Place) -> Finding:
    """How many connections the server has files for."""
    async with place.session.get(place.url + "/metrics") as response:
        found = dict(_SAMPLE.findall(await response.text())) if response.status == _OK else {}
    if "process_max_fds" not in found:
        return Finding("note", "files", "the server does not tell its limit of open files")
    most, used = (int(float(found[f"process_{name}_fds"])) for name in ("max", "open"))
    text = f"{used} of {most} files are open"
    if most < FEW_FILES:
        return Finding("note", "files", f"{text}: raise LimitNOFILE or ulimit -n for more clients")
    return Finding("ok", "files", text)


CHECKS: Final[tuple[Check, ...]] = (
    reachable,
    same_version,
    ready,
    same_time,
    token_holds,
    streams,
    websockets,
    files,
)


async def _guarded(check: Check, place: Place) -> Finding:
    name = check.__name__.replace("_", " ")
    try:
        return await check(place)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "no answer in time"
        if check is reachable:
            return Finding("unreachable", name, f"{place.url} cannot be reached: {reason}")
        return Finding("fail", name, reason)
    except (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError):
        return Finding("fail", name, "the answer is not one of hubbub")


async def _get(place: Place, path: str) -> tuple[int, dict[str, Any], Any]:
    async with place.session.get(place.url + path, allow_redirects=False) as response:
        body = await response.read()
        try:
            answer = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError:
            answer = dict[str, Any]()
        return response.status, answer, response.headers


def _not_let_in(about: str, status: int) -> Finding:
    if status in (_UNAUTHENTICATED, _FORBIDDEN):
        return Finding("note", about, "not tried: the token does not open it")
    return Finding("fail", about, f"it is answered with {status}")
