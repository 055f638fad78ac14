"""The blocking twin, from threads against a gateway on a loop of its own."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from hubbub.client import Client, Gap, Refused
from hubbub.core.errors import Misconfigured

from .gateway import Gateway, refuse, running


@pytest.fixture
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as found:
        yield found


@pytest.fixture
def gateway(portal) -> Iterator[Gateway]:
    async def make() -> Gateway:
        return Gateway()

    with portal.wrap_async_context_manager(running(portal.call(make))) as found:
        yield found


@pytest.fixture(params=["sse", "websocket"])
def client(request, gateway) -> Iterator[Client]:
    with Client(gateway.url, transport=request.param) as opened:
        yield opened


def test_publish_listen_and_look_back(client, gateway):
    with client.listen("t") as events:
        published = client.publish("t", {"n": 1}, id="one")
        assert client.publish("t", {"n": 1}, id="one").duplicate
        event = next(events)
        assert (event.id, event.position) == ("one", published.position)
        assert events.position == published.position
    assert [event.id for event in client.history("t")] == ["one"]
    assert client.publish_event({"source": "/", "type": "t", "topic": "u"}).topic == "u"


def test_many_items_are_taken_as_they_are_needed_in_this_thread(client, gateway):
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(10):
            taken.append(threading.get_ident())
            yield n

    published = client.publish_many("t", items(), batch=4)
    assert [p.position for p in published] == [gateway.position(n) for n in range(1, 11)]
    assert set(taken) == {threading.get_ident()}
    assert len(gateway.requests) == 3
    again = client.publish_events(gateway.kept, batch=6)
    assert all(p.duplicate for p in again)


def test_errors_arrive_here(client, gateway):
    gateway.faults.append(refuse(403))
    with pytest.raises(Refused):
        client.publish("t", 1)
    with pytest.raises(Gap):
        next(client.listen("t", since="lost-7"))


def test_on_gap_is_called_in_this_thread(client, gateway, portal):
    where: list[int] = []
    portal.call(gateway.say, "new")
    events = client.listen(
        "t", since="lost-7", on_gap=lambda _: where.append(threading.get_ident())
    )
    assert next(events).data == "new"
    assert where == [threading.get_ident()]


def test_many_threads_share_one(client, gateway):
    with ThreadPoolExecutor(8) as pool:
        published = list(pool.map(lambda n: client.publish("t", n), range(40)))
    assert len({p.position for p in published}) == 40


def test_closing_ends_an_iteration_in_another_thread(client, gateway):
    events = client.listen("t")
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(list, events)
        while not gateway.requests:
            time.sleep(0.01)
        events.close()
        assert rest.result() == []
    events.close()


def test_leaving_a_loop_in_the_middle_lets_go_of_the_connection(client, gateway, portal):
    portal.call(gateway.say, 1)
    for _ in client.listen("t", since="earliest"):
        break
    gc.collect()
    request = gateway.requests[0]
    while request.transport is not None and not request.transport.is_closing():
        time.sleep(0.01)


def test_only_inside_its_with_block(gateway):
    client = Client(gateway.url)
    with pytest.raises(Misconfigured):
        client.publish("t", 1)
    with client:
        events = client.listen("t")
    for use in (lambda: client.publish("t", 1), lambda: client.listen("t"), lambda: next(events)):
        with pytest.raises(Misconfigured, match="with block"):
            use()
    events.close()


def test_a_client_can_be_opened_again(gateway):
    client = Client(gateway.url)
    for n in range(2):
        with client:
            assert client.publish("t", n).position == gateway.position(n + 1)


def test_it_looks_like_its_twin():
    assert repr(Client("http://x:1/", token="secret")) == "Client('http://x:1', transport='sse')"
    assert Client.publish.__doc__.startswith("Publish one event")
    assert Client.listen.__name__ == "listen"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_told_to_open_its_own(client):
    child = os.fork()
    if child == 0:
        try:
            client.publish("t", 1)
        except Misconfigured:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
