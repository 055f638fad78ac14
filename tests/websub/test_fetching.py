"""What follows from an answer: pure, so every case is a line."""

from __future__ import annotations

import msgspec
import pytest

from hubbub.core.attributes import Value
from hubbub.core.event import Event, Record
from hubbub.websub import fetching
from hubbub.websub.fetching import Content, Problem, Topic, host_of, log_topic
from websub.rig import TODAY, YESTERDAY

URL = "https://blog.example/feed.xml?a=%2F"
NOW = 1_795_000_000.0


class Answer(msgspec.Struct):
    status: int = 200
    headers: list[tuple[str, str]] = []
    body: bytes = b"x"
    truncated: bool = False


def read(answer: Answer, *, asked: bool = False) -> Content | Problem | None:
    return fetching.read(answer, 1000, NOW, url=URL, is_conditional=asked)


def content(body: bytes = b"x", kind: str = "text/xml", **more: str) -> Content:
    found = read(Answer(headers=[("Content-Type", kind), *more.items()], body=body))
    assert isinstance(found, Content)
    return found


def told(event: Event) -> tuple[dict[str, Value], bytes | None]:
    record = Record(0, event.topic, event.type, 0, event.json)
    return record.attributes(), record.data().content


def test_the_topic_in_the_log() -> None:
    assert log_topic(URL) == log_topic(URL)
    assert log_topic(URL) != log_topic(URL + "/")
    assert len(log_topic(URL).removeprefix("hubbub/websub/")) == 32


@pytest.mark.parametrize(
    ("code", "is_final", "is_gone"),
    [
        (400, True, False),
        (401, True, False),
        (404, True, False),
        (410, True, True),
        (408, False, False),
        (425, False, False),
        (429, False, False),
        (500, False, False),
        (503, False, False),
        (302, False, False),
        (101, False, False),
    ],
)
def test_what_is_no_content(code: int, is_final: bool, is_gone: bool) -> None:
    found = read(Answer(code))
    assert isinstance(found, Problem)
    assert (found.is_final, found.is_gone) == (is_final, is_gone)
    assert str(code) in found.reason


@pytest.mark.parametrize("code", [200, 203, 206, 299])
def test_any_2xx_is_content(code: int) -> None:
    assert isinstance(read(Answer(code)), Content)


def test_a_publisher_says_when_to_come_again() -> None:
    found = read(Answer(503, [("RETRY-AFTER", "120")]))
    assert isinstance(found, Problem)
    assert found.wait == 120.0
    found = read(Answer(503, [("Retry-After", "soon")]))
    assert isinstance(found, Problem)
    assert found.wait is None


def test_not_modified_is_for_who_asked() -> None:
    assert read(Answer(304), asked=True) is None
    found = read(Answer(304))
    assert isinstance(found, Problem)
    assert not found.is_final


def test_what_is_not_whole_is_no_content() -> None:
    for answer in (Answer(truncated=True), Answer(headers=[("Content-Encoding", "gzip")])):
        found = read(answer)
        assert isinstance(found, Problem)
        assert found.is_final
    assert isinstance(read(Answer(headers=[("Content-Encoding", "Identity")])), Content)


def test_content_differs_by_its_bytes_and_its_type() -> None:
    hashes = [
        content(body, kind).hash
        for body, kind in ((b"x", "text/a"), (b"y", "text/a"), (b"x", "text/b"), (b"\nx", "text/a"))
    ]
    assert len(set(hashes)) == 4
    assert content().hash == content(etag="other").hash


def test_validators_go_where_they_are_from() -> None:
    topic = Topic(url=URL)
    assert fetching.conditions(topic, URL) == []
    found = content(etag='W/"1"', **{"date": TODAY, "last-modified": YESTERDAY})
    fetching.taken(topic, found, 5)
    both = [("if-none-match", 'W/"1"'), ("if-modified-since", YESTERDAY)]
    assert fetching.conditions(topic, URL) == both
    assert fetching.conditions(topic, "https://other.example/") == []
    moved = msgspec.structs.replace(found, location="https://other.example/")
    fetching.taken(topic, moved, 5)
    assert fetching.conditions(topic, URL) == []
    assert fetching.conditions(topic, "https://other.example/") == both


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("/b", "https://blog.example/b"),
        ("?b", "https://blog.example/feed.xml?b"),
        ("//c.example/%2F#part", "https://c.example/%2F"),
        ("http://[", "http://["),
    ],
)
def test_where_an_answer_leads(location: str, there: str) -> None:
    for code in (301, 302, 303, 307, 308):
        assert fetching.redirected(Answer(code, [("location", location)]), URL) == there
    for code in (200, 300, 304, 404):
        assert fetching.redirected(Answer(code, [("location", location)]), URL) is None
    assert fetching.redirected(Answer(302), URL) is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/rss+xml; charset=ISO-8859-1", "<rss>\u00eb</rss>".encode("latin-1")),
        ("application/json", b' {"a": 1.0, "b": [ ]}\n'),
        ("application/feed+json; charset=utf-8", b'{"a":"\\u00fc"}'),
        ("text/html", "<p>\u00fc".encode()),
        ("image/png", bytes(range(256))),
        ("text/plain", b""),
        ("TEXT/Plain ;  charset=x", b"\xff"),
    ],
)
def test_27_content_keeps_its_bytes_and_its_type(kind: str, body: bytes) -> None:
    attributes, data = told(fetching.event(Topic(url=URL), content(body, kind)))
    assert data == body
    assert attributes["datacontenttype"] == kind
    assert "hubbubcontenttype" not in attributes
    assert (attributes["source"], attributes["type"]) == (URL, "hubbub.websub.content")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{this is none"),
        ("application/json", b""),
        ("application/feed+json", b'{"a":"\xff"}'),
        ("no media type", b"x"),
        ("text/html; charset=\u00fctf", b"x"),
    ],
)
def test_27_what_is_not_what_its_type_says_gets_through(kind: str, body: bytes) -> None:
    attributes, data = told(fetching.event(Topic(url=URL), content(body, kind)))
    assert data == body
    named = attributes.get("hubbubcontenttype") or attributes["datacontenttype"]
    assert named == kind
    if "hubbubcontenttype" in attributes:
        assert attributes["datacontenttype"] == "application/octet-stream"


@pytest.mark.parametrize("kind", ["", "text/\x01html"])
def test_what_says_nothing_of_its_type_is_octets(kind: str) -> None:
    attributes, data = told(fetching.event(Topic(url=URL), content(b"{}", kind)))
    assert data == b"{}"
    assert attributes["datacontenttype"] == "application/octet-stream"
    assert "hubbubcontenttype" not in attributes


def test_an_event_is_the_same_only_if_it_is_a_repetition() -> None:
    def id_(**state: int) -> object:
        return told(fetching.event(Topic(url=URL, **state), content()))[0]["id"]

    assert id_(begun=1, version=2) == id_(begun=1, version=2)
    assert len({id_(begun=1, version=2), id_(begun=1, version=3), id_(begun=2, version=2)}) == 3
    assert fetching.event(Topic(url=URL), content()).named


def test_its_user_agent() -> None:
    assert fetching.agent("https://h.example/hub", 26) == (
        "hubbub (+https://h.example/hub; 26 subscribers)"
    )
    assert fetching.agent("", 0) == "hubbub (WebSub hub; 0 subscribers)"


def test_one_host_however_it_is_written() -> None:
    assert host_of("http://u:p@Blog.Example:80/x") == host_of("http://blog.example:80/y")
    assert host_of("http://blog.example:81/") != host_of("http://blog.example:80/")
    assert host_of("http://[") == ""


def test_what_is_kept_can_be_read_again() -> None:
    topic = Topic(url=URL, begun=3, is_dirty=True)
    fetching.taken(topic, content(etag="1"), 7)
    assert msgspec.json.decode(msgspec.json.encode(topic), type=Topic) == topic
    assert msgspec.json.decode(b'{"url":"http://a.example/"}', type=Topic).begun == 0
