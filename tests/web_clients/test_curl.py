"""curl, the first client that anybody tries."""

from __future__ import annotations

import json

import pytest

from .programs import needs, program

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def curl(*arguments: str) -> str:
    """Run curl to its end and return what it prints."""
    async with program(needs("curl"), "-sS", *arguments) as running:
        return await running.rest()


async def test_publish_and_read_back(gateway):
    topic = f"{gateway.url}/topics/orders/42"
    told = json.loads(
        await curl("-d", '{"state":"paid"}', "-H", "Content-Type: application/json", topic)
    )
    (event,) = json.loads(await curl(topic))
    assert (event["data"], event["position"]) == ({"state": "paid"}, told["position"])
    assert (await curl("-H", "Accept: application/x-ndjson", topic)).count("\n") == 1


async def test_a_plain_post_without_a_thought(gateway):
    """`-d` alone says that it is a form; it is kept as what it says."""
    topic = f"{gateway.url}/topics/t"
    await curl("-d", "a=1&b=2", topic)
    (event,) = json.loads(await curl(topic))
    assert event["datacontenttype"] == "application/x-www-form-urlencoded"
    assert event["data"] == "a=1&b=2"


async def test_a_stream_as_it_comes(gateway, publisher):
    url = f"{gateway.url}/topics/t"
    async with program(needs("curl"), "-sSN", "-H", "Accept: text/event-stream", url) as stream:
        first = [await stream.line() for _ in range(3)]
        assert first[0].startswith(":")
        assert any(line.startswith("retry: ") for line in first)
        published = await publisher.publish("t", {"n": 1})
        lines = []
        while not lines or lines[-1] != "" or not any(x.startswith("data:") for x in lines):
            lines.append(await stream.line())
    assert f"id: {published.position}" in lines
    data = next(line for line in lines if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: "))["data"] == {"n": 1}


async def test_a_stream_ends_by_itself_when_the_server_stops(gateway):
    url = f"{gateway.url}/topics/t"
    async with program(needs("curl"), "-sSN", "-H", "Accept: text/event-stream", url) as stream:
        await stream.line()
        await gateway.leave()
        assert "retry: " in await stream.rest()
        assert await stream.exit_code() == 0


async def test_resuming_with_a_header(gateway, publisher):
    first, second = await publisher.publish_many("t", [1, 2])
    headers = ("-H", "Accept: text/event-stream", "-H", f"Last-Event-ID: {first.position}")
    async with program(needs("curl"), "-sSN", *headers, f"{gateway.url}/topics/t") as stream:
        while (line := await stream.line()) != f"id: {second.position}":
            assert "data:" not in line


async def test_a_refusal_says_what_to_do(gateway):
    told = await curl("-i", "-d", "x", f"{gateway.url}/topics/a/*")
    assert told.startswith("HTTP/1.1 400")
    assert "application/problem+json" in told
    assert json.loads(told.split("\r\n\r\n", 1)[1])["detail"]


async def test_http_1_0_gets_no_stream(gateway):
    url = f"{gateway.url}/topics/t"
    told = await curl("-0", "-i", "-H", "Accept: text/event-stream", url)
    assert " 505 " in told.splitlines()[0]
