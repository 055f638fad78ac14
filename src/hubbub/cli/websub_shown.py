"""How things with WebSub stand, in lines for people. Pure; whatever is foreign is made printable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from hubbub.cli.outcome import printable

SETTLED: Final = ("waiting", "gone")
"""States in which nothing is under way."""

LATER: Final = 2.0
"""Seconds by which a plan must lie ahead to be one for later: clocks differ a little."""

_WIDTH: Final = len("fetch: content_type")


def is_settled(status: Mapping[str, Any], now: float) -> bool:
    """Tell whether the server has done, for now, what it can for a subscription.

    It has when it has planned the next round: `renews` is absent or past while it is at one.
    """
    if status.get("state") in SETTLED:
        return True
    planned = _seconds(status.get("renews"))
    return planned is not None and planned > now + LATER and status.get("state") != "pending"


def is_unread(document: Mapping[str, Any]) -> bool:
    """Tell whether even the first look at what a source follows has failed: nothing will come of it."""
    status = document.get("status", {})
    return bool(status.get("error")) and not status.get("last_poll")


def standing(document: Mapping[str, Any]) -> str:
    """Say in a line how news of a source come."""
    name, status = document["name"], document.get("status", {})
    if document.get("problem"):
        return printable(f"{name}: not followed: {document['problem']}")
    hub, state = status.get("hub", ""), status.get("state")
    if is_unread(document):
        what = f"{document['url']} cannot be read: {status['error']}"
        return printable(f"{name}: {what}; it is kept, and tried again")
    if state == "pushed":
        return printable(f"{name}: active at {hub} until {moment(status.get('lease_end'))}")
    if state == "gone":
        return printable(f"{name}: ended: its publisher says that there will be nothing more")
    return printable(f"{name}: polling because {_why(document, status)}")


def _why(document: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """Say why no hub pushes."""
    hub = status.get("hub", "")
    match status.get("state"):
        case "silent":
            return f"{hub} takes subscriptions but does not push"
        case "waiting":
            return "the server does not know its public URL: set web.public_url there"
        case "pending":
            return f"{hub or 'its hub'} has not verified the subscription yet"
        case "denied":
            return "; ".join(_denied(status.get("denied", {})))
        case _:
            return _without_a_hub(document, status)


def _denied(hubs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for hub, one in hubs.items():
        reason = one.get("reason") or "without a reason"
        yield f"{hub} denied it ({reason}); it is asked again at {moment(one.get('until'))}"


def _without_a_hub(document: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    if status.get("error"):
        return f"the subscription failed: {status['error']}"
    if status.get("hubs"):
        return "no hub has taken the subscription yet"
    if not status.get("last_poll"):
        return "it has just been asked for"
    return f"{document['url']} names no hub"


def followed(documents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Give a line for each source that is followed, and one for all of them."""
    if not documents:
        yield "nothing is followed"
        return
    width = max(len(one["name"]) for one in documents)
    states, pushes, missed = Counter[str](), 0, 0
    for one in documents:
        status: Mapping[str, Any] = one.get("status", {})
        state = "problem" if one.get("problem") else status.get("state", "-")
        its_pushes, its_missed = measured(status)
        states[state] += 1
        pushes, missed = pushes + its_pushes, missed + its_missed
        told = one.get("problem") or status.get("error") or ""
        yield printable(
            f"{one['name']:{width}}  {state:7}  hub {status.get('hub') or '-'}"
            f"  lease until {moment(status.get('lease_end'))}"
            f"  last push {moment(status.get('last_push'))}"
            f"  pushes {its_pushes}  missed {its_missed}  {one['url']} -> {one['topic']}"
            f"  {told}".rstrip()
        )
    count = "1 source" if len(documents) == 1 else f"{len(documents)} sources"
    by_state = ", ".join(f"{number} {state}" for state, number in states.most_common())
    yield printable(f"{count}: {by_state}; pushes {pushes}, missed {missed}")


def measured(status: Mapping[str, Any]) -> tuple[int, int]:
    """Return the pushes of all hubs of a source, and the news that they missed."""
    hubs: Mapping[str, Mapping[str, int]] = status.get("measured", {})
    return (
        sum(one.get("pushes", 0) for one in hubs.values()),
        sum(one.get("missed", 0) for one in hubs.values()),
    )


def explained(told: Mapping[str, Any]) -> Iterator[str]:
    """Give what the hub says of a topic, or of a topic and a callback: the sentence first."""
    yield printable(told.get("why", ""))
    yield ""
    for name in ("topic", "callback", "state", "expires", "method", "waiting", "subscriptions"):
        if told.get(name) not in (None, "", 0.0, {}):
            yield printable(f"{name:{_WIDTH}} {_text(told[name])}")
    fetched: Mapping[str, Any] = told.get("fetched", {})
    for name, value in fetched.items():
        yield printable(f"{'fetch: ' + name:{_WIDTH}} {_text(value)}")
    if attempts := told.get("attempts"):
        yield "last attempts"
        yield from (printable(f"  {_attempt(one)}") for one in attempts)
    if callbacks := told.get("callbacks"):
        yield "callbacks"
        for one in callbacks:
            until = f"until {moment(one.get('expires'))}"
            yield printable(f"  {one['state']:8} {until}  {one['callback']}  {one['why']}")


def moment(text: str | None) -> str:
    """Show a time to the second, in UTC; `-` for none."""
    seconds = _seconds(text)
    return "-" if seconds is None else _moment(seconds)


def _seconds(text: str | None) -> float | None:
    return None if not text else datetime.fromisoformat(text).timestamp()


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _attempt(one: Mapping[str, Any]) -> str:
    again = f"  again at {moment(one['next'])}" if one.get("next") else ""
    status = one.get("status") or ""
    return f"{moment(one['at'])} {one['outcome']:9} {status!s:3} {one.get('detail', '')}{again}".rstrip()


def _text(value: Any) -> str:
    if isinstance(value, dict):
        counts = cast("dict[str, int]", value)
        return ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{value:.1f} s" if isinstance(value, float) else str(value)
