"""The hub: requests, verification of intent, leases. Numbers are those of docs/websub.md."""

from __future__ import annotations

import asyncio

import pytest

from channels.receiver import Request
from hubbub.core.errors import (
    Forbidden,
    HubbubError,
    Malformed,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from hubbub.core.grants import ANONYMOUS, Grants, Principal
from hubbub.wire.websub import sign
from websub.rig import BASE, Reader, World, page, query, reading, status, world

pytestmark = pytest.mark.anyio

TOPIC = f"{BASE}/topics/blog"
DAY = 86_400


def form(reader: Reader, topic: str = TOPIC, path: str = "/cb", **more: str) -> dict[str, str]:
    extra = {f"hub.{name}": value for name, value in more.items()}
    return {
        "hub.mode": "subscribe",
        "hub.topic": topic,
        "hub.callback": reader.url + path,
        **extra,
    }


async def test_06_08_21_a_request_is_taken_and_then_verified(hub: World, reader: Reader) -> None:
    await hub.ask(form(reader, lease_seconds="5000"))
    assert hub.subscription(reader, TOPIC) is None or reader.asked
    await hub.until(lambda: hub.subscription(reader, TOPIC))
    (asked,) = reader.asked
    told = query(asked)
    assert told["hub.mode"] == "subscribe"
    assert told["hub.topic"] == TOPIC
    assert told["hub.lease_seconds"] == "5000"
    assert len(told["hub.challenge"]) == 43
    assert f"(+{BASE}/hub)" in asked.headers["user-agent"]


async def test_06_the_answer_does_not_depend_on_the_verification(
    hub: World, reader: Reader
) -> None:
    reader.wants = lambda _: False
    await hub.ask(form(reader))
    await hub.until(lambda: reader.asked and not hub.hub.verifier.pending)
    assert hub.subscription(reader, TOPIC) is None


async def test_20_the_query_of_a_callback_stays_byte_for_byte(hub: World, reader: Reader) -> None:
    path = "/cb?hub.mode=mine&k=%2Fa+b&flag"
    await hub.subscribe(reader, TOPIC, path)
    assert reader.asked[0].path.startswith(f"{path}&hub.mode=subscribe&hub.topic=")
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    assert reader.pushed[0].path == path


async def test_21_a_challenge_is_used_once(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    await hub.subscribe(reader, TOPIC)
    first, second = (query(one)["hub.challenge"] for one in reader.asked)
    assert first != second


@pytest.mark.parametrize("code", [200, 201, 202, 299])
async def test_22_any_2xx_with_the_challenge_is_success(
    hub: World, reader: Reader, code: int
) -> None:
    reader.answer = lambda one: status(code, body=query(one)["hub.challenge"].encode())
    await hub.subscribe(reader, TOPIC)
    assert hub.subscription(reader, TOPIC)


async def test_22_the_challenge_alone_is_the_body(hub: World, reader: Reader) -> None:
    for body in (b"", b"challenge", None):
        reader.answer = lambda one, body=body: status(
            200, body=query(one)["hub.challenge"].encode() + b"\n" if body is None else body
        )
        await hub.subscribe(reader, TOPIC)
        assert hub.subscription(reader, TOPIC) is None


@pytest.mark.parametrize("code", [301, 302, 307, 308, 400, 403, 404, 410])
async def test_23_redirects_and_refusals_are_final(hub: World, reader: Reader, code: int) -> None:
    async with reading() as elsewhere:
        reader.answer = lambda one: status(
            code, f"Location: {elsewhere.url}{one.path}", body=query(one)["hub.challenge"].encode()
        )
        await hub.subscribe(reader, TOPIC)
        assert hub.subscription(reader, TOPIC) is None
        await hub.time.advance(DAY)
        assert len(reader.asked) == 1
        assert not elsewhere.got


async def test_a_callback_that_is_away_is_asked_again(hub: World, reader: Reader) -> None:
    reader.answer = lambda _: status(503)
    await hub.ask(form(reader))
    await hub.until(lambda: len(reader.asked) == 1)
    reader.answer = reader.respond
    await hub.until(lambda: hub.subscription(reader, TOPIC), step=1)
    assert len(reader.asked) == 2


async def test_12_a_failed_verification_changes_nothing(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC, secret="old", lease_seconds="5000")
    before = hub.subscription(reader, TOPIC)
    reader.wants = lambda _: False
    await hub.subscribe(reader, TOPIC, secret="new", lease_seconds="9000")
    assert hub.subscription(reader, TOPIC) == before
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    (push,) = reader.pushed
    assert push.headers["x-hub-signature"] == sign("sha256", "old", push.body)


async def test_12_nothing_changes_before_it_is_verified(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC, secret="old")
    reader.answer = lambda one: status(503 if one.method == "GET" else 204)
    await hub.ask(form(reader, secret="new"))
    await hub.until(lambda: len(reader.asked) == 2)
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    (push,) = reader.pushed
    assert push.headers["x-hub-signature"] == sign("sha256", "old", push.body)


async def test_13_30_a_renewal_may_change_or_drop_the_secret(hub: World, reader: Reader) -> None:
    signatures = list[str | None]()
    for secret in ("one", "two", ""):
        more = {"secret": secret} if secret else {}
        await hub.subscribe(reader, TOPIC, **more)
        await hub.publish("blog")
        await hub.until(lambda: len(reader.pushed) > len(signatures))
        push = reader.pushed[-1]
        signatures.append(push.headers.get("x-hub-signature"))
        assert signatures[-1] == (sign("sha256", secret, push.body) if secret else None)
    assert len(hub.engine.subscriptions) == 1


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_30_the_subscriber_chooses_the_method(
    hub: World, reader: Reader, method: str
) -> None:
    await hub.subscribe(reader, TOPIC, secret="s", signature_methods=f"md5,{method}")
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    (push,) = reader.pushed
    assert push.headers["x-hub-signature"] == sign(method, "s", push.body)


async def test_30_a_host_may_have_its_own_method(reader: Reader) -> None:
    async with world(methods=("127.0.0.1=sha1",)) as hub:
        await hub.subscribe(reader, TOPIC, secret="s")
        await hub.publish("blog")
        await hub.until(lambda: reader.pushed)
        assert reader.pushed[0].headers["x-hub-signature"].startswith("sha1=")


async def test_11_a_subscription_is_a_pair_of_exact_urls(hub: World, reader: Reader) -> None:
    for path in ("/cb", "/cb?", "/cb/", "/cb", "/%63b"):
        await hub.subscribe(reader, TOPIC, path)
    assert len(hub.engine.subscriptions) == 4


async def test_15_an_unsubscription_is_verified_as_well(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.wants = lambda one: query(one)["hub.mode"] == "subscribe"
    await hub.subscribe(reader, TOPIC, mode="unsubscribe")
    assert hub.subscription(reader, TOPIC)
    reader.wants = lambda _: True
    await hub.subscribe(reader, TOPIC, mode="unsubscribe", lease_seconds="5")
    assert hub.subscription(reader, TOPIC) is None
    assert "hub.lease_seconds" not in query(reader.asked[-1])
    await hub.publish("blog")
    await hub.quiet()
    assert not reader.pushed


async def test_15_one_can_end_what_never_was(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC, mode="unsubscribe")
    assert [query(one)["hub.mode"] for one in reader.asked] == ["unsubscribe"]


async def test_a_later_request_takes_the_place_of_an_earlier_one(
    hub: World, reader: Reader
) -> None:
    reader.answer = lambda _: status(503)
    await hub.ask(form(reader, secret="first"))
    await hub.until(lambda: reader.asked)
    reader.answer = reader.respond
    await hub.subscribe(reader, TOPIC, secret="second")
    await hub.time.advance(DAY / 4)
    assert len(reader.asked) == 2
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    (push,) = reader.pushed
    assert push.headers["x-hub-signature"] == sign("sha256", "second", push.body)


@pytest.mark.parametrize(
    ("asked", "granted"), [(None, 10 * DAY), ("1", 300), ("4000", 4000), ("999999999", 30 * DAY)]
)
async def test_24_leases_are_within_bounds(
    hub: World, reader: Reader, asked: str | None, granted: int
) -> None:
    await hub.subscribe(reader, TOPIC, **({} if asked is None else {"lease_seconds": asked}))
    assert query(reader.asked[0])["hub.lease_seconds"] == str(granted)
    found = hub.subscription(reader, TOPIC)
    assert found
    assert 0 <= hub.time.now() + granted - found.expires / 1000 < 2


async def test_24_a_lease_ends_to_the_second(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC, lease_seconds="300")
    await hub.time.advance(290)
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    await hub.time.advance(10)
    await hub.publish("blog")
    await hub.quiet()
    assert len(reader.pushed) == 1
    found = hub.subscription(reader, TOPIC)
    assert found
    assert found.state == "expired"
    await hub.time.advance(DAY + 301)
    await hub.until(lambda: hub.subscription(reader, TOPIC) is None)


async def test_24_nobody_is_subscribed_beyond_the_end_of_their_token(
    hub: World, reader: Reader
) -> None:
    holder = Principal("ada", Grants(subscribe=("blog",)), expires=hub.time.now() + 3600)
    await hub.ask(form(reader), principal=holder)
    await hub.until(lambda: hub.subscription(reader, TOPIC))
    assert int(query(reader.asked[0])["hub.lease_seconds"]) <= 3600


async def test_25_old_clients_are_asked_again_before_their_lease_ends(
    hub: World, reader: Reader
) -> None:
    await hub.ask(form(reader, verify="sync", verify_token="t&k"))
    await hub.until(lambda: hub.subscription(reader, TOPIC))
    await hub.time.advance(8.9 * DAY)
    assert len(reader.asked) == 1
    await hub.until(lambda: len(reader.asked) == 2, step=600)
    assert [query(one)["hub.verify_token"] for one in reader.asked] == ["t&k", "t&k"]
    await hub.until(lambda: not hub.hub.verifier.pending)
    await hub.time.advance(3 * DAY)
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)


async def test_25_an_old_client_that_is_gone_ends(hub: World, reader: Reader) -> None:
    await hub.ask(form(reader, verify="async"))
    await hub.until(lambda: hub.subscription(reader, TOPIC))
    reader.wants = lambda _: False
    await hub.time.advance(9.9 * DAY)
    await hub.quiet()
    assert 3 <= len(reader.asked) <= 10
    await hub.time.advance(2 * DAY)
    assert len(reader.asked) <= 16
    await hub.publish("blog")
    await hub.quiet()
    assert not reader.pushed


async def test_a_crash_loses_no_request(hub: World, reader: Reader) -> None:
    reader.answer = lambda _: status(503)
    await hub.ask(form(reader, secret="s"))
    reader.answer = reader.respond
    await hub.restart(kill=True)
    await hub.until(lambda: hub.subscription(reader, TOPIC))
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    assert reader.pushed[0].headers["x-hub-signature"]
    await hub.restart()
    assert not hub.hub.verifier.pending


async def test_a_crash_does_not_begin_the_questions_anew(hub: World, reader: Reader) -> None:
    reader.answer = lambda _: status(503)
    await hub.ask(form(reader))
    await hub.until(lambda: len(reader.asked) == 2, step=0.5)
    await hub.time.advance(1)
    await hub.restart(kill=True)
    await hub.time.advance(DAY)
    assert len(reader.asked) == len(hub.options.verify_schedule)
    assert not hub.hub.verifier.pending


async def test_what_is_done_is_forgotten_even_if_that_fails_at_first(
    hub: World, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a later process would ask again, and begin again what has ended long ago."""

    async def down(*_: object, **__: object) -> bool:
        raise Unavailable("the disk is full", retry_after=1)

    monkeypatch.setattr(hub.store.registry, "delete", down)
    await hub.subscribe(reader, TOPIC)
    await hub.time.advance(100)
    assert await hub.store.registry.all("websub-intent")
    monkeypatch.undo()
    await hub.time.advance(100)
    assert not await hub.store.registry.all("websub-intent")
    assert len(reader.asked) == 1


@pytest.mark.parametrize("is_theirs", [True, False])
async def test_why_one_is_over_is_remembered(hub: World, reader: Reader, is_theirs: bool) -> None:
    await hub.subscribe(reader, TOPIC)
    found = hub.subscription(reader, TOPIC)
    assert found
    if is_theirs:
        await hub.ask({**form(reader), "hub.mode": "unsubscribe"})
        await hub.until(lambda: not hub.subscription(reader, TOPIC))
    else:
        await hub.engine.remove(found.id)
        hub.hub.deny(found, "by its owner")
    await hub.until(lambda: not hub.hub.verifier.pending)
    said = hub.hub.failures[found.id].reason
    assert said == ("it has unsubscribed" if is_theirs else "it was ended here: by its owner")
    await hub.subscribe(reader, TOPIC)
    assert found.id not in hub.hub.failures


async def test_a_crash_loses_no_subscription_and_none_of_its_events(
    hub: World, reader: Reader
) -> None:
    reader.status = 503
    await hub.subscribe(reader, TOPIC)
    await hub.publish("blog", b'"missed"')
    await hub.restart(kill=True)
    reader.status = 204
    await hub.until(lambda: reader.pushed, step=1)
    assert b'"missed"' in reader.pushed[-1].body


async def test_19_who_ends_it_here_denies_it_there(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC, "/cb?x=1")
    found = hub.subscription(reader, TOPIC, "/cb?x=1")
    assert found
    await hub.engine.remove(found.id)
    hub.websub.removed(found)
    await hub.until(lambda: len(reader.asked) == 2)
    told = query(reader.asked[-1])
    assert (told["hub.mode"], told["hub.topic"]) == ("denied", TOPIC)
    assert "deleted" in told["hub.reason"]
    assert "hub.challenge" not in told
    await hub.until(lambda: not hub.hub.verifier.pending)


async def test_09_16_own_policy_is_told_at_once(hub: World, reader: Reader) -> None:
    refusals = {
        f"{BASE}/topics/a//b": Malformed,
        f"{BASE}/events": Malformed,
        f"{BASE}/topics/blog?since=earliest": Malformed,
        f"{BASE}/topics/blog?format=sse": Malformed,
        f"{BASE}/topics/blog?filter=%28": Malformed,
        "http://user@blog.example/": Malformed,
    }
    for topic, kind in refusals.items():
        with pytest.raises(kind):
            await hub.ask(form(reader, topic))
    assert not reader.got


async def test_the_hub_is_no_callback_of_its_own(hub: World) -> None:
    for callback in (f"{BASE}/hub", f"{BASE.upper()}/topics/blog", BASE):
        with pytest.raises(Malformed, match="at this hub itself"):
            await hub.ask({"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": callback})


async def test_callbacks_go_through_the_guard(hub: World, reader: Reader) -> None:
    asked = form(reader) | {"hub.callback": "http://192.168.0.1/cb"}
    await hub.ask(asked)
    await hub.until(lambda: not hub.hub.verifier.pending)
    failure = next(iter(hub.hub.failures.values()))
    assert "egress.allow" in failure.reason or "private" in failure.reason


async def test_09_hosts_may_be_listed(reader: Reader) -> None:
    options = {"topic_hosts": ("*.example",), "callback_hosts": ("reader.example",)}
    async with world(**options) as hub:
        with pytest.raises(Forbidden, match="callback_hosts"):
            await hub.ask(form(reader))
    async with world(topic_hosts=("*.example",)) as hub:
        with pytest.raises(Forbidden, match="topic_hosts"):
            await hub.ask(form(reader, "https://elsewhere.test/"))


async def test_18_rights_are_those_of_readers(hub: World, reader: Reader) -> None:
    ada = Principal("ada", Grants(subscribe=("blog",)))
    with pytest.raises(Forbidden):
        await hub.ask(form(reader, f"{BASE}/topics/orders"), principal=ada)
    with pytest.raises(Unauthenticated):
        await hub.ask(form(reader), principal=None)
    with pytest.raises(Unauthenticated, match="public"):
        await hub.ask(form(reader, "https://blog.example/"), principal=None)
    stranger = Principal(ANONYMOUS, Grants(subscribe=("news/**",)))
    await hub.ask(form(reader, f"{BASE}/topics/news/*"), principal=stranger)
    with pytest.raises(Unauthenticated, match="public"):
        await hub.ask(form(reader, "https://blog.example/"), principal=stranger)
    await hub.ask(form(reader), principal=ada)
    await hub.until(lambda: hub.subscription(reader, TOPIC))
    found = hub.subscription(reader, TOPIC)
    assert found
    assert found.owner == "ada"
    await hub.ask(form(reader, mode="unsubscribe"), principal=None)
    await hub.until(lambda: hub.subscription(reader, TOPIC) is None)


async def test_25_an_old_client_that_is_away_for_a_while_is_asked_again(
    hub: World, reader: Reader
) -> None:
    await hub.ask(form(reader, verify="async"))
    await hub.until(lambda: hub.subscription(reader, TOPIC))
    reader.answer = lambda _: status(503)
    await hub.time.advance(9.2 * DAY)
    await hub.until(lambda: not hub.hub.verifier.pending, step=60)
    reader.answer = reader.respond
    await hub.time.advance(3 * DAY)
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)


async def test_requests_wait_for_their_turn(reader: Reader) -> None:
    async with world(rate=2, burst=2) as hub:
        began = hub.time.passed
        for number in range(4):
            await hub.ask(form(reader, path=f"/{number}"))
        assert 0.9 < hub.time.passed - began < 1.5
        for number in range(4, 20):
            task = hub.ask(form(reader, path=f"/{number}"))
            asyncio.ensure_future(task).add_done_callback(lambda one: one.exception())
        for _ in range(50):
            await asyncio.sleep(0)
        with pytest.raises(TooMany, match="just now") as error:
            await hub.ask(form(reader, path="/more"))
        assert error.value.retry_after
        await hub.time.advance(10)


async def test_strangers_leave_room(reader: Reader) -> None:
    async with world(max_subscriptions=1) as hub:
        await hub.subscribe(reader, TOPIC)
        with pytest.raises(Unavailable, match="no more"):
            await hub.ask(form(reader, path="/2"))
        await hub.subscribe(reader, TOPIC, mode="unsubscribe")
        await hub.subscribe(reader, TOPIC, path="/2")


async def test_a_stranger_cannot_have_others_asked_for_nothing(hub: World, reader: Reader) -> None:
    await hub.ask(form(reader, mode="unsubscribe"), principal=None)
    await hub.quiet()
    assert not reader.got


async def test_pending_verifications_are_bounded(reader: Reader) -> None:
    reader.answer = lambda _: status(503)
    async with world(max_pending_per_address=2) as hub:
        await hub.ask(form(reader, path="/1"), address="2001:db8::1")
        await hub.ask(form(reader, path="/2"), address="2001:db8::2")
        with pytest.raises(TooMany, match="your address") as error:
            await hub.ask(form(reader, path="/3"), address="2001:db8::3")
        assert error.value.retry_after
        await hub.ask(form(reader, path="/3"), address="2001:db8:0:1::3")
    async with world(max_pending_per_host=1) as hub:
        await hub.ask(form(reader, path="/1"))
        with pytest.raises(TooMany, match="host of the callback"):
            await hub.ask(form(reader, path="/2"))
    async with world(max_pending=1) as hub:
        await hub.ask(form(reader, path="/1"))
        with pytest.raises(TooMany, match="this hub"):
            await hub.ask(form(reader, path="/2"))


async def test_one_slow_host_leaves_room_for_others(reader: Reader) -> None:
    """A host is a name, whatever its ports."""
    gate = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.close()

    slow = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{slow.sockets[0].getsockname()[1]}"
    other = reader.url.replace("127.0.0.1", "localhost")
    try:
        async with world(verify_concurrency=4, verify_per_host=2) as hub:
            for number in range(8):
                await hub.ask(form(reader) | {"hub.callback": f"{url}/{number}"})
            await hub.ask(form(reader) | {"hub.callback": f"{other}/cb"})
            await hub.until(lambda: hub.hub.find(TOPIC, f"{other}/cb")[0])
            gate.set()
    finally:
        gate.set()
        slow.close()


async def test_a_hub_can_be_switched_off(reader: Reader) -> None:
    async with world(enabled=False) as hub:
        with pytest.raises(NotFound):
            await hub.ask(form(reader))
        assert hub.websub.urls(BASE, TOPIC) == []


async def test_a_full_hub_says_so(
    hub: World, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.subscribe(reader, TOPIC)
    monkeypatch.setattr(type(hub.engine), "has_room", False)
    with pytest.raises(Unavailable):
        await hub.ask(form(reader, path="/other"))
    await hub.subscribe(reader, TOPIC, secret="renewed")


async def test_a_request_that_cannot_be_kept_is_refused(
    hub: World, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object, **__: object) -> int:
        raise Unavailable("the disk is full", retry_after=1)

    monkeypatch.setattr(hub.store.registry, "put", down)
    with pytest.raises(HubbubError, match="disk"):
        await hub.ask(form(reader))
    assert not hub.hub.verifier.pending
    assert not reader.got


async def test_what_happens_right_after_the_question_is_not_missed(
    hub: World, reader: Reader
) -> None:
    """The callback wants it from then on, however long we take to write that down."""
    tasks: list[object] = []

    def answer(one: Request) -> bytes:
        if one.method == "GET":
            tasks.append(asyncio.ensure_future(hub.publish("blog", b'"early"')))
        return reader.respond(one)

    reader.answer = answer
    await hub.publish("blog", b'"before"')
    await hub.subscribe(reader, TOPIC)
    await hub.until(lambda: reader.pushed)
    await hub.quiet()
    (push,) = reader.pushed
    assert b'"early"' in push.body
    assert b'"before"' not in push.body


async def test_a_ping_right_after_the_question_is_not_missed(hub: World, reader: Reader) -> None:
    topic, tasks = f"{reader.url}/feed", list[object]()
    reader.pages["/feed"] = page(b"1")

    def answer(one: Request) -> bytes:
        if "hub.challenge" in query(one):
            reader.pages["/feed"] = page(b"2")
            tasks.append(asyncio.ensure_future(hub.websub.foreign.ping([topic])))
        return reader.respond(one)

    reader.answer = answer
    await hub.subscribe(reader, topic)
    await hub.until(lambda: reader.pushed)
    assert reader.pushed[0].body == b"2"


async def test_a_renewal_after_the_end_of_a_lease_begins_anew(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC, lease_seconds="300")
    await hub.time.advance(310)
    await hub.publish("blog", b'"after the end"')
    told = await hub.websub.informant.subscription(TOPIC, reader.url + "/cb")
    assert told.state == "expired"
    await hub.subscribe(reader, TOPIC)
    await hub.publish("blog", b'"new"')
    await hub.until(lambda: reader.pushed)
    await hub.quiet()
    (push,) = reader.pushed
    assert b"after the end" not in push.body
