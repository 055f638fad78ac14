"""What is followed: subscribed, verified, renewed, pushed and polled, against real HTTP on sockets.

Numbers after `websub` are those of the requirement list.
"""

from __future__ import annotations

from typing import Any

import pytest

from hubbub.core.errors import Forbidden, NotFound, TooMany, Unavailable
from sources.websub.world import ATOM, DAY, HubScript, Page, Rig, World, atom, entry

pytestmark = pytest.mark.anyio


async def test_a_feed_is_subscribed_to_and_its_news_become_events(us: Rig, hub: HubScript) -> None:
    """websub 36, 37, 40, 42, 46."""
    await us.subscribed()
    (form,) = hub.forms
    assert form["hub.mode"] == "subscribe"
    assert form["hub.topic"] == us.world.url + "/feed"
    assert form["hub.lease_seconds"] == "864000"
    assert form["hub.callback"].startswith(us.world.url + "/websub/")
    assert await us.ids() == []  # what was there before is no news
    assert await us.world.push(atom(entry(4), entry(3), entry(2), entry(1))) == [200]
    assert await us.ids() == ["urn:e:3", "urn:e:4"]
    (record, _) = await us.records()
    told = record.attributes()
    assert record.topic == "news/blog"
    assert told["type"] == "hubbub.feed.entry"
    assert told["source"] == us.world.url + "/feed"
    assert told["datacontenttype"] == "application/json"
    assert us.publisher.principals == {"source news"}
    status = us.status()
    assert (status["state"], status["hub"], status["entries"]) == (
        "pushed",
        us.world.url + "/hub",
        2,
    )
    assert status["measured"] == {
        us.world.url + "/hub": {"pushes": 1, "missed": 0, "silent": False}
    }


async def test_repeats_are_not_news_and_edits_are(us: Rig, world: World) -> None:
    await us.subscribed()
    for _ in range(2):
        assert await world.push(atom(entry(3), entry(2), entry(1))) == [200]
    assert await us.ids() == ["urn:e:3"]
    assert await world.push(atom(entry(3, "edited"), entry(2), entry(1))) == [200]
    assert await us.ids() == ["urn:e:3", "urn:e:3"]
    first, second = await us.records()
    assert first.attributes()["id"] != second.attributes()["id"]


async def test_an_old_entry_is_known_long_after_the_log_has_forgotten_it(
    us: Rig, world: World
) -> None:
    await us.subscribed()
    await world.push(atom(entry(3)))
    for _ in range(3):
        await us.pass_(2 * DAY)
    await us.restart()
    await us.quiet()
    await world.push(atom(entry(3), entry(2), entry(1)))
    assert await us.ids() == ["urn:e:3"]


async def test_backfill_publishes_the_newest_that_are_there(us: Rig, world: World) -> None:
    world.page(atom(*map(entry, range(9, 0, -1))))
    await us.subscribed(backfill=3)
    assert await us.ids() == ["urn:e:7", "urn:e:8", "urn:e:9"]
    await world.push(atom(*map(entry, range(9, 0, -1))))
    assert len(await us.ids()) == 3


async def test_long_documents_are_published_in_parts(us: Rig, world: World) -> None:
    await us.subscribed()
    await world.push(atom(*map(entry, range(350, 0, -1))))
    assert [len(call) for call in us.publisher.calls] == [100, 100, 100, 48]
    assert await us.ids() == [f"urn:e:{number}" for number in range(3, 351)]


async def test_the_pending_subscription_is_kept_before_the_hub_is_asked(
    us: Rig, world: World
) -> None:
    """Decision 3: a hub may verify while it answers, and we may crash meanwhile."""
    found: list[Any] = []

    async def look() -> None:
        found.append(us.stored())

    world.before_post = look
    await us.subscribed()
    (pending,) = found[0]["callbacks"]
    assert pending["hub"] == world.url + "/hub"
    assert pending["topic"] == world.url + "/feed"
    assert pending["token"] in world.hub().forms[0]["hub.callback"]
    assert world.hub().forms[0]["hub.secret"] not in str(found)  # sealed


async def test_what_was_asked_before_a_crash_can_be_verified_after_it(
    us: Rig, hub: HubScript
) -> None:
    hub.verifies = False
    us.follow()
    await us.until(lambda: hub.forms)
    await us.restart(crash=True)
    assert await us.world.verify(hub, hub.forms[0])
    assert us.active.url == hub.forms[0]["hub.callback"]
    assert await us.world.push(atom(entry(3))) == [200]


async def test_redirects_of_the_topic_are_followed(us: Rig, world: World) -> None:
    """websub 37: the topic is the final page's self; permanent moves are remembered."""
    for status, name in ((301, "a"), (308, "b"), (302, "c"), (303, "d"), (307, "feed")):
        here = {"a": "/old", "b": "/a", "c": "/b", "d": "/c", "feed": "/d"}[name]
        world.pages[here] = Page(status=status, Location="/" + name)
    us.follow(url=world.url + "/old")
    await us.until(lambda: us.state.active)
    assert us.active.topic == world.url + "/feed"
    assert us.status()["moved"] == world.url + "/b"
    assert [path for path, _ in world.fetched] == ["/old", "/a", "/b", "/c", "/d", "/feed"]
    world.fetched.clear()
    await us.quiet()
    await us.pass_(8 * 3600)
    assert world.fetched[0][0] == "/b"


async def test_a_circle_of_redirects_is_left(us: Rig, world: World) -> None:
    world.pages["/feed"] = Page(status=302, Location=world.url + "/feed")
    us.follow()
    await us.until(lambda: us.status().get("error"))
    assert "redirects more than 5 times" in us.status()["error"]
    assert len(world.fetched) == 6


async def test_without_a_self_link_the_final_url_is_the_topic(
    us: Rig, world: World, hub: HubScript
) -> None:
    """websub 37."""
    world.page(atom(), "/there", Link=f"<{world.url}/hub>; rel=hub")
    world.pages["/feed"] = Page(status=302, Location="/there")
    await us.subscribed()
    assert hub.forms[0]["hub.topic"] == world.url + "/there"


async def test_a_hub_that_is_named_by_hand_needs_no_discovery(us: Rig, world: World) -> None:
    """YouTube's feeds do not name their hub."""
    world.pages["/feed"] = Page(atom(entry(1)))
    await us.subscribed(hub=world.url + "/hub")
    assert us.active.topic == world.url + "/feed"


@pytest.mark.parametrize("status", [307, 308])
async def test_a_hub_may_redirect_the_request(
    us: Rig, world: World, hub: HubScript, status: int
) -> None:
    """websub 38."""
    hub.status, hub.headers = status, {"Location": world.url + "/other"}
    world.hub("/other")
    await us.subscribed()
    assert world.hub("/other").forms == hub.forms


async def test_a_hub_that_redirects_otherwise_is_not_followed(
    us: Rig, world: World, hub: HubScript
) -> None:
    hub.status, hub.headers = 302, {"Location": world.url + "/other"}
    world.hub("/other")
    us.follow()
    await us.until(lambda: us.status().get("error"))
    assert world.hub("/other").forms == []


async def test_hubs_are_tried_in_order(us: Rig, world: World) -> None:
    """websub 39."""
    hubs = [world.hub(f"/hub{number}") for number in range(3)]
    hubs[0].status, hubs[1].status = 500, 403
    links = ", ".join(f'<{world.url}/hub{number}>; rel="hub"' for number in range(3))
    world.page(atom(), Link=links)
    await us.subscribed()
    assert [len(one.forms) for one in hubs] == [1, 1, 1]
    assert us.active.hub == world.url + "/hub2"
    callbacks = {one.forms[0]["hub.callback"] for one in hubs}
    secrets = {one.forms[0]["hub.secret"] for one in hubs}
    assert len(callbacks) == len(secrets) == 3  # websub 41: unique per hub


async def test_a_hub_that_never_verifies_is_passed_over(us: Rig, world: World) -> None:
    """websub 39; hubs are known that answer 202 and never come back."""
    first, second = world.hub("/hub1"), world.hub("/hub2")
    first.verifies = False
    world.page(atom(), Link=f"<{world.url}/hub1>; rel=hub, <{world.url}/hub2>; rel=hub")
    us.follow()
    await us.until(lambda: first.forms)
    await us.quiet()
    assert us.status()["state"] == "pending"
    await us.pass_(500)
    assert second.forms == []
    await us.pass_(101)
    assert us.active.hub == world.url + "/hub2"
    assert not await world.verify(first, first.forms[0])  # nobody waits for it any more


async def test_a_late_verification_is_taken_while_nobody_else_has_verified(
    us: Rig, hub: HubScript
) -> None:
    hub.verifies = False
    us.follow()
    await us.until(lambda: hub.forms)
    await us.quiet()
    await us.pass_(610)
    assert "has not verified it" in us.status()["error"]
    assert us.status()["state"] == "polled"
    assert await us.world.verify(hub, hub.forms[0])
    assert us.status()["state"] == "pushed"


async def test_only_what_is_pending_is_verified(us: Rig, world: World, hub: HubScript) -> None:
    """websub 42: 404 for everything else, a forged unsubscribe included."""
    hub.verifies = False
    us.follow()
    await us.until(lambda: hub.forms)
    await us.quiet()
    callback, topic = hub.forms[0]["hub.callback"], hub.forms[0]["hub.topic"]
    right = {
        "hub.mode": "subscribe",
        "hub.topic": topic,
        "hub.challenge": "c",
        "hub.lease_seconds": "1000",
    }
    for wrong in (
        {"hub.mode": "unsubscribe"},
        {"hub.mode": "publish"},
        {"hub.topic": topic + "/"},
        {"hub.challenge": ""},
        {"hub.challenge": "c" * 5000},
    ):
        assert (await world.get(callback, right | wrong))[0] == 404, wrong
    assert (await world.get(callback + "x", right))[0] == 404
    assert (await world.get(callback, {"hub.mode": "subscribe"}))[0] == 404
    assert us.state.active is None
    assert (await world.get(callback, right))[::2] == (200, b"c")
    for mode in ("unsubscribe", "publish"):
        assert (await world.get(callback, right | {"hub.mode": mode}))[0] == 404
    assert us.active.url == callback


async def test_the_challenge_comes_back_exactly_and_is_no_html(us: Rig, hub: HubScript) -> None:
    """websub 42, 50."""
    await us.subscribed()
    ((status, kind, body),) = hub.answers
    assert (status, kind, body) == (200, "text/plain; charset=utf-8", "challenge 1&ü".encode())
    challenge = "<script>alert(1)</script>\r\n"
    form = hub.forms[0]
    answer = await us.world.get(
        form["hub.callback"],
        {"hub.mode": "subscribe", "hub.topic": form["hub.topic"], "hub.challenge": challenge},
    )
    assert answer == (200, "text/plain; charset=utf-8", challenge.encode())


async def test_a_repeated_verification_extends_the_lease(us: Rig, hub: HubScript) -> None:
    """websub 25: hubs may confirm again; so do those of old that renew by themselves (1f)."""
    await us.subscribed()
    before = us.active.lease_end
    await us.pass_(DAY)
    assert await us.world.verify(hub, hub.forms[0])
    assert us.active.lease_end == pytest.approx(before + DAY)
    assert len(us.state.callbacks) == 1


@pytest.mark.parametrize(
    ("told", "lease"),
    [("1000", 1000), ("5", 60), ("99999999", 30 * DAY), ("", 5 * DAY), ("x", 5 * DAY), ("0", 60)],
)
async def test_the_lease_is_what_the_hub_says(
    us: Rig, hub: HubScript, told: str, lease: float
) -> None:
    """websub 21, 24: within bounds."""
    hub.lease = told
    await us.subscribed(lease=5 * DAY)
    assert hub.forms[0]["hub.lease_seconds"] == str(int(5 * DAY))
    assert us.active.lease_end - us.active.verified == pytest.approx(lease)


async def test_it_is_renewed_at_half_its_lease_with_another_callback(
    us: Rig, world: World, hub: HubScript
) -> None:
    """websub 41, 45: beginning with discovery; the old callback ends once the new one is verified."""
    await us.subscribed(poll=7 * DAY)
    old = us.active
    await us.pass_(4.4 * DAY)
    assert us.active is old
    world.fetched.clear()
    await us.pass_(1.7 * DAY)
    await us.until(lambda: us.active is not old)
    await us.quiet()
    assert world.fetched[0][0] == "/feed"
    assert hub.asked == ["subscribe", "subscribe", "unsubscribe"]
    first, second, third = hub.forms
    assert second["hub.callback"] != first["hub.callback"] == third["hub.callback"]
    assert second["hub.secret"] != first["hub.secret"]
    assert [*hub.subscribed] == [second["hub.callback"]]
    assert await world.push(atom(entry(3))) == [200]
    assert await world.post(first["hub.callback"], atom(entry(4)), {}) == 410


async def test_renewals_come_at_random_within_bounds(us: Rig) -> None:
    when: set[float] = set()
    for number in range(20):
        us.follow(name=f"n{number}")
        await us.until(lambda name=f"n{number}": us.follower(name).state.active)
        state = us.follower(f"n{number}").state
        assert state.active is not None and state.subscribe_at is not None
        when.add((state.subscribe_at - state.active.verified) / (10 * DAY))
    assert len(when) == 20
    assert 0.45 <= min(when) < max(when) <= 0.6


async def test_deliveries_on_their_way_have_a_grace_after_a_renewal(
    us: Rig, world: World, hub: HubScript
) -> None:
    await us.subscribed(poll=7 * DAY, secret=False)
    old = us.active
    world.hub().verifies = False
    await us.pass_(6.1 * DAY)
    assert us.state.pending is not None  # the hub takes its time
    assert await world.push(atom(entry(3))) == [200]
    assert await world.verify(hub, hub.forms[-1])
    await us.until(lambda: "unsubscribe" in hub.asked)
    assert await world.post(old.url, atom(entry(4)), {"Content-Type": ATOM}) == 200
    await us.pass_(3601)
    assert await world.post(old.url, atom(entry(5)), {"Content-Type": ATOM}) == 410
    assert await us.ids() == ["urn:e:3", "urn:e:4"]
    assert await world.verify(hub, next(f for f in hub.forms if f["hub.mode"] == "unsubscribe"))
    await us.pass_(12 * DAY)
    assert await world.post(old.url, b"", {}) == 404


async def test_another_hub_is_subscribed_to_before_the_old_one_is_left(
    us: Rig, world: World, hub: HubScript
) -> None:
    """websub 45: this is how hub switching works (6.1)."""
    await us.subscribed()
    new = world.hub("/new")
    world.page(atom(), Link=f"<{world.url}/new>; rel=hub, <{world.url}/feed>; rel=self")
    await us.pass_(6.1 * DAY)
    await us.until(lambda: "unsubscribe" in hub.asked)
    assert us.active.hub == world.url + "/new"
    assert new.asked == ["subscribe"]
    assert hub.asked == ["subscribe", "unsubscribe"]
    assert hub.subscribed == {}


async def test_a_hub_that_is_named_no_more_is_left(us: Rig, world: World, hub: HubScript) -> None:
    await us.subscribed()
    world.pages["/feed"] = Page(atom(entry(2), entry(1)))
    await us.pass_(6.1 * DAY)
    await us.until(lambda: hub.asked == ["subscribe", "unsubscribe"])
    assert us.status()["state"] == "polled"
    assert hub.subscribed == {}


async def test_a_topic_that_moves_takes_us_along(us: Rig, world: World, hub: HubScript) -> None:
    """websub 57: nothing but a redirect and discovery."""
    await us.subscribed()
    world.page(atom(entry(2), entry(1)), "/moved")
    world.pages["/feed"] = Page(status=301, Location=world.url + "/moved")
    await us.pass_(6.1 * DAY)
    await us.until(lambda: us.active.topic == world.url + "/moved")
    await us.quiet()
    assert [form["hub.topic"].rpartition("/")[2] for form in hub.forms] == ["feed", "moved", "feed"]


async def test_a_renewal_that_fails_is_tried_again_until_the_lease_ends(
    us: Rig, hub: HubScript
) -> None:
    """websub 45; Retry-After is obeyed."""
    await us.subscribed()
    callback = us.active.url
    hub.status, hub.headers = 503, {"Retry-After": "7200"}
    while len(hub.forms) < 2:
        await us.pass_(3600)
    tried = len(hub.forms)
    assert us.status()["state"] == "pushed"
    assert "answered 503: what the hub says" in us.status()["error"]
    assert us.state.subscribe_at == pytest.approx(us.time.now() + 7200, abs=3600)
    await us.pass_(3 * DAY)
    assert len(hub.forms) > tried
    assert us.active.url == callback
    assert await us.world.push(atom(entry(3))) == [200]
    await us.pass_(us.active.lease_end - us.time.now() + 1)
    await us.until(lambda: us.state.active is None)
    assert us.status()["state"] == "polled"
    us.world.fetched.clear()
    await us.pass_(1000)
    assert us.world.fetched  # every quarter of an hour now


async def test_a_signature_is_required_where_a_secret_was_given(
    us: Rig, world: World, hub: HubScript
) -> None:
    """websub 41, 48, 49."""
    await us.subscribed()
    secret = hub.forms[0]["hub.secret"]
    assert len(secret) == 64
    assert us.status()["signed"] is True
    body = atom(entry(3))
    for headers in ({}, {"X-Hub-Signature": "sha256=" + "0" * 64}, {"X-Hub-Signature": "none"}):
        assert await world.post(us.active.url, body, {"Content-Type": ATOM, **headers}) == 403
    assert await us.ids() == []
    assert us.status()["unsigned"] == 3
    for number, method in enumerate(("sha1", "sha256", "sha384", "sha512"), 3):
        assert await world.push(atom(entry(number)), method=method) == [200]
    assert len(await us.ids()) == 4
    assert secret not in str(us.registry.documents)


async def test_without_a_secret_nothing_is_signed(us: Rig, world: World, hub: HubScript) -> None:
    await us.subscribed(secret=False)
    assert "hub.secret" not in hub.forms[0]
    assert await world.push(atom(entry(3))) == [200]
    assert us.status()["signed"] is False


async def test_denied_is_the_end_of_it_and_the_next_hub_is_asked(
    us: Rig, world: World, hub: HubScript
) -> None:
    """websub 44, also when it was active."""
    await us.subscribed()
    other = world.hub("/other")
    world.page(atom(), Link=f"<{world.url}/hub>; rel=hub, <{world.url}/other>; rel=hub")
    told = {"hub.mode": "denied", "hub.topic": us.active.topic, "hub.reason": "no\nmore"}
    assert (await world.get(us.active.url + "x", told))[0] == 404
    assert (await world.get(us.active.url, told | {"hub.topic": "https://x"}))[0] == 404
    callback = us.active.url
    assert (await world.get(callback, told))[0] == 200
    await us.until(lambda: us.state.active and us.active.hub == world.url + "/other")
    assert len(hub.forms) == 1
    assert us.status()["denied"][world.url + "/hub"]["reason"] == "no more"
    assert await world.post(callback, b"x", {}) == 410
    assert other.asked == ["subscribe"]


async def test_where_every_hub_denies_it_is_polled_and_asked_again_after_a_day(
    us: Rig, hub: HubScript
) -> None:
    """websub 44."""
    hub.denies = "not on the list"
    us.follow()
    await us.until(lambda: us.status().get("state") == "denied")
    await us.quiet()
    assert len(hub.forms) == 1
    assert "denied the subscription: not on the list" in us.status()["error"]
    for _ in range(24 * 2):
        us.world.fetched.clear()
        await us.pass_(1790)
        assert us.world.fetched, "polled every quarter of an hour"
    assert len(hub.forms) == 1
    hub.denies = ""
    await us.pass_(3600)
    await us.until(lambda: us.state.active)


async def test_an_unknown_callback_and_one_of_a_deleted_source(
    us: Rig, world: World, hub: HubScript
) -> None:
    """websub 46: 404 for what never was, 410 for what is no more; the hub is told."""
    await us.subscribed()
    callback = us.active.url
    assert await world.post(world.url + "/websub/x", b"x", {}) == 404
    us.unfollow()
    assert await world.post(callback, atom(entry(3)), {"Content-Type": ATOM}) == 410
    await us.until(lambda: hub.asked == ["subscribe", "unsubscribe"])
    await us.quiet()
    assert hub.subscribed == {}
    assert await us.ids() == []
    assert us.stored("follow-seen") is None
    await us.restart()
    assert await world.post(callback, b"x", {}) == 410
    await us.pass_(12 * DAY)
    await us.until(lambda: not us.followers._followers)
    assert us.stored() is None
    with pytest.raises(NotFound):
        us.followers.admit(callback.rpartition("/")[2])


async def test_a_source_deleted_while_we_were_away_is_left_at_the_next_start(
    us: Rig, hub: HubScript
) -> None:
    await us.subscribed()
    await us.followers.stop()
    del us.book.sources["news"]
    await us.restart()
    await us.until(lambda: hub.asked == ["subscribe", "unsubscribe"])


async def test_a_source_that_follows_something_else_begins_anew(
    us: Rig, world: World, hub: HubScript
) -> None:
    await us.subscribed()
    old = us.active
    world.page(atom(entry(1)), "/other")
    us.follow(url=world.url + "/other")
    assert await world.post(old.url, atom(entry(9)), {}) == 410
    await us.until(lambda: us.state.active and us.active.topic == world.url + "/other")
    await us.until(lambda: "unsubscribe" in hub.asked)
    await us.quiet()
    assert await us.ids() == []
    assert await world.push(atom(entry(2))) == [200]
    assert await us.ids() == ["urn:e:2"]


async def test_other_options_do_not_forget_what_was_seen(us: Rig, world: World) -> None:
    await us.subscribed()
    us.follow(topic="elsewhere", poll=3600)
    await us.quiet()
    await world.push(atom(entry(3), entry(2)))
    assert [(r.topic, r.attributes()["subject"]) for r in await us.records()] == [
        ("elsewhere", "urn:e:3")
    ]


@pytest.mark.parametrize("error", [Unavailable("disk full"), TooMany("slowly")])
async def test_a_delivery_that_is_not_durable_comes_again(
    us: Rig, world: World, error: Any
) -> None:
    """websub 46: 2xx means receipt, which is durable here."""
    await us.subscribed()
    us.publisher.error = error
    assert await world.push(atom(entry(3))) == [error.status]
    us.publisher.error = None
    assert await us.ids() == []
    assert await world.push(atom(entry(3))) == [200]
    assert await us.ids() == ["urn:e:3"]


async def test_a_crash_before_it_is_remembered_repeats_nothing(
    us: Rig, world: World, monkeypatch: Any
) -> None:
    await us.subscribed()

    async def fail(*_: object) -> Any:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(us.registry, "put", fail)
    assert await world.push(atom(entry(3))) == [503]
    monkeypatch.undo()
    await us.restart(crash=True)
    await us.quiet()
    assert await world.push(atom(entry(3))) == [200]
    assert await us.ids() == ["urn:e:3"]
    assert await us.world.push(atom(entry(4), entry(3))) == [200]
    assert await us.ids() == ["urn:e:3", "urn:e:4"]


async def test_a_feed_that_cannot_be_read_is_received_and_told_of(us: Rig, world: World) -> None:
    await us.subscribed()
    assert await world.push(b"not a feed at all", "application/feed+json") == [200]
    assert "a delivery cannot be read" in us.status()["note"]
    assert await us.records() == []


async def test_documents_as_a_whole(us: Rig, world: World) -> None:
    await us.subscribed(split=False)
    assert await us.records() == []
    body = atom(entry(3), entry(2))
    kind = 'application/atom+xml; charset="utf-8"'
    for _ in range(2):
        assert await world.push(body, kind) == [200]
    (record,) = await us.records()
    assert record.data().content == body
    told = record.attributes()
    assert (told["type"], told["datacontenttype"]) == ("hubbub.websub.content", kind)
    other = atom(entry(4))
    for one in (other, body, body):  # back to an older state is news
        assert await world.push(one, kind) == [200]
    assert [r.data().content for r in await us.records()] == [body, other, body]


async def test_two_gateways_are_bridged(us: Rig, world: World) -> None:
    """Events of another gateway keep their id, source, type and data."""
    await us.subscribed()
    theirs = (
        b'[{"specversion":"1.0","id":"1","source":"/x","type":"t","topic":"theirs","position":"p-1",'
        b'"recordedtime":"2026-11-01T00:00:00Z","datacontenttype":"application/json","data":{"n": 1.10}}]'
    )
    for _ in range(2):
        assert await world.push(theirs, "application/cloudevents-batch+json") == [200]
    assert await world.push(theirs[1:-1], "application/cloudevents+json") == [200]
    (record,) = await us.records()
    told = record.attributes()
    assert (told["id"], told["source"], told["type"]) == ("1", "/x", "t")
    assert (told["topic"], record.topic) == ("news/blog", "news/blog")
    assert told["position"] != "p-1"
    assert record.data().content == b'{"n": 1.10}'


async def test_without_a_public_url_it_is_polled_until_there_is_one(
    us: Rig, world: World, hub: HubScript
) -> None:
    us.base = ""
    us.follow()
    await us.until(lambda: us.status().get("state") == "waiting")
    await us.quiet()
    world.page(atom(entry(3), entry(2), entry(1)))
    await us.pass_(1000)
    assert await us.ids() == ["urn:e:3"]
    assert hub.forms == []
    us.base = world.url
    us.followers.wake()
    await us.until(lambda: us.state.active)
    assert us.status()["state"] == "pushed"


async def test_another_public_url_gets_other_callbacks(
    us: Rig, world: World, hub: HubScript
) -> None:
    await us.subscribed()
    us.base = world.url.replace("127.0.0.1", "localhost")
    us.followers.wake()
    await us.until(lambda: hub.asked == ["subscribe", "subscribe", "unsubscribe"])
    assert us.active.url.startswith("http://localhost")
    us.followers.wake()
    await us.quiet()
    assert len(hub.forms) == 3


async def test_a_restart_goes_on_where_it_was(us: Rig, world: World, hub: HubScript) -> None:
    await us.subscribed()
    before = us.state
    await us.restart()
    await us.quiet()
    assert us.state.callbacks == before.callbacks
    assert us.state.subscribe_at == before.subscribe_at
    assert (len(hub.forms), len(world.fetched)) == (1, 1)
    assert await world.push(atom(entry(3), entry(2), entry(1))) == [200]
    assert await us.ids() == ["urn:e:3"]


async def test_what_came_while_we_were_away_is_found_soon_and_nobodys_miss(
    us: Rig, world: World
) -> None:
    await us.subscribed()
    await us.pass_(1000)
    await us.followers.stop()
    world.page(atom(entry(3), entry(2), entry(1)))
    await us.time.advance(3600)
    await us.restart(crash=True)
    await us.pass_(901)
    assert await us.ids() == ["urn:e:3"]
    await us.pass_(400)
    assert us.status()["measured"][world.url + "/hub"]["missed"] == 0


async def test_too_many_deliveries_at_once_are_put_off(us: Rig) -> None:
    await us.subscribed(secret=False)
    token = us.active.token
    us.follower().intake.waiting = 16
    with pytest.raises(Unavailable):
        await us.followers.receive(token, [("content-type", ATOM)], atom(entry(3)))
    us.follower().intake.waiting = 0
    await us.followers.receive(token, [("content-type", ATOM)], atom(entry(3)))
    assert await us.ids() == ["urn:e:3"]


async def test_a_large_delivery_is_proven_too(us: Rig, world: World) -> None:
    await us.subscribed()
    body = atom(entry(3), links="<!-- " + "x" * 300_000 + " -->")
    assert await world.push(body) == [200]
    with pytest.raises(Forbidden):
        await us.followers.receive(us.active.token, [("x-hub-signature", "sha256=00")], body)


async def test_a_feed_may_be_followed_into_several_topics(us: Rig, world: World) -> None:
    await us.subscribed()
    us.follow("second", "another/topic")
    await us.until(lambda: us.follower("second").state.active)
    assert await world.push(atom(entry(3))) == [200, 200]
    assert [record.topic for record in await us.records()] == ["news/blog", "another/topic"]
    assert us.followers.standings() == {"pushed": 2}


async def test_a_source_may_take_less_than_all(us: Rig) -> None:
    await us.subscribed()
    assert us.followers.admit(us.active.token) == us.options.max_bytes
    us.book.get("news").max_bytes = 1000
    assert us.followers.admit(us.active.token) == 1000


async def test_a_source_that_comes_back_is_followed_anew(us: Rig, world: World) -> None:
    await us.subscribed()
    old = us.active
    us.unfollow()
    await us.quiet()
    await us.until(lambda: "unsubscribe" in world.hub().asked)
    us.follow()
    await us.until(lambda: us.state.active)
    assert us.active is not old
    assert await world.post(old.url, b"x", {}) == 410
    assert await us.ids() == []
    us.unfollow()
    await us.quiet()
    await us.pass_(12 * DAY)
    us.follow()  # perhaps in the very moment in which the last of it is forgotten
    await us.until(lambda: us.state.active)
    assert await world.push(atom(entry(3))) == [200]
    assert us.stored()["callbacks"]


async def test_a_secret_that_cannot_be_opened_is_replaced(us: Rig, world: World) -> None:
    await us.subscribed()
    us.active.secret = "v1.0000000000000000.AAAA"
    assert await world.push(atom(entry(3))) == [503]
    await us.until(lambda: len(us.state.callbacks) == 2)
    await us.quiet()
    assert await world.push(atom(entry(3))) == [200]


async def test_after_the_end_hubs_are_asked_to_come_again(us: Rig) -> None:
    await us.subscribed()
    token = us.active.token
    await us.followers.stop()
    with pytest.raises(Unavailable):
        us.followers.admit(token)


async def test_addresses_that_cannot_be_read_are_told_of(us: Rig, world: World) -> None:
    links = f"<https://[x/hub>; rel=hub, <ftp://x/>; rel=hub, <{world.url}/{'x' * 3000}>; rel=hub"
    world.page(atom(), Link=links)
    us.follow()
    await us.until(lambda: us.status().get("last_poll"))
    await us.quiet()
    assert us.status()["state"] == "polled"
    us.unfollow()
    world.pages["/feed"] = Page(status=301, Location="http://[x")
    us.follow("second")
    await us.until(lambda: us.status("second").get("error"))
    assert us.status("second")["error"] == "127.0.0.1 redirects, but not to an address"


async def test_what_no_longer_leads_anywhere_is_forgotten(us: Rig, hub: HubScript) -> None:
    hub.status = 403
    us.follow()
    for _ in range(5):
        await us.until(lambda: us.status().get("error"))
        await us.pass_(8 * 3600)
    assert len(hub.forms) > 4
    assert us.state.callbacks == []
    await us.followers.stop()
    assert us.followers._owners == {}


async def test_a_source_that_cannot_be_opened_keeps_its_subscription(
    us: Rig, world: World, hub: HubScript
) -> None:
    """What reads feeds may not be installed for once: nothing is given up for that."""
    await us.subscribed()
    await us.followers.stop()
    us.book.get("news").opened = None
    await us.restart()
    await us.quiet()
    assert await world.push(atom(entry(3))) == [503]
    assert us.status() == {}
    assert hub.asked == ["subscribe"]
    await us.restart()
    us.follow()
    await us.quiet()
    assert 200 in await world.push(atom(entry(3), entry(2)))
    assert await us.ids() == ["urn:e:3"]


async def test_another_hub_by_hand_takes_over_without_a_gap(us: Rig, world: World) -> None:
    await us.subscribed()
    old = us.active
    world.hub("/two")
    us.follow(hub=world.url + "/two")
    assert await world.push(atom(entry(3))) == [200]
    await us.until(lambda: us.active is not old)
    await us.until(lambda: world.hub().subscribed == {})
    assert us.active.hub == world.url + "/two"
    assert await us.ids() == ["urn:e:3"]


async def test_nothing_secret_is_shown(us: Rig, hub: HubScript) -> None:
    await us.subscribed()
    shown = f"{us.status()} {us.state.callbacks}"
    assert us.active.token not in shown
    assert hub.forms[0]["hub.secret"] not in shown
