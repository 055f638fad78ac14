"""`hubbub subscribe`, `subscriptions`, `attempts`, `replay`: durable deliveries of a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from hubbub.cli.options import DEFAULT_URL, Token, Url
from hubbub.cli.outcome import print_json, printable, reported, run_async
from hubbub.core.errors import Misconfigured

if TYPE_CHECKING:
    from hubbub.client.resources import AsyncSubscriptions

Content = Literal["structured", "binary", "data"]
Order = Literal["unordered", "key", "strict"]
Outcome = Literal["delivered", "failed", "gone"]
Json = Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the subscription.")]


@reported
def subscribe(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATTERN", help="Topics such as orders/*; none means all."),
    ] = None,
    *,
    to: Annotated[str, typer.Option(help="URL that events are delivered to.", metavar="SINK")],
    since: Annotated[
        str | None,
        typer.Option(help="earliest, a position, a time, or an age such as 2h; default: from now."),
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type.")
    ] = None,
    filter: Annotated[  # noqa: A002
        str | None, typer.Option(help="CloudEvents SQL, such as: type LIKE 'order.%'")
    ] = None,
    signing: Annotated[
        list[str] | None, typer.Option(help="Sign as standard, github, stripe, ...")
    ] = None,
    content: Annotated[Content | None, typer.Option(help="Form of the body.")] = None,
    order: Annotated[Order | None, typer.Option(help="Which events wait for others.")] = None,
    json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Deliver events to a URL from now on, as signed webhooks; prints the id and the secret."""
    settings = {"signing": signing, "content": content}
    members: dict[str, Any] = {
        "since": since,
        "types": kinds,
        "filters": [{"sql": filter}] if filter else None,
        "protocolsettings": {name: one for name, one in settings.items() if one},
        "config": {"order": order} if order else None,
    }
    given = {name: one for name, one in members.items() if one}
    made = _run(url, token, lambda them: them.create(to, *(patterns or ()), **given))
    if json:
        print_json(made)
    else:
        print(f"id      {made['id']}")
        print(f"secret  {made['protocolsettings']['secret']}")


@reported
def subscriptions(
    id: Annotated[  # noqa: A002
        str | None, typer.Argument(metavar="[ID]", help="One of them; none lists all.")
    ] = None,
    *,
    pause: Annotated[bool, typer.Option("--pause", help="Deliver nothing for now.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Deliver again.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Send a test event.")] = False,
    secret: Annotated[bool, typer.Option("--secret", help="Print the signing secret.")] = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new signing secret.")] = False,
    retry_dead: Annotated[
        bool, typer.Option("--retry-dead", help="Try all dead letters again.")
    ] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it.")] = False,
    json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> int | None:
    """List subscriptions, look at one, or do something to it."""
    wanted = [
        name
        for name, is_wanted in (
            ("pause", pause),
            ("resume", resume),
            ("test", test),
            ("secret", secret),
            ("rotate_secret", rotate),
            ("retry_dead_letters", retry_dead),
            ("delete", delete),
        )
        if is_wanted
    ]
    if len(wanted) > 1 or (wanted and id is None):
        raise Misconfigured("say the id of one subscription and one thing to do to it")
    if id is None:
        _print_all(_run(url, token, lambda them: them.list()), json=json)
        return None
    action = wanted[0] if wanted else "get"
    answer = _run(url, token, lambda them: getattr(them, action)(id))
    return _print_answer(action, answer, json=json)


@reported
def attempts(
    id: Id,  # noqa: A002
    attempt: Annotated[
        str | None, typer.Argument(metavar="ATTEMPT", help="Id of one, to see all of it.")
    ] = None,
    *,
    outcome: Annotated[Outcome | None, typer.Option(help="Only those that ended so.")] = None,
    since: Annotated[str | None, typer.Option(help="A time, or an age such as 2h.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 20,
    json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Show the newest attempts to deliver to a subscription, or one with what was sent and answered."""
    if attempt is not None:
        one = _run(url, token, lambda them: them.attempt(id, attempt))
        print_json(one) if json else _print_attempt(one)
        return
    found = _run(
        url, token, lambda them: them.attempts(id, outcome=outcome, since=since, limit=limit)
    )
    if json:
        print_json(found)
        return
    for one in found:
        print(printable(_line(one)))


@reported
def replay(
    id: Id,  # noqa: A002
    *,
    since: Annotated[str, typer.Option(help="earliest, a position, a time, or an age: 2h.")],
    until: Annotated[str | None, typer.Option(help="The same; default: up to now.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Deliver a part of the log to a subscription again."""
    answer = _run(url, token, lambda them: them.replay(id, since, until=until, only_failed=failed))
    print(f"{_events(answer)} looked at again")


def _run(url: str, token: str | None, call: Callable[[AsyncSubscriptions], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        from hubbub.client import AsyncClient  # noqa: PLC0415 - takes a while

        async with AsyncClient(url, token=token) as client:
            return await call(client.subscriptions)

    return run_async(main())


def _print_answer(action: str, answer: Any, *, json: bool) -> int:
    """Print what was answered; return the exit code: 1 for a test that was not taken."""
    if json:
        print_json(answer)
    elif action in ("get", "pause", "resume"):
        _print_one(answer)
    elif action in ("secret", "rotate_secret"):
        print(answer["secret"])
    elif action == "retry_dead_letters":
        print(f"{_events(answer)} tried again")
    elif action == "test":
        print(printable(f"{answer['outcome']} {answer.get('detail') or _status(answer)}".rstrip()))
    else:
        print("deleted")
    return 1 if action == "test" and answer["outcome"] != "delivered" else 0


def _print_all(found: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json(found)
    for one in [] if json else found:
        topics = ",".join(one["topics"])
        lag = f"lag {one['lag']['events']}" if "lag" in one else ""
        print(printable(f"{one['id']} {one['status']:8} {lag:10} {topics} -> {one['sink']}"))


def _print_one(one: dict[str, Any]) -> None:
    """Print a member a line, those without a value left out."""
    for name, value in one.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        if value not in ("", None, [], {}):
            print(printable(f"{name:17} {text}"))


def _line(attempt: dict[str, Any]) -> str:
    status = _status(attempt) or attempt.get("cause", "")
    milliseconds = attempt["timings"]["total"]
    return (
        f"{_time(attempt['at'])} {attempt['outcome']:9} {status!s:8} {milliseconds:7.1f} ms"
        f"  #{attempt['number']} {attempt['id']} {attempt.get('detail', '')}".rstrip()
    )


def _print_attempt(attempt: dict[str, Any]) -> None:
    """Print an attempt as it went over the wire, as far as that is known."""
    request, response = attempt["request"], attempt.get("response")
    lines = [_line(attempt), "", f"> {request['method']} {request['url']}", *_message(request, ">")]
    if response:
        lines += ["", f"< {_status(attempt)}", *_message(response, "<")]
    for line in lines:
        print(printable(line).rstrip())


def _message(message: dict[str, Any], mark: str) -> list[str]:
    """Return headers, the body, and what is to be said of it."""
    headers = [f"{mark} {name}: {value}" for name, value in message["headers"]]
    body = message.get("body") or message.get("body_base64") or ""
    note = message.get("body_note")
    return [
        *headers,
        mark,
        *(f"{mark} {line}" for line in body.split("\n")),
        *([f"({note})"] if note else []),
    ]


def _events(answer: dict[str, Any]) -> str:
    count: int = answer["events"]
    return "1 event is" if count == 1 else f"{count} events are"


def _status(attempt: dict[str, Any]) -> str:
    """Return the status that an attempt was answered with, if it was."""
    response: dict[str, Any] | None = attempt.get("response")
    return str(response["status"]) if response and response.get("status") else ""


def _time(text: str) -> str:
    """Show a time to the second, in UTC."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
