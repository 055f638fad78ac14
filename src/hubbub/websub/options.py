"""The settings of the WebSub hub and of publishing to others, section `[websub]`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hubbub.core.errors import InvalidTopic
from hubbub.core.subscription import Policy
from hubbub.core.topic import check_pattern
from hubbub.websub.foreign_options import ForeignOptions
from hubbub.wire.websub import METHODS, Form

Method = Literal["sha256", "sha1", "sha384", "sha512"]

SCHEDULE = (0.0, 5.0, 30.0, 120.0, 600.0, 1800.0, *(3600.0,) * 22)
"""A day in all, and no wait longer than an hour."""

_URL = re.compile(r"https?://[^/?#@]+(?:[/?][!-~]*)?", re.IGNORECASE)
_STRAY = re.compile(r"""[^!-~]|["#<>\\^`{|}]""")
"""What no URL without a fragment has as it is (RFC 3986), and what would end one in a `Link` header."""

_HOST = re.compile(r"\*|(\*\.)?[a-z0-9\-.:\[\]]+")


class WebSubOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the hub at `/hub` grants subscriptions and verifies them, and which other hubs are told."""

    enabled: bool = True
    """Whether `/hub` is a hub."""
    public: bool = False
    """Whether those without a token may subscribe to topics of others: a hub for everybody. Topics of
    our own are for those who may read them in any case."""
    topic_hosts: tuple[str, ...] = ("*",)
    """Hosts whose topics may be subscribed to although they are not ours, and to which those may
    redirect: `blog.example`, `*.example`, `*` for all, none at all with an empty list."""
    callback_hosts: tuple[str, ...] = ("*",)
    """Hosts to which callbacks may lead."""
    lease: Annotated[int, Meta(ge=1)] = 10 * 86_400
    """Seconds that are granted where nothing is asked for: the Recommendation's 10 days (8.2)."""
    min_lease: Annotated[int, Meta(ge=1)] = 300
    """Least seconds that are granted: each renewal is work for us."""
    max_lease: Annotated[int, Meta(ge=1, le=31_536_000)] = 30 * 86_400
    """Most seconds that are granted: so long may a callback that nobody owns any more get news."""
    method: Method = "sha256"
    """How deliveries are signed where the subscriber does not say."""
    methods: tuple[str, ...] = ()
    """Signature methods by the host of callbacks, such as `push.example=sha1`: for subscribers that
    know only an old one and cannot say so."""
    rate: Annotated[float, Meta(gt=0, le=100_000)] = 75.0
    """Requests to subscribe that are taken a second; the others wait some seconds, and are asked to
    come again. Each costs about a millisecond, which publishers would have to wait for."""
    burst: Annotated[int, Meta(ge=1)] = 20
    """How many are taken at once after a quiet time."""
    verify_timeout: Annotated[float, Meta(gt=0, le=60)] = 10.0
    """Seconds for one verification of intent."""
    verify_schedule: Annotated[tuple[float, ...], Meta(min_length=1, max_length=20)] = (
        0.0,
        10.0,
        60.0,
        600.0,
    )
    """Seconds before each attempt to verify, the first of which is made at once, while the callback does not answer or has a failure of
    its own; a 404 or a wrong echo is final."""
    verify_concurrency: Annotated[int, Meta(ge=1)] = 64
    """Verifications at a time: few, so that a thousand of them do not delay what is published."""
    verify_per_host: Annotated[int, Meta(ge=1)] = 16
    """Verifications at a time at one host."""
    max_subscriptions: Annotated[int, Meta(ge=1)] = 50_000
    """Subscriptions at this hub: less than `deliveries.max_subscriptions`, so that strangers leave room
    for webhooks."""
    max_pending: Annotated[int, Meta(ge=1)] = 10_000
    """Verifications that may wait."""
    max_pending_per_address: Annotated[int, Meta(ge=1)] = 1000
    """Verifications that one address may have waiting (an IPv6 /64 counts as one). Behind a proxy
    all come from its address: raise it there."""
    max_pending_per_host: Annotated[int, Meta(ge=1)] = 500
    """Verifications that may wait for one host: we must not be a way to flood it."""
    keep_ended: Annotated[float, Meta(ge=0)] = 86_400.0
    """Seconds for which an ended subscription can still be looked up."""
    timeout: Annotated[float, Meta(gt=0, le=60)] = 10.0
    """Seconds for one notification: a subscriber is to answer at once (7)."""
    schedule: Annotated[tuple[float, ...], Meta(min_length=1, max_length=100)] = SCHEDULE
    """Seconds before each attempt at a notification; the last ones also pace the looks at a callback
    that is away, so it gets what it missed within the hour that it is back."""
    foreign: ForeignOptions = ForeignOptions()
    """How topics of others are fetched."""

    hubs: tuple[str, ...] = ()
    """Hubs of others that are told when a topic of ours changes, http(s) URLs. They are advertised
    beside ours on what they are told of: `hub_topics`, as `representations`."""
    hub_topics: tuple[str, ...] = ("**",)
    """Patterns of the topics that they are told of, by name: not for what nobody may know of."""
    representations: tuple[Form, ...] = ("json", "atom", "json-feed")
    """Which URLs of a topic they are told of, by `format`; `json` is the plain one."""

    @property
    def policy(self) -> Policy:
        """How notifications are tried.

        In order, one after the other: a callback that was away gets what it missed as it happened.
        Failures alone never end a subscription: its lease does (7.1).
        """
        return Policy(
            schedule=self.schedule,
            timeout=self.timeout,
            order="strict",
            concurrency=1,
            disable_after=0,
        )

    def __post_init__(self) -> None:
        if not self.min_lease <= self.lease <= self.max_lease:
            raise ValueError("lease is between min_lease and max_lease")
        for host in (*self.topic_hosts, *self.callback_hosts):
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is no host: blog.example, *.example, or * for all")
        for one in self.methods:
            host, _, method = one.partition("=")
            if not _HOST.fullmatch(host) or method not in METHODS:
                raise ValueError(f"methods look like push.example=sha1, not {one!r}")
        for url in self.hubs:
            if not _URL.fullmatch(url) or _STRAY.search(url):
                shown = "" if "@" in url else f", not {url!r}"  # there may be a password in it
                raise ValueError(
                    "hubs are URLs such as https://hub.example/, in ASCII, without blanks, fragment"
                    f" and password{shown}"
                )
        for pattern in self.hub_topics:
            try:
                check_pattern(pattern)
            except InvalidTopic as error:
                raise ValueError(f"hub_topics: {error.detail}") from None


def is_listed(host: str, hosts: tuple[str, ...]) -> bool:
    """Tell whether a host is in a list of hosts, `*.example` and `*`."""
    return any(
        one in ("*", host) or (one.startswith("*.") and host.endswith(one[1:])) for one in hosts
    )
