"""What a WebSocket may do: the same rights, bounds and words as over HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway import Gateway, running_gateway
from hubbub.core.errors import (
    Forbidden,
    HubbubError,
    InvalidEvent,
    InvalidFilter,
    InvalidPosition,
    InvalidTopic,
    Malformed,
    TooLarge,
    Unauthenticated,
)
from hubbub.core.grants import EVERYONE, Grants, Principal
from hubbub.core.position import Position
from hubbub.core.start import LATEST, After, Last
from hubbub.sources import PublishOptions
from hubbub.web.auth import NOBODY, ApiKey, AuthOptions, MissingToken
from hubbub.web.session import Session

pytestmark = pytest.mark.anyio

EVENT = {"specversion": "1.0", "id": "A1", "source": "/s", "type": "t"}
TOKEN = "hk_anna"
KEY = ApiKey(
    name="anna",
    hash=hashlib.sha256(TOKEN.encode()).hexdigest(),
    grants=Grants(("orders/*",), ("orders/*",)),
)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    options = PublishOptions(max_bytes=65_536)
    async with running_gateway(auth=AuthOptions(keys=(KEY,)), publish=options) as gateway:
        yield gateway


@pytest.fixture
def session(gateway: Gateway) -> Session:
    return Session(gateway, EVERYONE)


async def test_a_token_makes_somebody_of_nobody(gateway: Gateway) -> None:
    session = Session(gateway, NOBODY)
    with pytest.raises(MissingToken):
        session.select(["orders/1"])
    with pytest.raises(MissingToken):
        await session.publish_data("orders/1", b"1")
    with pytest.raises(Unauthenticated):
        session.authenticate("hk_wrong")
    assert session.principal is NOBODY
    session.authenticate(TOKEN)
    assert session.principal.name == "key:anna"
    session.select(["orders/1", "orders/*"])
    with pytest.raises(Forbidden):
        session.select(["news"])


async def test_selections(session: Session) -> None:
    found = session.select(["b", "a/*", "a/1"], ["t", "t"], "type = 't'")
    [clause] = found.clauses
    assert (clause.patterns, clause.types) == (("a/*", "b"), ("t",))
    assert clause.filter is not None
    assert clause.filter.predicate({"type": "t"})
    assert found == session.select(["b", "a/*"], ["t"], "type = 't'")


async def test_filters_in_every_dialect(session: Session) -> None:
    wanted: list[object] = [{"prefix": {"type": "com."}}, {"not": {"sql": "EXISTS subject"}}]
    found = session.select(["a"], (), wanted)
    [clause] = found.clauses
    assert clause.filter is not None
    assert clause.filter.predicate({"type": "com.x"})
    assert not clause.filter.predicate({"type": "com.x", "subject": "s"})
    assert found == session.select(["a"], (), json.loads(json.dumps(wanted)))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((["a//b"],), InvalidTopic),
        (([f"t{n}" for n in range(101)],), InvalidTopic),
        ((["a"], [""]), InvalidEvent),
        ((["a"], ["t"] * 101), Malformed),
        ((["a"], (), "type ="), InvalidFilter),
        ((["a"], (), [{"nonsense": 1}]), InvalidFilter),
        ((["a"], (), [1]), InvalidFilter),
    ],
)
async def test_selections_that_are_none(
    session: Session, arguments: Any, error: type[HubbubError]
) -> None:
    with pytest.raises(error):
        session.select(*arguments)


async def test_starts(session: Session) -> None:
    assert session.start(None, None) == LATEST
    assert session.start(None, 5) == Last(5)
    assert session.start("abc-1", None) == After(Position("abc", 1))
    for since, last in (("abc-1", 5), ("nonsense", None), (None, 0), (None, 1001), (None, -1)):
        with pytest.raises(InvalidPosition):
            session.start(since, last)


async def test_an_event_goes_where_it_says_or_where_the_socket_is(
    gateway: Gateway, session: Session
) -> None:
    published = await session.publish_event(json.dumps(EVENT).encode(), "orders/1")
    assert published.topic == "orders/1"
    other = {**EVENT, "id": "2", "topic": "orders/2"}
    published = await session.publish_event(json.dumps(other).encode(), "orders/1")
    assert (published.topic, published.position) == ("orders/2", f"{gateway.log.epoch}-2")
    with pytest.raises(InvalidTopic):
        await session.publish_event(json.dumps({**EVENT, "id": "3"}).encode(), None)


async def test_data_becomes_an_event(gateway: Gateway, session: Session) -> None:
    published = await session.publish_data("a", b'{"n":1}')
    assert (published.id, published.topic) == ("id-1", "a")
    await session.publish_data("a", b"1", type="t", id="mine")
    again = await session.publish_data("a", b"1", type="t", id="mine")
    assert again.duplicate
    await session.publish_data("a", None)
    first, second, third = await gateway.events()
    assert (first["type"], first["datacontenttype"]) == ("hubbub.published", "application/json")
    assert (second["type"], second["id"]) == ("t", "mine")
    assert "datacontenttype" not in third


async def test_ephemeral_data(gateway: Gateway, session: Session) -> None:
    published = await session.publish_data("a", b"1", ephemeral=True)
    assert published.position is None
    assert gateway.log.head == 0


@pytest.mark.parametrize(
    ("arguments", "more", "error"),
    [
        (("a/*", b"1"), {}, InvalidTopic),
        (("a", b"{"), {}, Malformed),
        (("a", b"1"), {"id": ""}, InvalidEvent),
        (("a", b"1"), {"id": "a\nb"}, InvalidEvent),
        (("a", b"1"), {"type": ""}, InvalidEvent),
        (("a", b"1"), {"type": "\u200b"}, InvalidEvent),
        (("a", b'"' + b"x" * 65_536 + b'"'), {}, TooLarge),
    ],
)
async def test_data_that_is_refused(
    gateway: Gateway, session: Session, arguments: Any, more: Any, error: type[HubbubError]
) -> None:
    with pytest.raises(error):
        await session.publish_data(*arguments, **more)
    assert gateway.log.head == 0


async def test_an_event_that_is_refused(gateway: Gateway, session: Session) -> None:
    for body in (b"", b"[]", b"1", json.dumps({**EVENT, "id": 1}).encode()):
        with pytest.raises(Malformed):
            await session.publish_event(body, "a")
    with pytest.raises(TooLarge):
        await session.publish_event(b" " * 65_537, "a")
    assert gateway.log.head == 0


async def test_refusals_are_counted(gateway: Gateway, session: Session) -> None:
    with pytest.raises(Malformed):
        await session.publish_event(b"{", "a")
    with pytest.raises(InvalidTopic):
        await session.publish_data("a/*", b"1")
    assert gateway.publisher.outcomes["refused"] == 2


async def test_rights_to_publish(gateway: Gateway) -> None:
    session = Session(gateway, Principal("anna", Grants(("orders/*",))))
    await session.publish_data("orders/1", b"1")
    with pytest.raises(Forbidden):
        await session.publish_data("news", b"1")
    elsewhere = json.dumps({**EVENT, "topic": "news"}).encode()
    with pytest.raises(Forbidden):
        await session.publish_event(elsewhere, "orders/1")
    assert gateway.log.head == 1
