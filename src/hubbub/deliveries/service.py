"""The Subscriptions API without its HTTP: what may be done to subscriptions, by whom.

Who may: whoever has `manage` for every topic of a subscription. To others it does not exist, so that
ids tell nothing (404, not 403). To make or change one needs the right to read its topics as well:
otherwise a subscription would be a way around that.

Changes of one gateway's subscriptions are made one after the other, so that none is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from hubbub.core.clock import Clock
from hubbub.core.contracts import Ledger, Log
from hubbub.core.errors import Conflict, Forbidden, HubbubError, Malformed, NotFound
from hubbub.core.grants import Principal
from hubbub.core.start import LATEST, Start
from hubbub.core.subscription import Subscription
from hubbub.core.topic import covers
from hubbub.deliveries import documents
from hubbub.deliveries.documents import STANDARD, Draft, InvalidSubscription
from hubbub.deliveries.members import Reader
from hubbub.deliveries.past import Past, moment
from hubbub.deliveries.running import Engine
from hubbub.deliveries.secrets import (
    ED25519,
    GRACE,
    MAX_GRACE,
    Entropy,
    Secret,
    Vault,
    given,
    holding,
    new_secret,
    rotated,
)
from hubbub.deliveries.shown import (
    AttemptShown,
    DeadShown,
    SecretShown,
    show,
    show_attempt,
    show_secrets,
)
from hubbub.wire.signatures import jwk, prepare

KEYS_KEPT: Final = 5.0
"""Seconds for which the public keys are not gathered anew: anybody may ask for them, and there may
be 100,000 subscriptions to look through. A change made here is seen at once."""


class Subscriptions:
    """What the API and the command line call."""

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        log: Log,
        vault: Vault,
        clock: Clock,
        entropy: Entropy,
        new_id: Callable[[], str],
        removed: Callable[[Subscription], object] = lambda _: None,
    ) -> None:
        """Stand on these; `removed` is told of what was deleted here."""
        self._engine = engine
        self._removed = removed
        self._past = Past(engine, ledger, log)
        self._log = log
        self._vault = vault
        self._clock = clock
        self._entropy = entropy
        self._new_id = new_id
        self._changing = asyncio.Lock()
        self._public: dict[str, tuple[str, tuple[Secret, ...]]] = {}
        """The Ed25519 keys of each subscription that has any, beside the sealed text they are from."""
        self._keys: list[dict[str, str]] = []
        self._keys_until = 0.0

    # One subscription as a whole.

    async def create(self, document: object, principal: Principal) -> dict[str, Any]:
        """Make a subscription and return it with its secret, for the last time.

        Raises `InvalidSubscription`, `Malformed`, `Forbidden` or `Unavailable`.
        """
        _require_manager(principal)
        draft = documents.read(document, self._clock.now())
        new = Subscription(
            id=self._new_id(),
            sink=draft.sink,
            owner=principal.name,
            created=int(self._clock.now() * 1000),
        )
        secrets = self._secrets(draft, new)
        subscription = self._filled(new, draft, secrets, principal)
        await self._put(subscription, draft.start or LATEST)
        return self._shown(subscription, secrets[0].secret)

    def list(
        self, principal: Principal, *, after: str = "", limit: int = 100, owner: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the subscriptions that somebody may manage, by id, from those above `after`."""
        _require_manager(principal)
        found: list[dict[str, Any]] = []
        for id_, one in sorted(self._engine.subscriptions.items()):
            wanted = id_ > after and owner in (None, one.owner)
            if wanted and _may_manage(principal, one.topics):
                found.append(self._shown(one))
                if len(found) == limit:
                    break
        return found

    def get(self, id: str, principal: Principal) -> dict[str, Any]:  # noqa: A002
        """Return a subscription. Raises `NotFound`."""
        return self._shown(self._managed(id, principal))

    async def replace(self, id: str, document: object, principal: Principal) -> dict[str, Any]:  # noqa: A002
        """Put another document in its place; secrets that it does not name stay, as does the cursor."""
        async with self._changing:
            current = self._own(id, principal)
            return await self._update(current, document, principal)

    async def patch(self, id: str, patch: object, principal: Principal) -> dict[str, Any]:  # noqa: A002
        """Apply a JSON merge patch (RFC 7396)."""
        async with self._changing:
            current = self._own(id, principal)
            return await self._update(current, documents.patched(current, patch), principal)

    async def delete(self, id: str, principal: Principal) -> None:  # noqa: A002
        """Delete a subscription and all that is known of its deliveries."""
        async with self._changing:
            subscription = self._managed(id, principal)
            await self._engine.remove(id)
            self._keys_until = 0.0
            self._removed(subscription)

    async def _update(
        self, current: Subscription, document: object, principal: Principal
    ) -> dict[str, Any]:
        draft = documents.read(document, self._clock.now(), current)
        secrets = self._secrets(draft, current)
        updated = self._filled(current, draft, secrets, principal)
        await self._put(updated, draft.start)
        return self._shown(self._engine.subscriptions[current.id])

    async def _put(self, subscription: Subscription, start: Start | None) -> None:
        await self._engine.put(subscription, start)
        self._keys_until = 0.0

    def _secrets(self, draft: Draft, current: Subscription) -> Sequence[Secret]:
        if draft.secrets:  # also the way out where what is sealed does not open any more
            return given(draft.secrets, self._clock.now())
        return self._vault.secrets(current) or (Secret(new_secret(self._entropy)),)

    def _filled(
        self, before: Subscription, draft: Draft, secrets: Sequence[Secret], principal: Principal
    ) -> Subscription:
        """Return a subscription as a draft wants it, after every check that there is."""
        topics = draft.topics or principal.grants.subscribe
        if not _may_manage(principal, topics):
            raise Forbidden("this token may not manage subscriptions of all these topics")
        principal.require_subscribe(topics)
        if not topics:
            raise Forbidden("this token may subscribe to nothing")
        filled = msgspec.structs.replace(
            before,
            sink=draft.sink,
            topics=topics,
            types=draft.types,
            source=draft.source,
            filters=draft.filters,
            protocol=draft.protocol,
            protocolsettings=draft.protocolsettings,
            config=draft.config,
            description=draft.description,
            expires=draft.expires,
        )
        documents.selection(filled)
        dialects = filled.protocolsettings.get("signing", STANDARD)
        prepare(holding(secrets, self._clock.now()), dialects)
        if draft.secrets or not before.sealed.get("secrets"):
            filled = self._vault.with_secrets(filled, secrets)
        if draft.credential is not None:
            filled = self._vault.sealed(filled, "credential", draft.credential)
        self._engine.check(filled)
        return filled

    # What is done to one.

    async def pause(self, id: str, principal: Principal) -> dict[str, Any]:  # noqa: A002
        """Deliver nothing until it is resumed; the cursor stays."""
        self._managed(id, principal)
        return self._shown(await self._engine.change(id, "paused", f"by {principal.name}"))

    async def resume(self, id: str, principal: Principal) -> dict[str, Any]:  # noqa: A002
        """Deliver again, from where it was. Raises `Conflict` if its term is over."""
        subscription = self._managed(id, principal)
        if 0 < subscription.expires <= self._clock.now() * 1000:
            raise Conflict("its term is over: give it a later `expires` first, or null for none")
        return self._shown(await self._engine.change(id, "active", ""))

    async def replay(self, id: str, document: object, principal: Principal) -> int:  # noqa: A002
        """Deliver `since` ... `until` again, or of it `only` what failed; return how many events."""
        self._managed(id, principal)
        start, until, only_failed = self._range(document)
        return await self._engine.replay(id, start, until, only_failed=only_failed)

    async def test(self, id: str, principal: Principal) -> AttemptShown:  # noqa: A002
        """Send a test event, whatever the state, and return how it went."""
        self._own(id, principal)
        return show_attempt(await self._engine.test(id), self._log.epoch)

    def _range(self, document: object) -> tuple[Start, Start | None, bool]:
        reader, now = Reader(), self._clock.now()
        members = reader.object(document, "", ("since", "until", "only"))
        start = reader.start(members.get("since"), "/since", now)
        until = reader.start(members.get("until"), "/until", now)
        if "since" not in members:
            reader.fail("since says where to start, such as 2h", "/since")
        if members.get("only", "failed") != "failed":
            reader.fail('only is "failed", or left out for all', "/only")
        if start is None or reader.errors:
            raise InvalidSubscription(reader.errors)
        return start, until, "only" in members

    # What became of its events.

    async def attempts(  # noqa: PLR0913  what can be asked
        self,
        id: str,  # noqa: A002
        principal: Principal,
        *,
        before: str = "",
        since: str | None = None,
        outcomes: Sequence[str] = (),
        limit: int = 100,
    ) -> Sequence[AttemptShown]:
        """Return attempts, newest first: with ids below `before`, begun at or after `since`."""
        self._managed(id, principal)
        begun = 0 if since is None else moment(since, self._clock.now())
        return await self._past.attempts(
            id, before=before, begun=begun, outcomes=outcomes, limit=limit
        )

    async def attempt(self, id: str, attempt: str, principal: Principal) -> AttemptShown:  # noqa: A002
        """Return an attempt with the body of its request, as far as it is known. Raises `NotFound`."""
        self._managed(id, principal)
        return await self._past.attempt(id, attempt)

    async def retry_attempt(self, id: str, attempt: str, principal: Principal) -> int:  # noqa: A002
        """Send the events of an attempt again, now; return how many. Raises `Conflict`, `NotFound`."""
        self._managed(id, principal)
        return await self._past.retry_attempt(id, attempt)

    async def dead(
        self,
        id: str,  # noqa: A002
        principal: Principal,
        *,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[DeadShown]:
        """Return dead letters, oldest first, from those behind the position `after`."""
        self._managed(id, principal)
        return await self._past.dead(id, after=after, limit=limit)

    async def retry_dead(self, id: str, principal: Principal) -> int:  # noqa: A002
        """Try every dead letter again, now; return how many there were. Raises `Conflict`."""
        self._managed(id, principal)
        return await self._past.retry_dead(id)

    # Secrets.

    def secret(self, id: str, principal: Principal) -> SecretShown:  # noqa: A002
        """Tell the signing secrets that hold."""
        subscription = self._own(id, principal)
        return show_secrets(self._vault.secrets(subscription), self._clock.now())

    async def rotate(self, id: str, document: object, principal: Principal) -> SecretShown:  # noqa: A002
        """Sign with a new secret; the old ones sign along for `grace`, 24 h unless it is said."""
        async with self._changing:
            subscription = self._own(id, principal)
            dialects = subscription.protocolsettings.get("signing", STANDARD)
            reader = Reader()
            members = reader.object(document, "", ("grace", "secret"))
            grace = reader.duration(members.get("grace", GRACE), "/grace", MAX_GRACE, GRACE)
            secrets, now = self._vault.secrets(subscription), self._clock.now()
            made = new_secret(self._entropy, secrets[0].secret)
            new = reader.value(members.get("secret", made), str, "/secret", made)
            try:
                prepare([new], dialects)
            except Malformed as error:
                reader.fail(error.detail, "/secret")
            if reader.errors:
                raise InvalidSubscription(reader.errors)
            secrets = rotated(secrets, new, now, grace)
            await self._put(self._vault.with_secrets(subscription, secrets), None)
            return show_secrets(secrets, now)

    def public_keys(self) -> list[dict[str, str]]:
        """Return the public keys that deliveries are signed with now, as JWKs; for everybody."""
        now = self._clock.now()
        if now >= self._keys_until:
            self._keys = self._gathered(now)
            self._keys_until = now + KEYS_KEPT
        return self._keys

    def _gathered(self, now: float) -> list[dict[str, str]]:
        subscriptions = self._engine.subscriptions
        for id_, subscription in subscriptions.items():
            sealed = subscription.sealed.get("secrets", "")
            if self._public.get(id_, ("",))[0] != sealed:
                self._public[id_] = (sealed, self._ed25519(subscription))
        self._public = {id_: one for id_, one in self._public.items() if id_ in subscriptions}
        found = {key: None for _, keys in self._public.values() for key in holding(keys, now)}
        return [jwk(secret) for secret in found]

    def _ed25519(self, subscription: Subscription) -> tuple[Secret, ...]:
        try:
            secrets = self._vault.secrets(subscription)
        except HubbubError:  # what does not open signs nothing, and the others have keys to show
            return ()
        return tuple(one for one in secrets if one.secret.startswith(ED25519))

    # Who may.

    def _managed(self, id: str, principal: Principal) -> Subscription:  # noqa: A002
        """Return a subscription that somebody may manage. Raises `NotFound` or `Forbidden`."""
        _require_manager(principal)
        subscription = self._engine.subscriptions.get(id)
        if subscription is None or not _may_manage(principal, subscription.topics):
            raise NotFound(
                "there is no such subscription; GET /subscriptions lists those there are"
            )
        return subscription

    def _own(self, id: str, principal: Principal) -> Subscription:  # noqa: A002
        """Return one that people made, and may change. Raises `Conflict` for the others."""
        subscription = self._managed(id, principal)
        if subscription.protocol != documents.PROTOCOL:
            raise Conflict(
                f"a subscription of protocol {subscription.protocol} is changed by whoever asked for it,"
                " not here: it can be paused, resumed, replayed and deleted"
            )
        return subscription

    def _shown(self, subscription: Subscription, secret: str | None = None) -> dict[str, Any]:
        try:
            standing = self._engine.status(subscription.id)
        except NotFound:  # it cannot run, which its reason or the log of the server explains
            standing = None
        return show(subscription, standing, secret)


def _require_manager(principal: Principal) -> None:
    if not principal.grants.manage:
        raise Forbidden("this token may manage nothing; subscriptions need the grant manage")


def _may_manage(principal: Principal, topics: Sequence[str]) -> bool:
    granted = principal.grants.manage
    if isinstance(granted, bool):
        return granted
    return all(any(covers(pattern, topic) for pattern in granted) for topic in topics)
