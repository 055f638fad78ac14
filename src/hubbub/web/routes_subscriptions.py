"""The addresses of the Subscriptions API: a part of the table in routes.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from hubbub.core.errors import (
    Conflict,
    Forbidden,
    HubbubError,
    Malformed,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from hubbub.web.answers import Handler
from hubbub.web.operations import Operation, Parameter, Resource, Response
from hubbub.web.schemas import POSITION, Schema
from hubbub.web.schemas_subscriptions import (
    ATTEMPT,
    COUNTED,
    DEAD,
    JWKS,
    PATCHED,
    REPLAY,
    ROTATE,
    SECRETS,
    SHOWN,
    TAKEN,
    array,
)
from hubbub.web.subscriptions import (
    DEFAULT_LIMIT,
    JSON,
    JWK_SET,
    KEYS_PATH,
    MAX_ATTEMPTS,
    MAX_LIMIT,
    MERGE_PATCH,
    OUTCOMES,
    PATH,
    Handlers,
    Hub,
)

_READ: Final = (Malformed, Unauthenticated, Forbidden, NotFound, Unavailable)
_WRITE: Final = (*_READ, Conflict, TooLarge, Unsupported)

_ID: Final = Parameter("id", "The id of a subscription.", str, "path")
_ATTEMPT: Final = Parameter("attempt", "The id of an attempt.", str, "path")
_NEXT: Final = {"Link": "rel=next while there is more."}


def subscription_resources(hub: Hub) -> list[Resource]:
    """Return the addresses of the Subscriptions API."""
    do = Handlers(hub)
    one = f"{PATH}/{{id}}"
    return [
        Resource(PATH, _list(do), _create(do)),
        Resource(one, _get(do), _replace(do), _patch(do), _delete(do)),
        Resource(
            f"{one}/pause", _command("pauseSubscription", "Deliver nothing for now", do.pause)
        ),
        Resource(
            f"{one}/resume",
            _command("resumeSubscription", "Deliver again, from where it was", do.resume),
        ),
        Resource(f"{one}/test", _test(do)),
        Resource(f"{one}/replay", _replay(do)),
        Resource(f"{one}/attempts", _attempts(do)),
        Resource(f"{one}/attempts/{{attempt}}", _attempt(do)),
        Resource(
            f"{one}/attempts/{{attempt}}/retry",
            _again(
                "retryAttempt", "Send the events of an attempt again", do.retry_attempt, _ATTEMPT
            ),
        ),
        Resource(f"{one}/dead", _dead(do)),
        Resource(
            f"{one}/dead/retry",
            _again("retryDeadLetters", "Try every dead letter again", do.retry_dead),
        ),
        Resource(f"{one}/secret", _secret(do)),
        Resource(f"{one}/secret/rotate", _rotate(do)),
        Resource(KEYS_PATH, _keys(do)),
    ]


def _operation(  # noqa: PLR0913  what an operation is made of
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    name: str,
    summary: str,
    handler: Handler,
    answers: Mapping[int, Response],
    *,
    description: str = "",
    parameters: tuple[Parameter, ...] = (_ID,),
    body: Mapping[str, Schema] | None = None,
    errors: tuple[type[HubbubError], ...] | None = None,
) -> Operation:
    return Operation(
        method=method,
        name=name,
        tag="subscriptions",
        summary=summary,
        description=description,
        handler=handler,
        parameters=parameters,
        body=body or {},
        answers=answers,
        errors=errors or (_READ if method == "GET" else _WRITE),
    )


def _told(description: str, schema: Schema, headers: Mapping[str, str] | None = None) -> Response:
    return Response(description, {JSON: schema}, headers or {})


def _limit(most: int) -> Parameter:
    schema = {"type": "integer", "minimum": 1, "maximum": most}
    return Parameter("limit", f"How many on a page; default {DEFAULT_LIMIT}.", schema)


def _list(do: Handlers) -> Operation:
    return _operation(
        "GET",
        "listSubscriptions",
        "The subscriptions that the caller may manage",
        do.list,
        {200: _told("By id, which is by age.", array(SHOWN), _NEXT)},
        parameters=(
            Parameter("after", "Go on after this id."),
            Parameter("owner", "Only those made by this name of a key or token."),
            _limit(MAX_LIMIT),
        ),
    )


def _create(do: Handlers) -> Operation:
    headers = {"Location": "The address of the subscription."}
    return _operation(
        "POST",
        "createSubscription",
        "Have events delivered",
        do.create,
        {201: _told("With its signing secret, for once.", SHOWN, headers)},
        description="CloudEvents Subscriptions API. From now on matching events are POSTed to the"
        " sink, signed as Standard Webhooks; `since` may lie in the past. No `topics`: all that the"
        " caller may read. Read-only members are ignored, unknown ones refused.",
        parameters=(),
        body={JSON: TAKEN},
    )


def _get(do: Handlers) -> Operation:
    return _operation(
        "GET", "getSubscription", "How a subscription is", do.get, {200: _told("It.", SHOWN)}
    )


def _replace(do: Handlers) -> Operation:
    return _operation(
        "PUT",
        "replaceSubscription",
        "Replace a subscription by another document",
        do.replace,
        {200: _told("As it is now.", SHOWN)},
        description="Secrets and credentials that are not named stay; so does the cursor, unless"
        " `since` places it.",
        body={JSON: TAKEN},
    )


def _patch(do: Handlers) -> Operation:
    return _operation(
        "PATCH",
        "patchSubscription",
        "Change some members of a subscription",
        do.patch,
        {200: _told("As it is now.", SHOWN)},
        body={MERGE_PATCH: PATCHED, JSON: PATCHED},
    )


def _delete(do: Handlers) -> Operation:
    return _operation(
        "DELETE",
        "deleteSubscription",
        "End a subscription and forget what was delivered",
        do.delete,
        {204: Response("It is gone.")},
    )


def _command(name: str, summary: str, handler: Handler) -> Operation:
    return _operation("POST", name, summary, handler, {200: _told("As it is now.", SHOWN)})


def _again(name: str, summary: str, handler: Handler, *more: Parameter) -> Operation:
    return _operation(
        "POST",
        name,
        summary,
        handler,
        {202: _told("How many are on their way.", COUNTED)},
        parameters=(_ID, *more),
    )


def _test(do: Handlers) -> Operation:
    return _operation(
        "POST",
        "testSubscription",
        "Send a test event and wait for the answer",
        do.test,
        {200: _told("How it went.", ATTEMPT)},
        description="Whatever the state; nothing is appended to the log.",
    )


def _replay(do: Handlers) -> Operation:
    return _operation(
        "POST",
        "replaySubscription",
        "Deliver a part of the past again",
        do.replay,
        {202: _told("How many events are looked at.", COUNTED)},
        description="From `since` to `until`, if that is said; with `only` just what failed.",
        body={JSON: REPLAY},
    )


def _attempts(do: Handlers) -> Operation:
    return _operation(
        "GET",
        "listAttempts",
        "What was tried and what came back",
        do.attempts,
        {200: _told("Newest first, without the bodies of requests.", array(ATTEMPT), _NEXT)},
        parameters=(
            _ID,
            Parameter("outcome", "Only these; may be repeated.", array({"enum": list(OUTCOMES)})),
            Parameter("since", "Begun at or after a time, or an age such as `2h`."),
            Parameter("before", "Older than the attempt of this id."),
            _limit(MAX_ATTEMPTS),
        ),
    )


def _attempt(do: Handlers) -> Operation:
    return _operation(
        "GET",
        "getAttempt",
        "One attempt, with the body of its request",
        do.attempt,
        {200: _told("It.", ATTEMPT)},
        description="The body is kept nowhere: it is written once more as it was sent, of the events in"
        " the log. Where it cannot be, or not with certainty, `request.body_note` says why.",
        parameters=(_ID, _ATTEMPT),
    )


def _dead(do: Handlers) -> Operation:
    return _operation(
        "GET",
        "listDeadLetters",
        "Events that were given up",
        do.dead,
        {200: _told("Oldest first.", array(DEAD), _NEXT)},
        parameters=(
            _ID,
            Parameter("after", "Go on after this position.", POSITION),
            _limit(MAX_LIMIT),
        ),
    )


def _secret(do: Handlers) -> Operation:
    return _operation(
        "GET",
        "getSigningSecret",
        "What deliveries are signed with",
        do.secret,
        {200: _told("The active secret, and old ones in their grace.", SECRETS)},
    )


def _rotate(do: Handlers) -> Operation:
    return _operation(
        "POST",
        "rotateSigningSecret",
        "Sign with a new secret; the old one signs along for a while",
        do.rotate,
        {200: _told("The new secret, and the old ones.", SECRETS)},
        body={JSON: ROTATE},
    )


def _keys(do: Handlers) -> Operation:
    return _operation(
        "GET",
        "signingKeys",
        "The public keys of deliveries that are signed with Ed25519",
        do.keys,
        {200: Response("A JWK set (RFC 7517, RFC 8037).", {JWK_SET: JWKS})},
        parameters=(),
        errors=(Unavailable,),
    )
