"""The Subscriptions API without HTTP, over the real engine: who may do what, and what becomes of it."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import msgspec
import pytest

from deliveries.rig import OK, SICK, settle
from deliveries.served import SINK, Served, served
from hubbub.core.contracts import Flush
from hubbub.core.errors import Conflict, Forbidden, HubbubError, Malformed, NotFound
from hubbub.core.grants import EVERYONE, Grants, Principal
from hubbub.core.subscription import Attempt, Subscription
from hubbub.deliveries.documents import InvalidSubscription
from hubbub.deliveries.keeper import KIND
from hubbub.deliveries.service import Subscriptions
from hubbub.deliveries.shown import RequestShown, readable

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def holder(*manage: str, subscribe: tuple[str, ...] = ("**",), name: str = "ann") -> Principal:
    return Principal(name, Grants((), subscribe, manage=manage or False))


# Making


async def test_made_and_told_with_a_secret_once() -> None:
    async with served() as rig:
        told = await rig.service.create({"sink": SINK}, EVERYONE)
        secret = told["protocolsettings"]["secret"]
        assert secret.startswith("whsec_")
        assert (told["status"], told["owner"], told["topics"]) == ("active", "anyone", ["**"])
        assert told["position"] == f"{rig.log.epoch}-0"
        assert (told["lag"], told["pending"], told["dead"]) == ({"events": 0, "seconds": 0}, 0, 0)
        again = rig.service.get(told["id"], EVERYONE)
        del told["protocolsettings"]["secret"]
        assert again == told
        assert secret not in str(again) + str(await rig.registry.all(KIND))
        assert list(rig.receiver.secrets) == [secret]
        assert rig.service.secret(told["id"], EVERYONE).secret == secret


async def test_deliveries_begin_where_since_says() -> None:
    async with served() as rig:
        await rig.append(1, 2)
        await rig.made(topics=["t"])
        assert rig.receiver.offsets == []
        await rig.made(topics=["t"], since="earliest")
        assert rig.receiver.offsets == [1, 2]


async def test_a_brought_secret_is_used() -> None:
    async with served() as rig:
        await rig.made(protocolsettings={"secret": SECRET})
        assert list(rig.receiver.secrets) == [SECRET]


async def test_nothing_is_made_of_what_is_wrong() -> None:
    async with served() as rig:

        def no(_: Subscription) -> None:
            raise Malformed("not there", pointer="/sink")

        with pytest.raises(InvalidSubscription):
            await rig.service.create({"sink": SINK, "x": 1}, EVERYONE)
        rig.receiver.check = no  # type: ignore[method-assign]
        with pytest.raises(Malformed) as caught:
            await rig.service.create({"sink": SINK}, EVERYONE)
        assert caught.value.pointer == "/sink"
        assert rig.service.list(EVERYONE) == []
        assert not await rig.registry.all(KIND)


async def test_questionable_sql_is_told() -> None:
    async with served() as rig:
        sql = "TRUE OR FALSE AND FALSE"
        told = await rig.service.create({"sink": SINK, "filters": [{"sql": sql}]}, EVERYONE)
        [warning] = told["warnings"]
        assert warning["pointer"] == "/filters/0/sql"


async def test_no_topics_are_all_that_may_be_read() -> None:
    async with served() as rig:
        ann = holder("a/**", "b", subscribe=("a/b", "b"))
        told = await rig.service.create({"sink": SINK}, ann)
        assert told["topics"] == ["a/b", "b"]


# Who may


@pytest.mark.parametrize(
    ("principal", "topics"),
    [
        (holder(), ["a"]),
        (holder("a"), ["a", "b"]),
        (holder("a/*"), ["a/**"]),
        (holder("a"), None),
        (holder("**", subscribe=()), None),
        (holder("**", subscribe=("b",)), ["a"]),
    ],
)
async def test_who_may_not_make_one(principal: Principal, topics: list[str] | None) -> None:
    async with served() as rig:
        with pytest.raises(Forbidden):
            await rig.service.create({"sink": SINK, "topics": topics}, principal)
        assert not await rig.registry.all(KIND)


async def test_what_is_not_ones_own_does_not_exist() -> None:
    async with served() as rig:
        service, ann = rig.service, holder("a/**")
        hers = await rig.made(ann, topics=["a/b"])
        others = await rig.made(topics=["a/b", "c"])
        assert [one["id"] for one in service.list(ann)] == [hers]
        assert [one["id"] for one in service.list(EVERYONE)] == [hers, others]
        assert [one["id"] for one in service.list(EVERYONE, owner="ann")] == [hers]
        for principal, id_ in ((ann, others), (ann, "unknown"), (EVERYONE, "unknown")):
            for call in every_call(service, id_, principal):
                with pytest.raises(NotFound):
                    await call
        for call in every_call(service, hers, holder()):
            with pytest.raises(Forbidden):
                await call
        with pytest.raises(Forbidden):
            service.list(holder())
        assert rig.state(others) == "active"


def every_call(service: Subscriptions, id: str, principal: Principal) -> list[Any]:
    async def now(call: Any, *args: Any) -> Any:
        return call(*args)

    return [
        now(service.get, id, principal),
        now(service.secret, id, principal),
        service.replace(id, {"sink": SINK}, principal),
        service.patch(id, {}, principal),
        service.delete(id, principal),
        service.pause(id, principal),
        service.resume(id, principal),
        service.replay(id, {"since": "earliest"}, principal),
        service.test(id, principal),
        service.attempts(id, principal),
        service.attempt(id, "x", principal),
        service.retry_attempt(id, "x", principal),
        service.dead(id, principal),
        service.retry_dead(id, principal),
        service.rotate(id, {}, principal),
    ]


async def test_a_change_may_not_reach_further_than_rights() -> None:
    async with served() as rig:
        ann = holder("a/**")
        hers = await rig.made(ann, topics=["a/b"])
        for document in ({"topics": ["a/b", "c"]}, {"topics": ["**"]}):
            with pytest.raises(Forbidden):
                await rig.service.patch(hers, document, ann)
        blind = holder("a/**", subscribe=())
        with pytest.raises(Forbidden):  # a sink of one's own would be a way to read
            await rig.service.patch(hers, {"sink": "https://mine.example"}, blind)


async def test_pages_of_the_list() -> None:
    async with served() as rig:
        ids = [await rig.made() for _ in range(5)]
        first = rig.service.list(EVERYONE, limit=2)
        rest = rig.service.list(EVERYONE, after=first[-1]["id"], limit=10)
        assert [one["id"] for one in [*first, *rest]] == ids


# Changing


async def test_replaced_as_a_whole_but_for_secrets_and_the_cursor() -> None:
    async with served() as rig:
        await rig.append(1)
        token = {"credentialtype": "ACCESSTOKEN", "accesstoken": "abc"}
        id_ = await rig.made(
            topics=["t"],
            since="earliest",
            types=["t"],
            protocolsettings={"secret": SECRET},
            sinkcredential=token,
        )
        before = rig.engine.subscriptions[id_]
        told = await rig.service.replace(id_, {"sink": SINK + "/2", "topics": ["u"]}, EVERYONE)
        assert (told["sink"], told["types"], told["topics"]) == (SINK + "/2", [], ["u"])
        after = rig.engine.subscriptions[id_]
        assert (after.sealed, after.created, after.owner) == (
            before.sealed,
            before.created,
            before.owner,
        )
        assert told["position"] == f"{rig.log.epoch}-1"
        assert rig.vault.credential(after) == "Bearer abc"
        await rig.service.replace(id_, {**told, "sinkcredential": None}, EVERYONE)
        assert rig.vault.credential(rig.engine.subscriptions[id_]) == ""
        assert rig.vault.signing(rig.engine.subscriptions[id_]) == [SECRET]


async def test_patched() -> None:
    async with served() as rig:
        id_ = await rig.made(config={"timeout": "5s"}, description="x")
        told = await rig.service.patch(
            id_, {"config": {"rate": 9}, "description": None, "since": "latest"}, EVERYONE
        )
        assert told["config"] == {"timeout": 5, "rate": 9}
        assert told["description"] == ""
        [document] = await rig.registry.all(KIND)
        assert msgspec.json.decode(document.body)["config"] == {
            "timeout": 5,
            "rate": 9,
        }


async def test_patches_at_the_same_time_are_all_kept() -> None:
    async with served() as rig:
        id_ = await rig.made()
        changes = [{"config": {"rate": 1}}, {"config": {"timeout": 3}}, {"description": "d"}]
        await asyncio.gather(*(rig.service.patch(id_, one, EVERYONE) for one in changes))
        told = rig.service.get(id_, EVERYONE)
        assert (told["config"], told["description"]) == ({"rate": 1, "timeout": 3}, "d")


async def test_a_kept_secret_has_to_fit_new_dialects() -> None:
    async with served() as rig:
        secret = "It's a Secret to Everybody"
        id_ = await rig.made(protocolsettings={"secret": secret, "signing": ["github"]})
        with pytest.raises(Malformed) as caught:
            await rig.service.patch(id_, {"protocolsettings": {"signing": ["standard"]}}, EVERYONE)
        assert caught.value.pointer == "/protocolsettings/secret"
        assert rig.engine.subscriptions[id_].protocolsettings["signing"] == ["github"]


async def test_secrets_that_do_not_open_can_be_replaced() -> None:
    async with served() as rig:
        id_ = await rig.made()
        broken = msgspec.structs.replace(
            rig.engine.subscriptions[id_], sealed={"secrets": "v1.0.AAAA"}
        )
        rig.engine.subscriptions[id_] = broken
        assert rig.service.public_keys() == []
        with pytest.raises(HubbubError):
            await rig.service.patch(id_, {"description": "d"}, EVERYONE)
        await rig.service.patch(id_, {"protocolsettings": {"secret": SECRET}}, EVERYONE)
        assert list(rig.receiver.secrets) == [SECRET]


async def test_deleted() -> None:
    async with served() as rig:
        id_ = await rig.made()
        await rig.service.delete(id_, EVERYONE)
        with pytest.raises(NotFound):
            rig.service.get(id_, EVERYONE)
        assert not await rig.registry.all(KIND)


async def test_one_that_cannot_run_is_shown_without_its_standing() -> None:
    async with served() as rig:
        rig.engine.subscriptions["s1"] = Subscription(id="s1", sink=SINK)
        assert "position" not in rig.service.get("s1", EVERYONE)


# Pausing, replaying, testing


async def test_paused_and_resumed() -> None:
    async with served() as rig:
        id_ = await rig.made(topics=["t"])
        told = await rig.service.pause(id_, EVERYONE)
        assert (told["status"], told["reason"]) == ("paused", "by anyone")
        await rig.append(1)
        assert rig.receiver.offsets == []
        assert (await rig.service.resume(id_, EVERYONE))["status"] == "active"
        await settle()
        assert len(rig.receiver.offsets) == 1


async def test_what_is_over_is_not_resumed() -> None:
    async with served() as rig:
        id_ = await rig.made(expires="2030-01-01T00:00:00Z")
        rig.time.wall = 1_900_000_000.0
        with pytest.raises(Conflict):
            await rig.service.resume(id_, EVERYONE)
        await rig.service.patch(id_, {"expires": None}, EVERYONE)
        assert (await rig.service.resume(id_, EVERYONE))["status"] == "active"


async def test_replayed() -> None:
    async with served() as rig:
        await rig.append(1, 2, 3)
        id_ = await rig.made(topics=["t"])
        until = f"{rig.log.epoch}-2"
        count = await rig.service.replay(id_, {"since": "earliest", "until": until}, EVERYONE)
        await settle()
        assert count == 2
        assert rig.receiver.offsets == [1, 2]


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, ["/since"]),
        ([], ["", "/since"]),
        ({"since": 1}, ["/since"]),
        (
            {"since": "soon", "until": "later", "only": "some", "x": 1},
            ["/x", "/since", "/until", "/only"],
        ),
        ({"since": "1h", "only": "all"}, ["/only"]),
    ],
)
async def test_replays_that_cannot_be(document: Any, pointers: list[str]) -> None:
    async with served() as rig:
        id_ = await rig.made()
        with pytest.raises(InvalidSubscription) as caught:
            await rig.service.replay(id_, document, EVERYONE)
        found = [error.pointer for error in caught.value.errors]
        assert found == pointers


async def test_a_test_event() -> None:
    async with served() as rig:
        id_ = await rig.made(topics=["t"])
        told = await rig.service.test(id_, EVERYONE)
        assert (told.trigger, told.outcome, told.positions) == ("test", "delivered", [])
        assert told.response is not None
        assert told.response.status == 200
        with pytest.raises(Conflict):
            await rig.service.retry_attempt(id_, told.id, EVERYONE)
        again = (await rig.service.attempt(id_, told.id, EVERYONE)).request
        assert (again.body, again.body_note) == (None, "a test event is in no log")


# What became of events


async def test_attempts_newest_first_and_once_more() -> None:
    async with served() as rig:
        id_ = await rig.made(topics=["t"], config={"schedule": [0, "1h"]})
        other = await rig.made(topics=["u"])
        rig.receiver.fails(2)
        await rig.append(1, 2)
        rig.receiver.fails()
        told = await rig.service.attempts(id_, EVERYONE)
        assert [one.id for one in told] == sorted((one.id for one in told), reverse=True)
        assert {one.outcome: one.positions for one in told} == {
            "delivered": [f"{rig.log.epoch}-1"],
            "failed": [f"{rig.log.epoch}-2"],
        }
        [failed] = await rig.service.attempts(id_, EVERYONE, outcomes=["failed"])
        assert (failed.cause, failed.detail, failed.number) == ("status", "status 500", 1)
        assert failed.next is not None
        assert failed.request.url == SINK
        assert (failed.request.body, failed.request.body_note) == (None, None)
        whole = await rig.service.attempt(id_, failed.id, EVERYONE)
        assert whole.request.body is not None
        assert json.loads(whole.request.body)["id"] == "e2"
        assert whole.request.body_note is None
        assert msgspec.structs.replace(whole, request=failed.request) == failed
        for call in (rig.service.retry_attempt, rig.service.attempt):
            with pytest.raises(NotFound):
                await call(other, failed.id, EVERYONE)
        assert await rig.service.retry_attempt(id_, failed.id, EVERYONE) == 1
        await settle()
        assert sorted(rig.receiver.offsets) == [1, 2]


async def test_pages_and_times_of_attempts() -> None:
    async with served() as rig:
        id_ = await rig.made(topics=["t"])
        await rig.append(1)
        await rig.time.advance(3600)
        await rig.append(2)
        [newest] = await rig.service.attempts(id_, EVERYONE, limit=1)
        [older] = await rig.service.attempts(id_, EVERYONE, before=newest.id)
        assert [newest.positions, older.positions] == [
            [f"{rig.log.epoch}-2"],
            [f"{rig.log.epoch}-1"],
        ]
        assert await rig.service.attempts(id_, EVERYONE, since="10m") == [newest]
        with pytest.raises(Malformed):
            await rig.service.attempts(id_, EVERYONE, since="earliest")


async def test_the_body_of_a_batch_and_of_what_is_gone() -> None:
    async with served() as rig:
        id_ = await rig.made(topics=["t"])
        await rig.append(1, 2)
        message = f"{rig.log.epoch}-1"
        several = Attempt(
            id="~1", subscription=id_, message=message, at=1, offsets=(1, 2), status=204
        )
        gone = msgspec.structs.replace(several, id="~2", offsets=(1, 9), status=0)
        lost = msgspec.structs.replace(several, id="~3", message="0000-1")
        await rig.ledger.write(Flush(attempts=[several, gone, lost]))

        async def told(attempt: str) -> RequestShown:
            return (await rig.service.attempt(id_, attempt, EVERYONE)).request

        batch = (await told("~1")).body
        assert batch is not None
        assert [json.loads(one)["id"] for one in batch.splitlines()] == ["e1", "e2"]
        assert (await told("~2")).body is None
        assert "no longer keeps" in ((await told("~2")).body_note or "")
        assert (await told("~3")).body is None
        assert "a log that is no more" in ((await told("~3")).body_note or "")
        rig.receiver.note = "perhaps"
        assert (await told("~1")).body_note == "perhaps"
        assert (await rig.service.attempt(id_, "~2", EVERYONE)).response is None


async def test_dead_letters_and_their_retry() -> None:
    async with served() as rig:
        id_ = await rig.made(topics=["t"], config={"schedule": [0], "outage_after": 100})
        rig.receiver.answer = lambda _: SICK
        await rig.append(1, 2, 3)
        told = await rig.service.dead(id_, EVERYONE)
        epoch = rig.log.epoch
        assert [one.position for one in told] == [f"{epoch}-{n}" for n in (1, 2, 3)]
        assert (told[0].id, told[0].topic, told[0].reason) == ("e1", "t", "status 500")
        assert rig.service.get(id_, EVERYONE)["dead"] == 3
        [second] = await rig.service.dead(id_, EVERYONE, after=told[0].position, limit=1)
        assert second.position == told[1].position
        with pytest.raises(Malformed):
            await rig.service.dead(id_, EVERYONE, after="other-1")
        rig.receiver.answer = lambda _: OK
        assert await rig.service.retry_dead(id_, EVERYONE) == 3
        await settle()
        assert sorted(rig.receiver.offsets) == [1, 2, 3]
        assert await rig.service.dead(id_, EVERYONE) == []
        assert await rig.service.retry_dead(id_, EVERYONE) == 0


@pytest.mark.parametrize(
    ("body", "text", "encoded"),
    [
        (b"", None, None),
        (b"caf\xc3\xa9", "caf\u00e9", None),
        (b"\xff\x00", None, "/wA="),
        (b"caf\xc3", None, "Y2Fmww=="),
        (b"x" * 16383 + b"\xc3\xa9", "x" * 16383, None),
        (b"x" * 20_000, "x" * 16384, None),
    ],
)
def test_bodies_are_text_where_they_can_be(
    body: bytes, text: str | None, encoded: str | None
) -> None:
    assert readable(body) == (text, encoded)


# Secrets


async def test_rotation_overlaps() -> None:
    async with served() as rig:
        id_ = await rig.made(protocolsettings={"secret": SECRET})
        told = await rig.service.rotate(id_, {"grace": "1h"}, EVERYONE)
        assert told.secret != SECRET
        assert [one.secret for one in told.old] == [SECRET]
        assert list(rig.receiver.secrets) == [told.secret, SECRET]
        assert rig.service.secret(id_, EVERYONE) == told
        rig.time.wall += 3600
        assert rig.service.secret(id_, EVERYONE).old == []
        brought = await rig.service.rotate(id_, {"secret": SECRET, "grace": 0}, EVERYONE)
        assert (brought.secret, brought.old) == (SECRET, [])


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"grace": "8d"}, "/grace"),
        ({"grace": -1}, "/grace"),
        ({"secret": "whsec_short"}, "/secret"),
        ({"x": 1}, "/x"),
    ],
)
async def test_rotations_that_cannot_be(document: Any, pointer: str) -> None:
    async with served() as rig:
        id_ = await rig.made()
        before = rig.service.secret(id_, EVERYONE)
        with pytest.raises(InvalidSubscription) as caught:
            await rig.service.rotate(id_, document, EVERYONE)
        assert [error.pointer for error in caught.value.errors] == [pointer]
        assert rig.service.secret(id_, EVERYONE) == before


async def test_public_keys_of_those_that_hold() -> None:
    async with served() as rig:
        await rig.made()
        assert rig.service.public_keys() == []
        key = await asymmetric(rig)
        assert [one["crv"] for one in rig.service.public_keys()] == ["Ed25519"]
        told = await rig.service.rotate(key, {"grace": "1h"}, EVERYONE)
        assert told.secret.startswith("whsk_")
        assert len(rig.service.public_keys()) == 2
        rig.time.wall += 3600
        assert len(rig.service.public_keys()) == 1
        await rig.service.delete(key, EVERYONE)
        assert rig.service.public_keys() == []


async def asymmetric(rig: Served) -> str:
    from hubbub.deliveries.secrets import new_secret

    return await rig.made(
        protocolsettings={"secret": new_secret(lambda n: b"\x01" * n, like="whsk_")}
    )
