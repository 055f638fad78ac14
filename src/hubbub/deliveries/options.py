"""The settings of deliveries, section `[deliveries]`."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from hubbub.core.subscription import Policy, Subscription

MAX_POLICIES: Final = 1024
"""Policies that are remembered, so that equal ones are one."""


class DeliveryOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How events are delivered to subscriptions; a subscription's own `config` goes before `policy`."""

    policy: Policy = Policy()
    """How deliveries are tried where a subscription does not say otherwise."""
    concurrency: Annotated[int, Meta(ge=1)] = 1000
    """Attempts on their way at once, of all subscriptions: each is a socket."""
    flush_interval: Annotated[float, Meta(gt=0, le=60)] = 0.25
    """Seconds between two writes of cursors and attempts: what a crash can repeat."""
    flush_attempts: Annotated[int, Meta(ge=1)] = 500
    """Attempts after which they are written at once."""
    attempts_max_age: Annotated[float, Meta(ge=0)] = 7 * 86_400.0
    """Seconds for which the records of attempts are kept."""
    attempts_max_count: Annotated[int, Meta(ge=0)] = 1_000_000
    """Attempts of which records are kept: some 200 bytes each."""
    max_subscriptions: Annotated[int, Meta(ge=1)] = 100_000
    """Subscriptions that there may be: each takes some 5 kB of memory."""
    origin: str = "hubbub"
    """Our name in the CloudEvents webhook handshake (`WebHook-Request-Origin`): a DNS name."""


def policy_of(subscription: Subscription, policy: Policy) -> Policy:
    """Return the policy of a subscription: what it says itself goes before what is given."""
    if not subscription.config:
        return policy
    return _merged(policy, msgspec.json.encode(subscription.config))


@lru_cache(MAX_POLICIES)
def _merged(policy: Policy, config: bytes) -> Policy:
    """Return a policy with some members changed: thousands of subscriptions have the same one."""
    changed = msgspec.json.decode(config, type=dict[str, Any])
    return msgspec.convert(msgspec.structs.asdict(policy) | changed, Policy)
