"""`hubbub websub`: a real server follows a real feed by its own hub, and is told of news."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cli.publishing import Publisher, publishing
from hubbub.cli import websub_shown as shown
from hubbub.cli.websub import name_of
from serving import PATIENCE, Serving, run, serving

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
HERE = {"HUBBUB_EGRESS__ALLOW": "127.0.0.0/8", "HUBBUB_EGRESS__ALLOW_FETCH": "127.0.0.0/8"}
SECRET = "It's a Secret to Everybody"


@pytest.fixture(scope="module")
def follower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that may fetch from, and push to, this machine."""
    folder = tmp_path_factory.mktemp("follower")
    with serving("--store", "memory:", cwd=folder, **HERE) as found:
        yield found


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Another one, the hub of what is followed."""
    with serving("--store", "memory:", cwd=tmp_path_factory.mktemp("hub"), **HERE) as found:
        yield found


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as found:
        yield found


def until(condition: Callable[[], Any]) -> Any:
    """Wait for what the server does a moment later; return it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came about")


def closed() -> str:
    """Return a URL where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}/hub"


@pytest.mark.slow
class TestFollowing:
    def test_from_the_subscription_over_a_push_to_the_end(
        self, follower: Serving, hub: Serving, publisher: Publisher
    ) -> None:
        """websub 36 to 45, and a hub of our own kind, from the command line alone."""
        feed = publisher.feed("/life", 1, hub=f"{hub.url}/hub")
        made = follower.run(
            *("websub", "subscribe", feed, "news/life", "--name", "life", "--backfill", "1"),
            *("--lease", "1d", "--poll", "12h"),
        )
        assert (made.code, made.err) == (0, "")
        said = rf"life: active at {hub.url}/hub until \d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\n"
        assert re.fullmatch(said, made.out), made.out
        document = json.loads(follower.run("sources", "life").out)
        assert document["options"] == {
            "url": feed, "backfill": 1, "lease": 86400.0, "poll": 43200.0,
        }  # fmt: skip

        publisher.feed("/life", 2, 1, hub=f"{hub.url}/hub")
        told = follower.run("websub", "publish", feed)
        assert told == (0, f"topic {feed}\ntaken  {hub.url}/hub 204\n", "")
        events = until(lambda: e if len(e := follower.events("news/life")) == 2 else None)
        assert [event.data["title"] for event in events] == ["Number 1", "Number 2"]

        def pushed() -> str | None:
            out = follower.run("websub", "status").out
            return out if "pushes 1  missed 0" in out else None

        line, totals = until(pushed).splitlines()
        assert re.match(rf"life +pushed +hub {hub.url}/hub +lease until 2", line)
        assert f"{feed} -> news/life" in line
        assert totals == "1 source: 1 pushed; pushes 1, missed 0"
        (one,) = json.loads(follower.run("websub", "status", "--json").out)
        assert one["status"]["state"] == "pushed"

        by_topic = hub.run("websub", "status", feed)
        assert by_topic.code == 0
        assert by_topic.out.startswith("1 subscription; the topic is fetched when")
        assert re.search(r"^fetch: pinged +2\d\d\d-\d\d-\d\dT", by_topic.out, re.MULTILINE)
        as_json = json.loads(hub.run("websub", "status", feed, "--json").out)
        (subscription,) = as_json["callbacks"]
        both = hub.run("websub", "status", feed, subscription["callback"])
        assert both.out.startswith("Yes: everything that happened was delivered")
        assert re.search(r"^  2\S+Z delivered 20\d$", both.out, re.MULTILINE), both.out
        nobody = hub.run("websub", "status", feed, "https://reader.example/x")
        assert (nobody.code, nobody.out[:14]) == (0, "No: nobody has")

        assert follower.run("websub", "unsubscribe", feed) == (0, "life: deleted\n", "")
        assert follower.run("websub", "status").out == "nothing is followed\n"
        assert len(follower.events("news/life")) == 2

    def test_without_a_hub_it_says_why_it_polls(
        self, follower: Serving, publisher: Publisher
    ) -> None:
        feed = publisher.feed("/alone.xml", 1)
        name = name_of(feed)
        for topic in ("news/alone", "news/other"):  # a repeat replaces
            done = follower.run("websub", "subscribe", feed, topic, "--whole", "--no-secret")
            assert done == (0, f"{name}: polling because {feed} names no hub\n", "")
        assert NAME.fullmatch(name)
        document = json.loads(follower.run("sources", name).out)
        assert document["topic"] == "news/other"
        assert document["options"] == {"url": feed, "split": False, "secret": False}
        listed = follower.run("websub", "status").out
        assert re.search(rf"^{name} +polled +hub - +lease until - +last push - ", listed)
        assert follower.run("websub", "unsubscribe", name) == (0, f"{name}: deleted\n", "")

    def test_a_hub_that_refuses_is_told_of(self, follower: Serving, publisher: Publisher) -> None:
        feed = publisher.feed("/refused", 1, hub="http://hub.invalid/")
        done = follower.run(
            "websub", "subscribe", feed, "news/refused", "--hub", f"{publisher.url}/hub/403"
        )
        assert done.code == 0
        assert "polling because the subscription failed: " in done.out
        assert "403" in done.out
        assert done.out.count("\n") == 1
        assert "\x1b" not in done.out
        (path, fields), *_ = publisher.pings
        assert (path, fields["hub.topic"]) == ("/hub/403", feed)
        secret, callback = fields["hub.secret"], fields["hub.callback"]
        everything = follower.run("websub", "status", "--json").out + done.out
        assert secret not in everything
        assert callback not in everything
        follower.run("websub", "unsubscribe", feed)

    def test_what_cannot_even_be_looked_at_is_no_success(
        self, follower: Serving, publisher: Publisher
    ) -> None:
        feed = f"{publisher.url}/nothing.xml"
        done = follower.run("websub", "subscribe", feed, "news/nothing")
        assert done.code == 1
        assert f": {feed} cannot be read: " in done.out
        assert done.out.endswith("404; it is kept, and tried again\n")
        assert feed in follower.run("websub", "status").out
        follower.run("websub", "unsubscribe", feed)

    def test_a_hub_that_does_not_verify_is_not_waited_for_longer_than_said(
        self, follower: Serving, publisher: Publisher
    ) -> None:
        hub = f"{publisher.url}/hub/202"
        feed = publisher.feed("/mute", 1, hub=hub)
        args = ("websub", "subscribe", feed, "news/mute")
        done = follower.run(*args, "--wait", "0.3s")
        assert done.out.endswith(f": polling because {hub} has not verified the subscription yet\n")
        answer = json.loads(follower.run(*args, "--wait", "0", "--json").out)
        assert answer["options"]["url"] == feed
        follower.run("websub", "unsubscribe", feed)

    def test_names_that_are_taken(self, follower: Serving, publisher: Publisher) -> None:
        follower.run("sources", "hooks", "--provider", "github", HUBBUB_SOURCE_SECRET=SECRET)
        feed = publisher.feed("/a/b", 1)
        taken = follower.run("websub", "subscribe", feed, "x", "--name", "hooks")
        assert (taken.code, taken.out) == (1, "")
        assert "the source hooks takes webhooks" in taken.err
        kept = follower.run("websub", "unsubscribe", "hooks")
        assert (kept.code, kept.out) == (1, "")
        assert "hubbub sources hooks --delete" in kept.err

        alike = publisher.feed("/a-b", 1)
        first, *_ = follower.run("websub", "subscribe", feed, "x").out.split(":")
        for _ in range(2):
            second, *_ = follower.run("websub", "subscribe", alike, "y").out.split(":")
            assert re.fullmatch(rf"{first}-[0-9a-f]{{8}}", second)
        follower.run("websub", "unsubscribe", first)
        again, *_ = follower.run("websub", "subscribe", alike, "y").out.split(":")
        assert again == second, "where it is followed already"

        follower.run("websub", "subscribe", alike, "z", "--name", "third")
        unclear = follower.run("websub", "unsubscribe", alike)
        assert (unclear.code, unclear.out) == (2, "")
        assert f"followed as {second}, third: say which" in unclear.err
        for name in (second, "third"):
            assert follower.run("websub", "unsubscribe", name).code == 0
        assert follower.run("sources", "hooks", "--delete").code == 0


@pytest.mark.slow
class TestPublishing:
    def test_each_hub_is_told_and_one_that_takes_it_is_enough(self, publisher: Publisher) -> None:
        links = ", ".join(
            f'<{hub}>; rel="hub"' for hub in ("/hub/500", "/moved", "/circle", closed())
        )
        canonical = f"{publisher.url}/canonical"
        page = publisher.page("/page", b"", ("Link", f"{links}, <{canonical}>; rel=self"))
        done = run("websub", "publish", page)
        assert (done.code, done.err) == (0, "")
        topic, broken, moved, circle, away = done.out.splitlines()
        assert topic == f"topic {canonical}"
        assert broken == f"failed {publisher.url}/hub/500 500 \\x1b[31mnot known here"
        assert moved == f"taken  {publisher.url}/moved 204"
        assert circle == f"failed {publisher.url}/circle 308"
        assert away.startswith("failed http://127.0.0.1:")
        assert "cannot be reached" in away
        told = [fields for path, fields in publisher.pings if path == "/hub/204"]
        assert told == [{"hub.mode": "publish", "hub.topic": canonical, "hub.url": canonical}]

    def test_without_rel_self_it_is_where_redirects_led(self, publisher: Publisher) -> None:
        hub = ("Link", f"<{publisher.url}/hub/204>; rel=hub")
        there = publisher.page("/there", b"", hub)
        here = publisher.page("/here", b"", ("Location", "/there"))
        assert run("websub", "publish", here + "#x").out.startswith(f"topic {there}\n")

    def test_hubs_that_are_named_are_told_the_very_url(self, publisher: Publisher) -> None:
        hubs = [f"{publisher.url}/hub/{status}" for status in (204, 404)]
        topic = "https://blog.invalid/feed?a=1&b=%20"  # nobody is asked for it
        done = run("websub", "publish", topic, "--hub", hubs[0], "--hub", hubs[1])
        assert (done.code, done.err) == (0, "")
        assert [fields["hub.topic"] for _, fields in publisher.pings] == [topic, topic]

    @pytest.mark.parametrize("status", [200, 404, 302])
    def test_only_2xx_is_a_yes(self, publisher: Publisher, status: int) -> None:
        hub = f"{publisher.url}/hub/{status}"
        done = run("websub", "publish", f"{publisher.url}/x", "--hub", hub)
        assert done.code == (0 if status == 200 else 1)
        assert f" {hub} {status} " in done.out

    @pytest.mark.parametrize(
        ("path", "said"), [("/none", "answered 404"), ("/silent", "names no hub")]
    )
    def test_a_topic_without_hubs(self, publisher: Publisher, path: str, said: str) -> None:
        publisher.page("/silent", b"<html><head></head></html>", ("Content-Type", "text/html"))
        done = run("websub", "publish", publisher.url + path)
        assert (done.code, done.out) == (1, "")
        assert said in done.err
        assert done.err.count("\n") == 1

    def test_a_topic_that_cannot_be_reached(self) -> None:
        done = run("websub", "publish", closed())
        assert (done.code, done.out) == (1, "")
        assert "cannot be reached" in done.err
        assert "hubbub serve" not in done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["subscribe", "blog.example", "x"], 2, "say a whole URL"),
        (["subscribe", "http://[", "x"], 2, "say a whole URL"),
        (["subscribe", "https://u:geheim@blog.example/", "x"], 2, "no user or password"),
        (["subscribe", "https://blog.example/", "a/*"], 1, "pattern"),
        (["subscribe", "https://blog.example/", "x", "--name", "A b"], 1, "name"),
        (["subscribe", "https://blog.example/", "x", "--lease", "1s"], 1, "(at /options/lease)"),
        (["unsubscribe", "nobody"], 1, "404"),
        (["unsubscribe", "https://blog.example/"], 1, "is not followed"),
        (["publish", "ftp://x"], 2, "say a whole URL"),
        (["publish", "https://x.example", "--hub", "hub"], 2, "say a whole URL"),
        (["status", "--url", "ftp://x"], 2, "looks like"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    follower: Serving, args: list[str], code: int, said: str
) -> None:
    done = follower.run("websub", *args)
    assert (done.code, done.out) == (code, ""), done
    assert said in done.err
    assert "geheim" not in done.err
    assert done.err.startswith("hubbub: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ["subscribe", "https://x.example"],
        ["subscribe", "https://x.example", "x", "--lease", "soon"],
        ["subscribe", "https://x.example", "x", "--backfill", "-1"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_2(args: list[str]) -> None:
    done = run("websub", *args)
    assert done.code == 2
    assert "Usage: hubbub websub" in done.err


@pytest.mark.slow
def test_nobody_there_is_3() -> None:
    done = run("websub", "subscribe", "https://x.example", "x", HUBBUB_URL=closed())
    assert (done.code, done.out) == (3, "")
    assert "cannot be reached" in done.err


@pytest.mark.parametrize(
    ("feed", "name"),
    [
        ("https://blog.example/feed.xml", "blog-example-feed-xml"),
        ("https://Blog.example/", "blog-example"),
        ("http://127.0.0.1:8080/topics/a", "127-0-0-1-8080-topics-a"),
        ("https://tube.example/videos.xml?channel=UCx", "tube-example-videos-xml-[0-9a-f]{8}"),
        ("https://blog.example/" + "a" * 100, "blog-example-a{41}-[0-9a-f]{8}"),
        ("https://блог.example/лента", "example-[0-9a-f]{8}"),
        ("https://блог", "feed-[0-9a-f]{8}"),
    ],
)
def test_a_name_is_made_of_host_and_path(feed: str, name: str) -> None:
    made = name_of(feed)
    assert re.fullmatch(name, made), made
    assert NAME.fullmatch(made)
    assert made == name_of(feed)


def test_a_wrong_time_names_its_option() -> None:
    done = run("websub", "subscribe", "http://a.example/", "t", "--lease", "10x")
    assert done.code == 2
    assert "Invalid value for '--lease': a time looks like 90s" in done.err


@pytest.mark.parametrize("given", [["blog"], ["https://blog.example/", "reader"]])
def test_status_wants_whole_urls(given: list[str]) -> None:
    done = run("websub", "status", *given)
    assert done.code not in (0, 1)
    assert "say a whole URL" in done.err


def test_names_of_what_differs_in_its_query_differ() -> None:
    assert len({name_of(f"https://tube.example/v?channel={n}") for n in range(100)}) == 100


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"state": "pushed", "hub": "H", "lease_end": "2026-01-02T03:04:05.678Z"},
         "n: active at H until 2026-01-02T03:04:05Z"),
        ({"state": "silent", "hub": "H"}, "n: polling because H takes subscriptions but does not push"),
        ({"state": "waiting"}, "n: polling because the server does not know its public URL: set web.public_url there"),
        ({"state": "gone"}, "n: ended: its publisher says that there will be nothing more"),
        ({"state": "pending"}, "n: polling because its hub has not verified the subscription yet"),
        ({"state": "denied", "denied": {"H": {"reason": "no\x1b", "until": "2026-01-02T03:04:05Z"}}},
         "n: polling because H denied it (no\\x1b); it is asked again at 2026-01-02T03:04:05Z"),
        ({"state": "polled", "hubs": ["H"], "error": "H said 500", "last_poll": "2026-01-02T03:04:05Z"},
         "n: polling because the subscription failed: H said 500"),
        ({"state": "polled", "error": "u answered 404"},
         "n: u cannot be read: u answered 404; it is kept, and tried again"),
        ({"state": "polled", "hubs": ["H"]}, "n: polling because no hub has taken the subscription yet"),
        ({"state": "polled"}, "n: polling because it has just been asked for"),
    ],
)  # fmt: skip
def test_how_it_stands_is_one_line(status: dict[str, Any], said: str) -> None:
    assert shown.standing({"name": "n", "url": "u", "status": status}) == said


def test_a_source_that_cannot_be_opened_is_said_so() -> None:
    broken = {"name": "n", "url": "u", "topic": "t", "problem": "install hubbub[websub]"}
    assert shown.standing(broken) == "n: not followed: install hubbub[websub]"
    *_, totals = shown.followed([broken])
    assert totals == "1 source: 1 problem; pushes 0, missed 0"


@pytest.mark.parametrize(
    ("status", "is_settled"),
    [
        ({"state": "polled"}, False),
        ({"state": "polled", "renews": "1970-01-01T00:16:40Z"}, False),
        ({"state": "polled", "renews": "1970-01-01T00:17:40Z"}, True),
        ({"state": "pushed"}, False),
        ({"state": "pending", "renews": "1970-01-01T00:17:40Z"}, False),
        ({"state": "waiting"}, True),
        ({"state": "gone"}, True),
        ({}, False),
    ],
)
def test_waiting_ends_when_the_next_round_is_planned(
    status: dict[str, Any], is_settled: bool
) -> None:
    assert shown.is_settled(status, 1000.0) is is_settled
