"""Our subscriber as a strict hub of others sees it, over HTTP: discovery, requests, verification. Numbers are those of docs/websub.md."""

from __future__ import annotations

import pytest

from hubbub.wire.websub import with_parameters
from sources.websub.world import ATOM, atom, entry
from websub_peers.outside import Answer
from websub_peers.rig import Gateway, ask, until
from websub_peers.strict_hub import CHALLENGE, World, followed, push, titles

pytestmark = pytest.mark.slow


# Discovery (4).


@pytest.mark.parametrize(
    "links",
    [
        {"Link": '<{hub}>; rel="hub", <{self}>; rel="self"'},
        {"Link": "<{self}>;rel=self,<{hub}>;rel=hub"},
        {"Link": '<{self}> ; REL="self next" , <{hub}>; title="a, b"; rel="HUB"'},
        {"Link": '</hub>; rel="hub", </page>; rel="self"'},
    ],
    ids=["as here", "bare", "wild", "relative"],
)
def test_36_37_hub_and_topic_are_found_in_headers(
    news: Gateway, world: World, name: str, links: dict[str, str]
) -> None:
    """Of whatever document: this one is a text."""
    url = world.url + "/page"
    there = {key: text.format(hub=world.url + "/hub", self=url) for key, text in links.items()}
    world.pages["/page"] = Answer(200, b"text", {"Content-Type": "text/plain", **there})
    followed(news, world, name, url)
    assert [path for path, _ in world.forms] == ["/hub"]


HTML = "<!DOCTYPE html><html><head><title>x</title>{head}</head><body>{body}</body></html>"
LINKS = '<link rel="hub" href="{0}/hub"><link rel="self" href="{0}/topic">'
EVIL = '<link rel="hub" href="{0}/evil"><link rel="self" href="{0}/evil-topic">'


def test_36_51_hub_and_topic_are_found_in_the_head_of_a_page(
    news: Gateway, world: World, name: str
) -> None:
    page = HTML.format(head=LINKS, body=EVIL).format(world.url).encode()
    world.pages["/page"] = Answer(200, page, {"Content-Type": "text/html; charset=utf-8"})
    form = followed(news, world, name, world.url + "/page")
    assert form["hub.topic"] == world.url + "/topic"
    assert [path for path, _ in world.forms] == ["/hub"]


def test_51_a_link_in_the_body_of_a_page_is_none(news: Gateway, world: World, name: str) -> None:
    page = HTML.format(head="", body=EVIL).format(world.url).encode()
    world.pages["/page"] = Answer(200, page, {"Content-Type": "text/html; charset=utf-8"})
    news.follow(name, world.url + "/page")
    until(lambda: news.status(name), lambda one: one.get("last_poll"))
    assert news.status(name)["state"] == "polled"
    assert world.forms == []


def test_36_headers_come_before_what_a_feed_says(news: Gateway, world: World, name: str) -> None:
    url = world.put("/feed", 1)
    inside = f'<link rel="hub" href="{world.url}/evil"/><link rel="self" href="{world.url}/x"/>'
    page = world.pages["/feed"]
    world.pages["/feed"] = page._replace(body=atom(entry(1), links=inside))
    assert followed(news, world, name, url)["hub.topic"] == url
    assert [path for path, _ in world.forms] == ["/hub"]


def test_36_a_feed_says_it_where_headers_do_not(news: Gateway, world: World, name: str) -> None:
    inside = f'<link rel="hub" href="{world.url}/hub"/><link rel="self" href="{world.url}/x"/>'
    world.pages["/feed"] = Answer(200, atom(entry(1), links=inside), {"Content-Type": ATOM})
    assert followed(news, world, name, world.url + "/feed")["hub.topic"] == world.url + "/x"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_37_57_redirects_lead_to_the_topic(
    news: Gateway, world: World, name: str, status: int
) -> None:
    url = world.put("/new", 1)
    old = {"Location": "/new", "Link": f'<{world.url}/evil>; rel="hub"'}
    world.pages["/old"] = Answer(status, b"", old)
    assert followed(news, world, name, world.url + "/old")["hub.topic"] == url
    assert [path for path, _ in world.forms] == ["/hub"]


@pytest.mark.parametrize("status", [301, 302])
def test_57_a_topic_that_moves_is_followed_there(
    news: Gateway, world: World, name: str, status: int
) -> None:
    old = world.put("/old", 1)
    first = followed(news, world, name, old)
    new = world.put("/new", 1, hub="/hub/two")
    world.pages["/old"] = Answer(status, b"", {"Location": new})
    news.follow(name, old)
    until(lambda: news.status(name), lambda one: one["topic"] == new and one["state"] == "pushed")
    until(lambda: world.asked(old, "unsubscribe"))
    (second,) = world.asked(new)
    assert second["hub.callback"] != first["hub.callback"]
    assert push(second, atom(entry(2), entry(1))).status == 200
    assert titles(news, name) == ["Number 2"]


# Subscribing (5.1).


@pytest.mark.parametrize("status", [307, 308])
def test_10_38_a_hub_may_send_us_to_another(
    news: Gateway, world: World, name: str, status: int
) -> None:
    """The same request again, with its secret."""
    url = world.put("/feed", 1, hub="/old-hub")
    world.hubs["/old-hub"] = Answer(status, b"", {"Location": "/hub"})
    followed(news, world, name, url)
    assert [path for path, _ in world.forms] == ["/old-hub", "/hub"]
    assert world.forms[0][1] == world.forms[1][1]


@pytest.mark.parametrize("status", [301, 302, 303, 400, 404, 500])
def test_39_another_hub_is_asked_where_the_first_does_not_take_us(
    news: Gateway, world: World, name: str, status: int
) -> None:
    url = world.put("/feed", 1)
    links = f'<{world.url}/no>; rel="hub", <{world.url}/hub>; rel="hub", <{url}>; rel="self"'
    world.pages["/feed"] = world.pages["/feed"]._replace(headers={"Link": links})
    world.hubs["/no"] = Answer(status, b"", {"Location": "/evil"})
    followed(news, world, name, url)
    assert [path for path, _ in world.forms] == ["/no", "/hub"]
    assert news.status(name)["hub"] == world.url + "/hub"
    first, second = (form["hub.callback"] for _, form in world.forms)
    assert first != second  # unique for each hub (41)


def test_40_41_what_a_hub_is_asked(news: Gateway, world: World, name: str) -> None:
    url = world.put("/feed", 1)
    first = followed(news, world, name, url, lease=5000)
    assert set(first) == {
        "hub.mode",
        "hub.topic",
        "hub.callback",
        "hub.lease_seconds",
        "hub.secret",
    }
    assert first["hub.lease_seconds"] == "5000"
    assert 32 <= len(first["hub.secret"].encode()) < 200
    base, _, token = first["hub.callback"].rpartition("/")
    assert (base, len(token) >= 43) == (f"{news.url}/websub", True)
    news.follow(name, url, lease=5000)
    second = until(lambda: world.asked(url), lambda one: len(one) == 2)[1]
    assert second["hub.callback"] != first["hub.callback"]
    assert second["hub.secret"] != first["hub.secret"]


def test_38_41_a_secret_goes_nowhere_where_others_could_read_it(
    news: Gateway, world: World, name: str
) -> None:
    """A hub redirects us to an address that is not on this machine, without https."""
    url = world.put("/feed", 1)
    world.hubs["/hub"] = Answer(307, b"", {"Location": "http://192.0.2.1/hub"})
    news.follow(name, url)
    shown = until(lambda: news.status(name), lambda one: one.get("error"))
    assert "redirects a secret to an address without https" in shown["error"]
    assert shown["state"] == "polled"


# Verification (5.3).


def test_42_50_the_challenge_comes_back_as_it_is_and_never_as_html(
    news: Gateway, world: World, name: str
) -> None:
    followed(news, world, name, world.put("/feed", 1))
    (echo,) = world.echoes
    assert (echo.status, echo.body) == (200, CHALLENGE.encode())
    assert echo.headers["Content-Type"].startswith(("text/plain", "application/octet-stream"))
    assert echo.headers["X-Content-Type-Options"] == "nosniff"


def test_42_all_else_is_404(news: Gateway, world: World, name: str) -> None:
    """Before it is verified, and when it holds."""
    world.verifies = False
    url = world.put("/feed", 1)
    news.follow(name, url)
    (form,) = until(lambda: world.asked(url))

    def refused() -> list[int]:
        answers = [
            world.verify(form, mode="unsubscribe"),
            world.verify(form, topic=url + "/"),
            world.verify(form, topic=url.upper()),
            world.verify(form, mode="publish"),
            world.verify(form, challenge=""),
            world.verify({**form, "hub.callback": form["hub.callback"] + "x"}),
            world.verify({**form, "hub.callback": form["hub.callback"][:-1]}),
            ask("GET", form["hub.callback"]),
        ]
        assert not any(CHALLENGE.encode() in one.body for one in answers)
        return [one.status for one in answers]

    assert refused() == 8 * [404]
    assert push(form, atom(entry(2))).status == 404
    assert news.status(name)["state"] == "pending"
    assert world.verify(form).status == 200
    assert news.pushed(name)["hub"] == world.url + "/hub"
    assert refused() == 8 * [404]
    assert push(form, atom(entry(2))).status == 200
    assert titles(news, name) == ["Number 2"]


@pytest.mark.parametrize("lease", ["", "0", "-5", "many"])
def test_43_when_unsubscribing_the_lease_means_nothing(
    news: Gateway, world: World, name: str, lease: str
) -> None:
    url = world.put("/feed", 1)
    followed(news, world, name, url)
    world.lease = lease
    assert ask("DELETE", f"{news.url}/sources/{name}").status == 204
    until(lambda: world.asked(url, "unsubscribe"))
    until(lambda: len(world.echoes), lambda one: one == 2)
    assert (world.echoes[1].status, world.echoes[1].body) == (200, CHALLENGE.encode())


@pytest.mark.parametrize("when", ["at once", "later"])
def test_44_a_denial_ends_it(news: Gateway, world: World, name: str, when: str) -> None:
    world.verifies = when == "later"
    url = world.put("/feed", 1)
    news.follow(name, url)
    (form,) = until(lambda: world.asked(url))
    if when == "later":
        news.pushed(name)
    fields = {"hub.mode": "denied", "hub.topic": url, "hub.reason": "closed <today>"}
    assert ask("GET", with_parameters(form["hub.callback"], fields.items())).status == 200
    shown = until(lambda: news.status(name), lambda one: one["state"] == "denied")
    assert shown["denied"][world.url + "/hub"]["reason"] == "closed <today>"
    assert push(form, atom(entry(2), entry(1))).status == 410
    assert len(world.asked(url)) == 1  # it is not asked again


def test_45_a_renewal_begins_with_discovery(news: Gateway, world: World, name: str) -> None:
    url = world.put("/feed", 1)
    followed(news, world, name, url)
    looks = len(world.server.gets("/feed"))
    world.put("/feed", 1, hub="/hub/two")
    news.follow(name, url)
    until(lambda: news.status(name), lambda one: one["hub"] == world.url + "/hub/two")
    assert len(world.server.gets("/feed")) > looks
    until(lambda: world.asked(url, "unsubscribe"))
    assert [path for path, _ in world.forms] == ["/hub", "/hub/two", "/hub"]
