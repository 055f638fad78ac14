"""What may be asked of the hub: callbacks, topics and leases, and the subscription that there would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from hubbub.core.clock import Clock
from hubbub.core.errors import Forbidden, Malformed, Unauthenticated
from hubbub.core.grants import Principal
from hubbub.core.subscription import Subscription
from hubbub.websub import own
from hubbub.websub.intent import Intent
from hubbub.websub.options import WebSubOptions, is_listed
from hubbub.websub.own import OwnTopic
from hubbub.wire.websub import BATCH, Delivering, Subscribing, chosen, digest

PROTOCOL: Final = "WEBSUB"
"""Of the subscriptions that the hub makes."""

HUB: Final = "/hub"

TOKEN: Final = "token"
"""Under which the `hub.verify_token` of an old client is sealed: it is asked for at each renewal."""


class Vault(Protocol):
    """Seals what subscriptions hold: `deliveries.secrets.Vault`."""

    def with_secret(self, subscription: Subscription, secret: str) -> Subscription:
        """Return a subscription that is signed with one secret; empty: not at all."""
        ...

    def sealed(self, subscription: Subscription, name: str, text: str) -> Subscription:
        """Return a subscription that holds a secret text; an empty one removes it."""
        ...

    def opened(self, subscription: Subscription, name: str) -> str:
        """Return a secret text; empty if there is none."""
        ...


class Admission:
    """Makes intents of requests, or says why not."""

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        *,
        subscriptions: Callable[[], Mapping[str, Subscription]],
        log_topic: Callable[[str], str],
        check: Callable[[str], object],
        vault: Vault,
        options: WebSubOptions,
        clock: Clock,
    ) -> None:
        """Stand on these.

        `log_topic` names the topic of our log for a URL of others, `check` raises `Malformed` for a URL
        that is never called.
        """
        self._subscriptions = subscriptions
        self._log_topic = log_topic
        self._check = check
        self._vault = vault
        self._options = options
        self._clock = clock
        self._methods = dict(one.split("=", 1) for one in options.methods)

    def intent(
        self, asked: Subscribing, *, base: str, address: str, principal: Principal | None
    ) -> Intent:
        """Return what is to be verified. Raises `Malformed`, `Forbidden` or `Unauthenticated`.

        Whoever unsubscribes needs no rights: the callback decides (5.1).
        """
        self._callback(asked.callback, base)
        topic = own.read(asked.topic, base)
        lease = self._lease(asked.lease, principal)
        if asked.mode == "subscribe":
            self._permit(asked, topic, principal)
        has_end = principal is not None and principal.expires is not None
        renew = asked.is_old and asked.lease is None and not has_end
        subscription = self._draft(asked, topic, base, lease, renew=renew)
        if principal is not None:
            subscription = msgspec.structs.replace(subscription, owner=principal.name)
        return Intent(
            mode=asked.mode,
            subscription=subscription,
            lease=lease,
            address=address,
            asked=int(self._clock.now() * 1000),
        )

    def renewal(self, subscription: Subscription, settings: Delivering) -> Intent:
        """Return the question whether an old client goes on."""
        return Intent(
            mode="subscribe",
            subscription=subscription,
            lease=settings.lease,
            asked=int(self._clock.now() * 1000),
        )

    def token(self, subscription: Subscription) -> str:
        """Return the `hub.verify_token` of an old client; empty: it gave none."""
        return self._vault.opened(subscription, TOKEN)

    def _callback(self, callback: str, base: str) -> None:
        """Check where notifications would go."""
        if own.is_below(callback, base):
            raise Malformed("hub.callback is at this hub itself")
        self._called(callback, "hub.callback")
        host = urlsplit(callback).hostname or ""
        if not is_listed(host, self._options.callback_hosts):
            raise Forbidden("this hub does not call this host (websub.callback_hosts)")

    def _called(self, url: str, name: str) -> None:
        try:
            self._check(url)
        except Malformed as error:
            raise Malformed(f"{name}: {error.detail}") from None

    def _permit(
        self, asked: Subscribing, topic: OwnTopic | None, principal: Principal | None
    ) -> None:
        """Check that somebody may subscribe to a topic."""
        if topic is not None:
            if principal is None:
                raise Unauthenticated("to subscribe to this topic takes a token that may read it")
            principal.require_subscribe([topic.pattern])
            return
        self._called(asked.topic, "hub.topic")
        host = urlsplit(asked.topic).hostname or ""
        if not is_listed(host, self._options.topic_hosts):
            raise Forbidden("this hub is not for topics of this host (websub.topic_hosts)")
        if (principal is None or principal.is_stranger) and not self._options.public:
            raise Unauthenticated("this hub is for those with a token (websub.public)")

    def _draft(
        self, asked: Subscribing, topic: OwnTopic | None, base: str, lease: int, *, renew: bool
    ) -> Subscription:
        """Return the subscription that there will be, but for its end."""
        id_ = id_of(asked.topic, asked.callback)
        known = self._subscriptions().get(id_)
        form = "latest" if topic is None else topic.form
        host = urlsplit(asked.callback).hostname or ""
        delivering = Delivering(
            topic=asked.topic,
            hub=base + HUB,
            form=form,
            method=chosen(asked.methods, self._methods.get(host, self._options.method)),
            lease=lease,
            renew=renew,
            is_foreign=topic is None,
        )
        subscription = Subscription(
            id=id_,
            sink=asked.callback,
            topics=(self._log_topic(asked.topic) if topic is None else topic.pattern,),
            types=() if topic is None else topic.types,
            filters=({"sql": topic.sql},) if topic is not None and topic.sql else (),
            protocol=PROTOCOL,
            protocolsettings=msgspec.to_builtins(delivering),
            config={"batch_size": BATCH[form]},
            created=int(self._clock.now() * 1000) if known is None else known.created,
            began=None if known is None else known.began,
        )
        subscription = self._vault.sealed(subscription, TOKEN, asked.token)
        return self._vault.with_secret(subscription, asked.secret)

    def _lease(self, asked: int | None, principal: Principal | None) -> int:
        """Return the seconds that are granted: within our bounds, and not beyond the token's end."""
        options = self._options
        lease = max(options.min_lease, min(asked or options.lease, options.max_lease))
        if principal is not None and principal.expires is not None:
            lease = max(1, min(lease, int(principal.expires - self._clock.now())))
        return lease


def id_of(topic: str, callback: str) -> str:
    """Return the id of the subscription of a topic and a callback: each pair has one (5.1)."""
    return f"websub-{digest(topic, callback)}"


def settings_of(subscription: Subscription) -> Delivering:
    """Return how the hub delivers to a subscription that it made."""
    return msgspec.convert(dict[str, Any](subscription.protocolsettings), Delivering)
