"""The book of sources: what is kept, how it is sealed, and what a start makes of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from hubbub.core.errors import Conflict, Malformed, NotFound, TooMany, Unavailable
from hubbub.log.memory_ledger import MemoryRegistry
from hubbub.sources import book
from hubbub.sources.book import Source, Sources
from webhooks.rig import KEY, sources_of

pytestmark = pytest.mark.anyio


def document(name: str = "shop", **more: Any) -> bytes:
    options = {"provider": "github", "secrets": ["hush"]}
    return json.dumps({"name": name, "kind": "webhook", "options": options} | more).encode()


async def loaded(registry: MemoryRegistry, key: bytes = KEY) -> Sources:
    sources = sources_of(registry, key)
    await sources.load()
    return sources


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def sources(registry: MemoryRegistry) -> Sources:
    return sources_of(registry)


def names(sources: Sources) -> list[str]:
    return [source.name for source in sources.list()]


async def test_they_survive_a_restart(sources: Sources, registry: MemoryRegistry) -> None:
    for name in ("b", "a", "c"):
        await sources.create(sources.read(document(name, topic="x/{type}", max_bytes=9)))
    await sources.delete("c")
    again = await loaded(registry)
    assert names(again) == names(sources) == ["a", "b"]
    source = again.get("a")
    assert (source.topic, source.max_bytes) == ("x/{type}", 9)
    assert source.options == {"provider": "github"}
    assert source.opened.settings.secrets == ("hush",)
    assert source.opened.pattern == "x/*"


async def test_nothing_is_kept_before_the_registry_has_it(
    sources: Sources, registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sources.create(sources.read(document("kept")))

    async def fail(*_: object) -> Any:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(registry, "put", fail)
    monkeypatch.setattr(registry, "delete", fail)
    with pytest.raises(Unavailable):
        await sources.create(sources.read(document("new")))
    with pytest.raises(Unavailable):
        await sources.replace(sources.read(document("kept", topic="other")))
    with pytest.raises(Unavailable):
        await sources.delete("kept")
    assert names(sources) == ["kept"]
    assert sources.get("kept").topic == ""


async def test_a_secret_moved_to_another_source_does_not_open(
    sources: Sources, registry: MemoryRegistry
) -> None:
    await sources.create(sources.read(document("a")))
    (kept,) = await registry.all("source")
    await registry.put("source", "b", kept.body)
    again = await loaded(registry)
    assert again.get("b").opened is None
    assert again.ready("a", "webhook").opened is not None


async def test_what_cannot_be_opened_says_so_and_takes_nothing(
    sources: Sources, registry: MemoryRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    await sources.create(sources.read(document("a")))
    await registry.put("source", "b", b'{"kind":"websub"}')
    await registry.put("source", "c", b"nonsense")
    again = await loaded(registry, bytes(32))
    assert "key" in again.get("a").problem
    assert "websub" in again.get("b").problem
    assert "damaged" in again.get("c").problem
    assert len(caplog.records) == 3
    with pytest.raises(Unavailable) as refused:
        again.ready("a", "webhook")
    assert refused.value.retry_after
    assert again.get("a").problem not in refused.value.detail  # strangers need not know
    with pytest.raises(Malformed):  # what cannot be opened cannot be kept
        again.read(b'{"kind":"webhook","options":{"provider":"github"}}', "a")
    assert await again.replace(again.read(document("a"))) is False
    assert again.ready("a", "webhook").problem == ""


async def test_only_the_right_kind_is_ready(sources: Sources) -> None:
    await sources.create(sources.read(document("a")))
    for name, kind in (("a", "websub"), ("b", "webhook")):
        with pytest.raises(NotFound):
            sources.ready(name, kind)


async def test_of_two_at_once_one_is_first(sources: Sources) -> None:
    made = [sources.read(document("a", topic=topic)) for topic in ("one", "two")]
    found = await asyncio.gather(*map(sources.create, made), return_exceptions=True)
    assert [type(error) for error in found] == [type(None), Conflict]
    assert sources.get("a").topic == "one"


async def test_they_are_bounded(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MAX_SOURCES", 2)
    for name in ("a", "b"):
        await sources.create(sources.read(document(name)))
    with pytest.raises(TooMany):
        await sources.create(sources.read(document("c")))
    assert await sources.replace(sources.read(document("b"))) is False


async def test_secrets_are_kept_unless_given(sources: Sources) -> None:
    await sources.create(sources.read(document("a")))
    kept = sources.read(b'{"kind":"webhook","options":{"provider":"stripe"}}', "a")
    assert kept.opened.settings.secrets == ("hush",)
    given = sources.read(document("a", options={"provider": "github", "secrets": ["other"]}))
    assert given.opened.settings.secrets == ("other",)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"kind":1}', b'{"kind":"webhook","kind":"webhook"}', b'{"a":"\\ud800"}']
)
def test_what_is_no_document_is_malformed(sources: Sources, body: bytes) -> None:
    with pytest.raises(Malformed):
        sources.read(body, "a")


def test_a_name_is_that_of_the_address(sources: Sources) -> None:
    assert sources.read(document("a"), "a").name == "a"
    with pytest.raises(Malformed) as refused:
        sources.read(document("a"), "b")
    assert refused.value.pointer == "/name"


def test_representations_hold_no_secret(sources: Sources) -> None:
    found = sources.read(document())
    assert isinstance(found, Source)
    assert "hush" not in repr(found) + repr(found.opened)


class Keeper:
    """Whoever does something for sources hears of their changes."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.heard: list[tuple[str, bool]] = []

    def changed(self, name: str) -> None:
        self.heard.append((name, name in names(self.sources)))

    def status(self, name: str) -> Any:
        return {"name": name}


async def test_whoever_attends_a_kind_hears_of_every_change(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, other = Keeper(sources), Keeper(sources)
    sources.attend("webhook", keeper)
    sources.attend("another", other)
    source = sources.read(document("a"))
    await sources.create(source)
    await sources.replace(source)
    await sources.delete("a")
    assert keeper.heard == [("a", True), ("a", True), ("a", False)]
    assert other.heard == []
    assert sources.status(source) == {"name": "a"}

    async def fail(*_: object) -> Any:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(sources._registry, "put", fail)
    with pytest.raises(Unavailable):
        await sources.create(source)
    assert len(keeper.heard) == 3


async def test_a_source_that_changes_its_kind_is_news_to_both(sources: Sources) -> None:
    left, came = Keeper(sources), Keeper(sources)
    sources.attend("webhook", left)
    sources.attend("other", came)
    source = sources.read(document("a"))
    await sources.create(source)
    await sources.replace(msgspec.structs.replace(source, kind="other"))
    assert left.heard == [("a", True), ("a", True)]
    assert came.heard == [("a", True)]


async def test_of_most_there_is_no_status(sources: Sources) -> None:
    assert sources.status(sources.read(document("a"))) == {}
