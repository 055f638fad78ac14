"""Abuse over raw sockets: what is refused, that it is refused once, and that nobody else saw it."""

from __future__ import annotations

import asyncio
import itertools
import re

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from .raw import GET, App, client_of, connect

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet_log")]

HOST = b"Host: localhost\r\n"


def post(*fields: bytes, body: bytes = b"", host: bytes = HOST) -> bytes:
    return b"POST / HTTP/1.1\r\n" + host + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: 5"
SMUGGLED = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

ABUSES = {
    # Framing (RFC 9112 6.1, 6.3)
    "CL and TE": (400, post(LENGTH, CHUNKED, body=SMUGGLED)),
    "TE and CL": (400, post(CHUNKED, LENGTH, body=SMUGGLED)),
    "TE gzip, chunked": (400, post(b"Transfer-Encoding: gzip, chunked", body=SMUGGLED)),
    "TE gzip": (400, post(b"Transfer-Encoding: gzip", body=SMUGGLED)),
    "TE identity": (400, post(b"Transfer-Encoding: identity", body=SMUGGLED)),
    "TE xchunked": (400, post(b"Transfer-Encoding: xchunked", body=SMUGGLED)),
    "TE twice": (400, post(CHUNKED, CHUNKED, body=SMUGGLED)),
    "TE with a control character": (400, post(b"Transfer-Encoding: \x0bchunked", body=SMUGGLED)),
    "TE on HTTP/1.0": (400, b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n\r\n" + SMUGGLED),
    "CL twice": (400, post(LENGTH, LENGTH, body=b"hello")),
    "CL twice, different": (400, post(LENGTH, b"Content-Length: 6", body=b"hello!")),
    "CL list": (400, post(b"Content-Length: 5, 5", body=b"hello")),
    "CL with a sign": (400, post(b"Content-Length: +5", body=b"hello")),
    "CL negative": (400, post(b"Content-Length: -5", body=b"hello")),
    "CL hex": (400, post(b"Content-Length: 0x5", body=b"hello")),
    "CL empty": (400, post(b"Content-Length: ", body=b"hello")),
    "CL beyond 64 bits": (400, post(b"Content-Length: 99999999999999999999", body=b"hello")),
    "CL in other digits": (400, post(b"Content-Length: \xd9\xa5", body=b"hello")),
    "chunk size negative": (400, post(CHUNKED, body=b"-1\r\nx\r\n0\r\n\r\n")),
    "chunk size hex prefix": (400, post(CHUNKED, body=b"0x1\r\nx\r\n0\r\n\r\n")),
    "chunk size overflow": (400, post(CHUNKED, body=b"fffffffffffffffff\r\nx\r\n0\r\n\r\n")),
    "chunk size missing": (400, post(CHUNKED, body=b"\r\nx\r\n0\r\n\r\n")),
    "chunk line ends in LF": (400, post(CHUNKED, body=b"1\nx\r\n0\r\n\r\n")),
    "chunk longer than told": (400, post(CHUNKED, body=b"1\r\nxy\r\n0\r\n\r\n")),
    "chunk extension with a control": (400, post(CHUNKED, body=b"1;a=\x01\r\nx\r\n0\r\n\r\n")),
    "CL as a trailer": (400, post(CHUNKED, body=b"0\r\nContent-Length: 5\r\n\r\n")),
    # Syntax (RFC 9112 2.2, 3, 5)
    "no HTTP at all": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "HTTP/2 preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/0.9": (505, b"GET /\r\n\r\n"),
    "HTTP/0.9 by name": (505, b"GET / HTTP/0.9\r\n\r\n"),
    "HTTP/2.0": (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "HTTP/1.2": (400, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    "version in lower case": (400, b"GET / http/1.1\r\n" + HOST + b"\r\n"),
    "method in lower case": (400, b"get / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "method unknown": (400, b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "blank behind the version": (400, b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n"),
    "lines end in LF": (400, b"GET / HTTP/1.1\nHost: localhost\n\n"),
    "one line ends in LF": (400, b"GET / HTTP/1.1\r\nHost: localhost\nA: b\r\n\r\n"),
    "folded field": (400, b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n"),
    "blank before the first field": (400, b"GET / HTTP/1.1\r\n " + HOST + b"\r\n"),
    "blank before the colon": (400, b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"),
    "no colon": (400, b"GET / HTTP/1.1\r\n" + HOST + b"A\r\n\r\n"),
    "empty name": (400, b"GET / HTTP/1.1\r\n" + HOST + b": b\r\n\r\n"),
    "NUL in a value": (400, b"GET / HTTP/1.1\r\n" + HOST + b"A: b\0c\r\n\r\n"),
    "CR in a value": (400, b"GET / HTTP/1.1\r\n" + HOST + b"A: b\rc\r\n\r\n"),
    "name not ASCII": (400, b"GET / HTTP/1.1\r\n" + HOST + b"\xc3\xa9: b\r\n\r\n"),
    "target not ASCII": (400, b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "target with a control": (400, b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "target with a fragment": (400, b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n"),
    "target without a slash": (400, b"GET a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "asterisk but not OPTIONS": (400, b"GET * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "unknown expectation": (417, post(LENGTH, b"Expect: a-miracle", body=b"hello")),
    # Host and proxying (RFC 9112 3.2, 3.3)
    "no Host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    "Host empty": (400, b"GET / HTTP/1.1\r\nHost: \r\n\r\n"),
    "Host with user": (400, b"GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n"),
    "Host with path": (400, b"GET / HTTP/1.1\r\nHost: localhost/a\r\n\r\n"),
    "Host list": (400, b"GET / HTTP/1.1\r\nHost: localhost, b\r\n\r\n"),
    "Host with bad port": (400, b"GET / HTTP/1.1\r\nHost: localhost:http\r\n\r\n"),
    "Host with huge port": (400, b"GET / HTTP/1.1\r\nHost: localhost:65536\r\n\r\n"),
    "Host with bad IPv6": (400, b"GET / HTTP/1.1\r\nHost: [::1::2]\r\n\r\n"),
    "foreign Host": (421, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    "foreign Host on HTTP/1.0": (421, b"GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n"),
    "foreign address": (421, b"GET / HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n"),
    "foreign authority": (421, b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "other scheme": (400, b"GET ftp://localhost/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT": (405, b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n"),
}


@pytest.mark.parametrize(("status", "request_bytes"), ABUSES.values(), ids=ABUSES)
async def test_abuse_is_refused_and_the_connection_closed(status, request_bytes):
    app = App()
    async with client_of(app) as (_, client):
        client.send(request_bytes + GET)
        response = await client.response()
        assert response.status == status
        assert response.headers["connection"] == "close"
        assert response.problem["status"] == status
        assert response.problem["detail"]
        assert await client.rest() == b""
    assert app.requests == []


@pytest.mark.parametrize(("status", "request_bytes"), ABUSES.values(), ids=ABUSES)
async def test_abuse_is_refused_byte_by_byte_too(status, request_bytes):
    app = App()
    async with client_of(app) as (_, client):
        for i in range(len(request_bytes)):
            client.send(request_bytes[i : i + 1])
            await asyncio.sleep(0)
        assert (await client.response()).status == status
        assert await client.rest() in (b"", b"RESET")  # bytes may come after the last word
    assert app.requests == []


LIMITS = {"max_head_bytes": 1000, "max_headers": 10}

TOO_LARGE = {
    "long target": (414, b"GET /" + b"a" * 1000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "long value": (431, b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 1000 + b"\r\n\r\n"),
    "long fields together": (
        431,
        b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 9 + b"C: " + b"d" * 950 + b"\r\n\r\n",
    ),
    "many fields": (431, b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 10 + b"\r\n"),
    "long trailer": (431, post(CHUNKED, body=b"0\r\nA: " + b"a" * 1000 + b"\r\n\r\n")),
    "many trailer fields": (431, post(CHUNKED, body=b"0\r\n" + b"A: b\r\n" * 11 + b"\r\n")),
}


@pytest.mark.parametrize(("status", "request_bytes"), TOO_LARGE.values(), ids=TOO_LARGE)
async def test_head_and_trailer_are_bounded(status, request_bytes):
    app = App()
    async with client_of(app, **LIMITS) as (_, client):
        client.send(request_bytes)
        assert (await client.response()).status == status
        assert await client.rest() == b""
    assert app.requests == []


ENDLESS = {
    "target": (414, b"GET /"),
    "name": (431, b"GET / HTTP/1.1\r\n" + HOST),
    "value": (431, b"GET / HTTP/1.1\r\n" + HOST + b"A: "),
    "trailer": (431, post(CHUNKED, body=b"0\r\nA: ")),
    "chunk extension": (431, post(CHUNKED, body=b"1;")),
}


@pytest.mark.parametrize(("status", "beginning"), ENDLESS.values(), ids=ENDLESS)
async def test_what_never_ends_is_cut_off_while_it_comes(status, beginning):
    """The parser keeps a field until it is whole; a whole read may come before it is looked at."""
    app = App()
    async with client_of(app) as (_, client):
        client.send(beginning)
        response = asyncio.create_task(client.response())
        sent = 0
        while not response.done() and sent < 100_000_000:
            client.send(b"a" * 16384)
            sent += 16384
            await asyncio.sleep(0)
        assert (await response).status == status
        assert sent < 5_000_000
    assert app.requests == []


async def test_a_head_of_exactly_the_limit_is_taken():
    app = App()
    filler = 1000 - len(b"/") - 14 - len(b"host") - len(b"localhost") - 4 - len(b"a") - 4
    async with client_of(app, **LIMITS) as (_, client):
        client.send(b"GET / HTTP/1.1\r\n" + HOST + b"a: " + b"b" * filler + b"\r\n\r\n")
        assert (await client.response()).status == 200


ACCEPTED = {
    "Host with port": b"Host: localhost:8080\r\n",
    "Host in capitals": b"Host: LOCALHOST\r\n",
    "Host with blanks around": b"Host: \t localhost \t\r\n",
    "Host IPv4": b"Host: 127.0.0.1:80\r\n",
    "Host IPv6": b"Host: [0:0::1]:80\r\n",
    "chosen Host": b"Host: events.example\r\n",
}


@pytest.mark.parametrize("host", ACCEPTED.values(), ids=ACCEPTED)
async def test_good_hosts(host):
    async with client_of(App(), trusted_hosts=("events.example",)) as (_, client):
        client.send(post(LENGTH, body=b"hello", host=host))
        assert (await client.response()).body == b"hello"


async def test_http_1_0_needs_no_host():
    async with client_of(App()) as (_, client):
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.response()).status == 200


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a/b?c=d&e", "/a/b", b"c=d&e"),
        (b"/a%2Fb/%C3%A9", "/a/b/é", b""),
        (b"http://localhost/a?b", "/a", b"b"),
        (b"HTTP://LocalHost/a", "/a", b""),
        (b"http://localhost", "/", b""),
        (b"http://localhost?b", "/", b"b"),
        (b"//a", "//a", b""),
    ],
)
async def test_targets(target, path, query):
    app = App()
    async with client_of(app) as (_, client):
        client.send(b"GET %b HTTP/1.1\r\n" % target + HOST + b"\r\n")
        assert (await client.response()).status == 200
    assert app.scopes[0]["path"] == path
    assert app.scopes[0]["query_string"] == query


async def test_options_asterisk():
    app = App()
    async with client_of(app) as (_, client):
        client.send(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.response()).status == 200
    assert app.scopes[0]["path"] == "*"


async def test_trailer_fields_are_dropped_and_blanks_trimmed():
    app = App()
    async with client_of(app) as (_, client):
        client.send(
            post(CHUNKED, b"A: \t b \t", body=b"5\r\nhello\r\n0\r\nAuthorization: x\r\n\r\n")
        )
        client.send(GET)
        assert (await client.response()).body == b"hello"
        assert (await client.response()).body == b"ok"
    headers = app.scopes[0]["headers"]
    assert (b"a", b"b") in headers
    assert not [value for name, value in headers if name == b"authorization"]


@pytest.mark.parametrize("split", [False, True])
async def test_an_unknown_upgrade_is_ignored_and_its_body_is_a_body(split):
    """llhttp takes what follows for another protocol: the body would be read as a request."""
    app = App()
    head = post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA",
                b"X-Empty:", b"Content-Length: %d" % len(GET))  # fmt: skip
    async with client_of(app) as (_, client):
        client.send(head)
        if split:
            await asyncio.sleep(0.01)  # another read
        client.send(GET + GET)
        assert (await client.response()).body == GET
        assert (await client.response()).body == b"ok"
    assert [request[2] for request in app.requests] == [GET, b""]
    assert (b"x-empty", b"") in app.scopes[0]["headers"]


async def test_a_flood_of_unknown_upgrades_is_bounded_like_any_pipeline():
    request = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: x\r\n\r\n"
    async with client_of(App()) as (_, client):
        client.send(request * 5000)
        assert (await client.rest()).count(b"HTTP/1.1 200") == 65


async def test_empty_lines_before_a_request_are_skipped():
    async with client_of(App()) as (server, client):
        client.send(b"\r\n\r\n" + GET)
        assert (await client.response()).status == 200
        other = await connect(server)
        other.send(GET + b"\r\n" + GET)
        assert (await other.response()).status == 200
        assert (await other.response()).status == 200
        await other.aclose()


async def test_a_huge_content_length_costs_nothing():
    async def refuse(scope, receive, send):
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})  # fmt: skip
        await send({"type": "http.response.body"})

    async with client_of(refuse) as (_, client):
        client.send(post(b"Content-Length: 10737418240", body=b"x" * 1000))
        response = await client.response()
        assert (response.status, response.headers["connection"]) == (413, "close")
        client.send(b"x" * 1000)
        assert await client.rest() == b""


PIPELINE = (
    GET
    + post(LENGTH, body=b"hello")
    + post(CHUNKED, body=b"2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nA: b\r\n\r\n")
    + b"\r\n"
    + post(b"Connection: upgrade", b"Upgrade: x", LENGTH, body=b"hello")
    + GET
)


@given(st.lists(st.integers(0, len(PIPELINE)), max_size=12))
def test_requests_are_the_same_wherever_the_network_cuts_them(cuts):
    async def talk():
        async with client_of(App()) as (_, client):
            edges = [0, *sorted(cuts), len(PIPELINE)]
            for a, b in itertools.pairwise(edges):
                client.send(PIPELINE[a:b])
                await asyncio.sleep(0)
            return [(await client.response()).body for _ in range(5)]

    with asyncio.Runner(loop_factory=uvloop.Loop) as runner:
        assert runner.run(talk()) == [b"ok", b"hello", b"hello", b"hello", b"ok"]


SHORT = {"head_timeout": 0.02, "body_timeout": 0.02, "idle_timeout": 0.02}

NOISE = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from([GET, PIPELINE, *(abuse[:40] for _, abuse in ABUSES.values())]),
        st.sampled_from([HOST, CHUNKED, LENGTH, b"\r\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n"]),
    ),
    max_size=8,
)


@given(NOISE)
def test_whatever_comes_is_answered_or_refused_and_never_an_accident(pieces):
    async def talk():
        async with client_of(App(), **SHORT) as (_, client):
            for piece in pieces:
                client.send(piece)
                await asyncio.sleep(0)
            client.send(b"\r\n\r\n")
            statuses = re.findall(rb"HTTP/1.1 (\d+)", await client.rest())
            assert set(statuses) <= {b"200", b"400", b"405", b"408", b"417", b"421", b"431", b"505"}

    with asyncio.Runner(loop_factory=uvloop.Loop) as runner:
        runner.run(talk())
