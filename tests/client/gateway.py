"""A small gateway in memory on a real socket. It speaks api.md, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from hubbub.wire import sse

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Fault = Callable[["Gateway", web.Request], Awaitable[web.StreamResponse | None]]
"""Answers in the gateway's place, or lets it answer by returning None."""


class Gateway:
    """The log, what was asked, and the faults that the next requests will meet."""

    def __init__(self) -> None:
        self.url = ""
        self.epoch = "aaaaaaaa"
        self.kept: list[dict[str, Any]] = []
        self.tail = 1
        """Offset of the oldest event that is still there."""
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.faults: deque[Fault] = deque()
        self.cuts: deque[int] = deque()
        """After how many bytes of events each next stream is cut off."""
        self.retry_ms: int | None = None
        self.subscribed: list[dict[str, Any]] = []
        self._more = asyncio.Condition()
        self._asked = asyncio.Condition()

    async def asked(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with self._asked:
            await self._asked.wait_for(lambda: len(self.requests) >= count)

    def position(self, offset: int) -> str:
        return f"{self.epoch}-{offset}"

    async def append(self, event: dict[str, Any]) -> tuple[int, bool]:
        for known in self.kept:
            if (known["source"], known["id"]) == (event["source"], event["id"]):
                return int(known["position"].split("-")[1]), True
        offset = len(self.kept) + 1
        self.kept.append({**event, "position": self.position(offset)})
        async with self._more:
            self._more.notify_all()
        return offset, False

    async def say(self, data: Any, topic: str = "t") -> str:
        """Publish without HTTP; return the position."""
        event = {"specversion": "1.0", "id": f"e{len(self.kept)}", "source": "/t", "type": "said"}
        offset, _ = await self.append({**event, "topic": topic, "data": data})
        return self.position(offset)

    def forget_all(self) -> None:
        """Lose the past: what comes next is in another epoch."""
        self.epoch, self.kept, self.tail = "bbbbbbbb", [], 1

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._fault], client_max_size=2**30)
        app.router.add_post("/topics/{topic:.*}", self._publish)
        app.router.add_post("/events", self._publish)
        app.router.add_get("/events", self._read)
        app.router.add_get("/ws", self._socket)
        return app

    @web.middleware
    async def _fault(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(request)
        async with self._asked:
            self._asked.notify_all()
        if self.faults:
            answer = await self.faults.popleft()(self, request)
            if answer is not None:
                return answer
        return await handler(request)

    async def _publish(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        topic = request.match_info.get("topic", "")
        kind = request.content_type
        if kind == "application/cloudevents-batch+json":
            events = json.loads(body)
        elif kind == "application/cloudevents+json":
            events = [json.loads(body)]
        else:
            event = {"id": "none", "source": f"/topics/{topic}", "type": "hubbub.published"}
            for name, value in request.headers.items():
                if name.lower().startswith("ce-"):
                    event[name[3:].lower()] = value
            if body:
                event["data"] = body.decode("latin-1")
            events = [event]
        answers = []
        for event in events:
            event["topic"] = topic or event["topic"]
            if request.query.get("ephemeral"):
                answers.append({"id": event["id"], "topic": event["topic"]})
                continue
            offset, duplicate = await self.append(event)
            answer = {"id": event["id"], "position": self.position(offset), "topic": event["topic"]}
            answers.append(answer | ({"duplicate": True} if duplicate else {}))
        many = kind.startswith("application/cloudevents-batch")
        return web.json_response({"events": answers} if many else answers[0], status=201)

    async def _read(self, request: web.Request) -> web.StreamResponse:
        if "text/event-stream" in request.headers.get("Accept", ""):
            return await self._stream(request)
        after, gap = self._start(request.query.get("since"))
        if gap:
            return problem(410, **gap)
        limit = int(request.query.get("limit", "100"))
        newest_first = request.query.get("order") == "desc"
        events = self.kept[::-1] if newest_first else self.kept[after:]
        if newest_first and "before" in request.query:
            events = events[len(self.kept) - int(request.query["before"]) + 1 :]
        page = events[:limit]
        response = web.json_response(page)
        if len(events) > limit:
            offset = page[-1]["position"].split("-")[1]
            cursor = {"before": offset} if newest_first else {"since": page[-1]["position"]}
            onward = request.url.update_query(cursor).with_host("elsewhere.example")
            response.headers["Link"] = f'<{onward}>; rel="next"'
        return response

    def _start(self, since: str | None) -> tuple[int, dict[str, str]]:
        """Return the offset to start after, and the gap if there is one."""
        if since in (None, "earliest", "2h"):
            return self.tail - 1, {}
        if since == "latest":
            return len(self.kept), {}
        epoch, _, offset = since.partition("-")
        if epoch != self.epoch or int(offset) < self.tail - 1:
            return self.tail - 1, {
                "requested": since,
                "resumes_at": self.position(self.tail - 1),
            }
        return int(offset), {}

    async def _events(self, after: int) -> AsyncIterator[dict[str, Any]]:
        while True:
            while after < len(self.kept):
                after += 1
                yield self.kept[after - 1]
            async with self._more:
                await self._more.wait_for(lambda at=after: at < len(self.kept))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        since = request.headers.get("Last-Event-ID") or request.query.get("since", "latest")
        after, gap = self._start(since)
        response = web.StreamResponse(headers={"Content-Type": sse.MEDIA_TYPE})
        await response.prepare(request)
        first = sse.comment("hello")
        if self.retry_ms is not None:
            first += sse.retry(self.retry_ms)
        if gap:
            data = json.dumps(gap).encode()
            first += sse.event(data, id=gap["resumes_at"], type="hubbub.gap")
        else:
            first += sse.position_only(self.position(after))
        await response.write(first)
        left = self.cuts.popleft() if self.cuts else None
        async for event in self._events(after):
            data = sse.event_line(json.dumps(event).encode(), event["position"])
            if left is not None and len(data) > left:
                await response.write(data[:left])
                abort(request)
                break
            left = None if left is None else left - len(data)
            await response.write(data)
        return response

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("hubbub.v1",))
        await socket.prepare(request)
        op = await socket.receive_json()
        self.subscribed.append(op)
        if op["topics"] == ["forbidden"]:
            refusal = {"status": 403, "title": "Not allowed", "detail": "ask for another topic"}
            await socket.send_json({"op": "error", "ref": op["ref"], **refusal})
            await socket.receive()
            return socket
        after, gap = self._start(op.get("since", "latest"))
        subscribed = {"op": "subscribed", "ref": op["ref"], "position": self.position(after)}
        await socket.send_json(subscribed)
        if gap:
            await socket.send_json({"op": "gap", **gap})
        listening = asyncio.create_task(self._hear(socket))
        try:
            left = self.cuts.popleft() if self.cuts else None
            async for event in self._events(after):
                message = json.dumps({"op": "event", "event": event})
                if left is not None and len(message) > left:
                    abort(request)
                    break
                left = None if left is None else left - len(message)
                await socket.send_str(message)
        finally:
            listening.cancel()
        return socket

    async def _hear(self, socket: web.WebSocketResponse) -> None:
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass


def abort(request: web.Request) -> None:
    """Cut the connection off without a goodbye."""
    if request.transport is not None:
        request.transport.abort()


def problem(status: int, *, retry_after: str | None = None, **members: Any) -> web.Response:
    """Refuse."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    body = {"status": status, "title": "No", "detail": "do something else", **members}
    return web.json_response(
        body, status=status, headers=headers, content_type="application/problem+json"
    )


def refuse(status: int, **members: Any) -> Fault:
    """Refuse one request."""

    async def fault(_: Gateway, __: web.Request) -> web.StreamResponse:
        return problem(status, **members)

    return fault


def answer(status: int, body: bytes = b"", content_type: str = "text/html") -> Fault:
    """Answer one request with something else altogether."""

    async def fault(_: Gateway, __: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=content_type)

    return fault


async def hang_up(_: Gateway, request: web.Request) -> web.StreamResponse:
    """Cut one request off before anything is done about it."""
    abort(request)
    return web.Response()


async def lose_answer(gateway: Gateway, request: web.Request) -> web.StreamResponse:
    """Do what one request asks for and cut it off before the answer."""
    await gateway._publish(request)
    abort(request)
    return web.Response()


async def say_nothing(_: Gateway, request: web.Request) -> web.StreamResponse:
    """Keep one request waiting until the client gives up."""
    await asyncio.Event().wait()
    return web.Response()


def close_with(code: int, reason: str) -> Fault:
    """Complete one WebSocket handshake, then close."""

    async def fault(_: Gateway, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("hubbub.v1",))
        await socket.prepare(request)
        await socket.receive()
        await socket.close(code=code, message=reason.encode())
        return socket

    return fault


async def let_pass(_: Gateway, __: web.Request) -> None:
    """Do nothing about one request."""


@asynccontextmanager
async def running(gateway: Gateway, port: int = 0) -> AsyncIterator[Gateway]:
    """Serve on a port of loopback; all connections are cut at the end."""
    runner = web.AppRunner(gateway.app(), shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        gateway.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield gateway
    finally:
        await runner.cleanup()
