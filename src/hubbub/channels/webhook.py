"""`HTTP`: deliveries as webhooks, signed as Standard Webhooks 1.0.

Guarantees: what is signed is what is sent, byte for byte; only 2xx is success; a redirect is not
followed; the same event has the same `webhook-id` in every attempt, and each attempt its own
timestamp; every request goes through the egress guard; an attempt ends within its timeout.

The body is a structured CloudEvent (`content: structured`), with the number of the delivery in its
`sequence` extension, so that the number is signed; `binary` puts the attributes into `ce-` headers,
which no signature covers; `data` sends the data alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

import msgspec

from hubbub.channels.calling import CHANGED, USER_AGENT, answered, failed, judge
from hubbub.core.calling import Caller
from hubbub.core.clock import Clock
from hubbub.core.contracts import Order, Rewritten
from hubbub.core.errors import Malformed
from hubbub.core.event import Record
from hubbub.core.outcome import (
    MAX_BODY,
    Exchange,
    Failed,
)
from hubbub.core.subscription import Attempt, Subscription
from hubbub.wire.cloudevents import CE_BATCH_JSON, CE_JSON, to_http
from hubbub.wire.signatures import Signing, prepare

SHOWN: Final = frozenset(("authorization", "webhook-signature"))
"""Headers of ours that the record of an attempt does not repeat."""

HANDSHAKE_TIMEOUT: Final = 15.0
"""Seconds for the OPTIONS request that asks for consent."""

SEQUENCES: Final = "webhook-sequence"
"""Header with the numbers of what is delivered."""

ORIGIN: Final = "webhook-request-origin"
"""Header that asks for consent."""

ASKED: Final = Rewritten(
    None, "nothing was sent: the receiver was asked for its consent by OPTIONS"
)
"""Of an attempt that ended there."""

UNNUMBERED: Final = "some of its events had numbers (`webhook-sequence`), which are left out here"
"""Of a batch in which others had none, as in a replay: whose they are is not told."""

_SEQUENCE: Final = b'"sequence":'


Content = Literal["structured", "binary", "data"]
Handshake = Literal["off", "optional", "required"]


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`protocolsettings` of `HTTP`; `secret` is kept apart, sealed."""

    signing: tuple[str, ...] = ("standard",)
    """Dialects that deliveries are signed in, all at once."""
    content: Content = "structured"
    """What the body is."""
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Headers that are added to every request."""
    handshake: Handshake = "off"
    """Whether the receiver is asked for consent first (CloudEvents webhook 1.0, section 4)."""
    origin: str = ""
    """Who we say we are in the handshake; empty: `deliveries.origin`."""


class WebhookChannel:
    """Makes targets of subscriptions."""

    def __init__(
        self, caller: Caller, check: Callable[[str], object], clock: Clock, origin: str
    ) -> None:
        """`check` raises `Malformed` for a URL that is never called."""
        self._caller = caller
        self._check = check
        self._clock = clock
        self._origin = origin

    def check(self, subscription: Subscription) -> None:
        """Check the sink and the settings. Raises `Malformed` with a pointer."""
        try:
            self._check(subscription.sink)
        except Malformed as error:
            raise type(error)(error.detail, pointer="/sink") from None
        settings = settings_of(subscription)
        if settings.content != "structured" and subscription.config.get("batch_size", 1) != 1:
            raise Malformed(
                "a batch is sent as structured events: leave out content or batch_size",
                pointer="/protocolsettings/content",
            )

    def target(
        self, subscription: Subscription, secrets: Sequence[str], credential: str
    ) -> WebhookTarget:
        """Make a subscription ready."""
        settings = settings_of(subscription)
        signing = prepare(secrets, settings.signing)
        is_batch = subscription.config.get("batch_size", 1) != 1
        return WebhookTarget(
            self._caller,
            self._clock,
            subscription.sink,
            settings,
            signing,
            credential,
            settings.origin or self._origin,
            is_batch=is_batch,
        )


def settings_of(subscription: Subscription) -> WebhookSettings:
    """Read the settings of a subscription. Raises `Malformed`."""
    try:
        return msgspec.convert(subscription.protocolsettings, WebhookSettings)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        where = place.rstrip("`").replace(".", "/")
        raise Malformed(what, pointer=f"/protocolsettings{where}") from None


class WebhookTarget:
    """One endpoint, ready."""

    def __init__(  # noqa: PLR0913, PLR0917  what a request is made of
        self,
        caller: Caller,
        clock: Clock,
        sink: str,
        settings: WebhookSettings,
        signing: Signing,
        credential: str,
        origin: str,
        *,
        is_batch: bool,
    ) -> None:
        self.rate = 0.0
        """Requests a second that the receiver allowed; 0: no bound."""
        self._caller = caller
        self._clock = clock
        self._sink = sink
        self._settings = settings
        self._signing = signing
        self._origin = origin
        self._is_batch = is_batch
        self._fixed = [("user-agent", USER_AGENT), *settings.headers.items()]
        if credential:
            self._fixed.append(("authorization", credential))
        self._bare = [one for one in self._fixed if one[0].lower() not in SHOWN]
        if settings.handshake != "off":
            self._fixed.append((ORIGIN, origin))

    async def deliver(self, order: Order, timeout: float) -> Exchange:  # noqa: ASYNC109
        """Send one request."""
        now = self._clock.now()
        content_headers, body = self._content(order)
        signed = self._signing.headers(order.id, int(now), _type_of(order), body)
        varying = [*content_headers, *_numbers(order)]
        shown = [*self._bare, *varying, *(one for one in signed if _is_shown(one[0]))]
        try:
            answer = await self._caller.request(
                "POST",
                self._sink,
                headers=[*self._fixed, *varying, *signed],
                body=body,
                timeout=timeout,
                max_body=MAX_BODY,
            )
        except Exception as error:  # noqa: BLE001  whatever goes wrong is an outcome
            return failed(error, shown)
        return answered(answer, judge(answer, now), shown)

    def _content(self, order: Order) -> tuple[list[tuple[str, str]], bytes]:
        """Return the headers that describe the body, and the body."""
        settings = self._settings
        if settings.content == "data":
            data = order.records[0].data()
            kind = data.content_type
            return [("content-type", kind)] if kind else [], data.content or b""
        if self._is_batch:
            parts = [numbered(*one) for one in zip(order.records, order.sequences, strict=True)]
            return [("content-type", CE_BATCH_JSON)], b"[%b]" % b",".join(parts)
        record = order.records[0]
        if settings.content == "binary":
            headers, body = to_http(record)
            return headers, body
        return [("content-type", CE_JSON)], numbered(record, order.sequences[0])

    async def rewrite(self, attempt: Attempt, records: Sequence[Record]) -> Rewritten:
        """Write the body of an attempt once more; the numbers that were in it are in a header."""
        sent = attempt.request_headers
        if any(name == ORIGIN for name, _ in sent):
            return ASKED
        numbers = _read_numbers(sent)
        is_numbered = len(numbers) == len(records)
        sequences = numbers if is_numbered else [0] * len(records)
        headers, body = self._content(Order(attempt.message, records, sequences, attempt.number))
        if headers != _content_headers(sent):
            return CHANGED
        return Rewritten(body, "" if is_numbered or not numbers else UNNUMBERED)

    async def prepare(self) -> Exchange | None:
        """Ask for consent, if that is wanted (CloudEvents webhook 1.0, section 4)."""
        if self._settings.handshake == "off":
            return None
        headers = [
            ("user-agent", USER_AGENT),
            (ORIGIN, self._origin),
            ("webhook-request-rate", "*"),
        ]
        try:
            answer = await self._caller.request(
                "OPTIONS",
                self._sink,
                headers=headers,
                timeout=HANDSHAKE_TIMEOUT,
                max_body=MAX_BODY,
            )
        except Exception as error:  # noqa: BLE001  whatever goes wrong is an outcome
            return failed(error, headers) if self._settings.handshake == "required" else None
        said = {name.lower(): value.strip() for name, value in answer.headers}
        if said.get("webhook-allowed-origin") in (self._origin, "*"):
            self.rate = _allowed_rate(said.get("webhook-allowed-rate", "*"))
            return None
        if self._settings.handshake == "optional":
            return None
        detail = (
            "the receiver has not consented: it must answer OPTIONS with WebHook-Allowed-Origin"
        )
        return answered(answer, Failed("refused", answer.status, detail), headers)


def numbered(record: Record, sequence: int) -> bytes:
    """Return the JSON of a record with its number as the CloudEvents extension `sequence`.

    An event that brought a `sequence` of its own keeps it, and has ours as `hubbubsequence`.
    """
    if not sequence:
        return record.json
    name = b"sequence"
    if _SEQUENCE in record.json and "sequence" in record.attributes():
        name = b"hubbubsequence"
    return b'%b,"%b":"%d"}' % (record.json[:-1], name, sequence)


def _numbers(order: Order) -> list[tuple[str, str]]:
    numbers = [str(number) for number in order.sequences if number]
    return [(SEQUENCES, ",".join(numbers))] if numbers else []


def _read_numbers(headers: Iterable[tuple[str, str]]) -> list[int]:
    """Read the numbers that a delivery was sent with; of a batch, only of those that had one."""
    return [
        int(number) for name, value in headers if name == SEQUENCES for number in value.split(",")
    ]


def _content_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those that describe the body, in their order."""
    return [one for one in headers if one[0] == "content-type" or one[0].startswith("ce-")]


def _type_of(order: Order) -> str:
    return order.records[0].type


def _is_shown(name: str) -> bool:
    """Tell whether a header of a signature may be repeated: ids and times may."""
    return not name.lower().endswith(("signature", "signature-256", "hmac-sha256", "signature-2"))


def _allowed_rate(text: str) -> float:
    """Read `WebHook-Allowed-Rate`: requests a minute, or `*`; return them a second, 0: no bound."""
    return int(text) / 60 if text.isascii() and text.isdigit() and int(text) else 0.0
