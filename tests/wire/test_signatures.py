"""Every dialect is taken by the library of whom it comes from, and by nobody with another secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import pytest
import slack_sdk.signature
import standardwebhooks
import stripe
import svix.webhooks

from hubbub import webhooks
from hubbub.core.errors import Malformed
from hubbub.wire import signatures
from hubbub.wire.signatures import DIALECTS, jwk, prepare
from web_clients.programs import node_program, program

NOW = 1_795_564_800
SECRET = webhooks.new_secret(bytes(range(32)))
OLD = webhooks.new_secret(bytes(range(1, 33)))
OLDER = webhooks.new_secret(bytes(range(2, 34)))
PAIR = webhooks.new_key_pair(bytes(range(32)))
PLAIN = "It's a Secret to Everybody"
BODY = '{"object":"event","name":"Zoë €😀"}'
BYTES = BODY.encode()
LEGACY = [name for name in DIALECTS if name != "standard"]


def signed(secrets, *dialects, body=BYTES, type="order.paid", at=NOW):
    return dict(prepare(secrets, dialects).headers("msg_1", at, type, body))


def now() -> int:
    """Return the time of the machine, which libraries ask for when they verify."""
    return int(time.time())


def mac(secret: str, content: str) -> bytes:
    return hmac.new(secret.encode(), content.encode(), hashlib.sha256).digest()


class TestStandard:
    @pytest.mark.parametrize("library", [standardwebhooks, svix.webhooks])
    def test_libraries(self, library):
        """Each of the secrets holds in a rotation."""
        made = signed([SECRET, OLD], "standard", at=now())
        for secret in (SECRET, OLD):
            library.Webhook(secret).verify(BODY, made)
        with pytest.raises(library.WebhookVerificationError):
            library.Webhook(OLDER).verify(BODY, made)

    def test_from_one_kind_to_the_other(self):
        made = signed([PAIR.secret, OLD], "standard")
        for held in (PAIR.public, OLD):
            assert webhooks.verify(BYTES, made, held, now=NOW).id == "msg_1"

    def test_an_old_secret_that_does_not_fit_signs_no_more(self):
        made = signed([SECRET, PLAIN], "standard")
        assert made == signed([SECRET], "standard")


class TestGitHub:
    def test_the_example_of_its_documentation(self):
        """docs.github.com, validating webhook deliveries."""
        made = signed([PLAIN], "github", body=b"Hello, World!")
        assert made["X-Hub-Signature-256"] == (
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        )

    def test_what_else_it_sends(self):
        made = signed([PLAIN], "github")
        assert made["X-GitHub-Event"] == "order.paid"
        assert made["X-GitHub-Delivery"] == "msg_1"

    @pytest.mark.slow
    @pytest.mark.anyio
    async def test_octokit(self):
        made = signed([SECRET, OLD], "github")["X-Hub-Signature-256"]
        async with program(*node_program("octokit.mjs")) as octokit:
            for secret, holds in ((SECRET, True), (OLD, False)):
                await octokit.send({"secret": secret, "body": BODY, "signature": made})
                assert await octokit.said() == {"holds": holds}


class TestStripe:
    def test_its_library(self):
        made = signed([SECRET, OLD], "stripe", at=now())["Stripe-Signature"]
        for secret in (SECRET, OLD):
            event = stripe.Webhook.construct_event(BYTES, made, secret)
            assert event["name"] == "Zoë €😀"
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(BYTES, made, OLDER)

    def test_as_its_library_makes_it(self):
        made = stripe.WebhookSignature.generate_signature_header(BODY, SECRET, NOW)
        assert signed([SECRET], "stripe") == {"Stripe-Signature": made}


class TestSlack:
    class Clock(slack_sdk.signature.Clock):
        def now(self):
            return float(NOW)

    def test_its_library(self):
        made = signed([SECRET, OLD], "slack")
        for secret, holds in ((SECRET, True), (OLD, False)):
            verifier = slack_sdk.signature.SignatureVerifier(secret, self.Clock())
            assert verifier.is_valid_request(BODY, made) is holds


class TestShopify:
    def test_as_its_documentation_says(self):
        """shopify.dev, verify deliveries: base64 of the HMAC of the raw body."""
        made = signed([PLAIN, OLD], "shopify", type="orders/create")
        assert base64.b64decode(made.pop("X-Shopify-Hmac-SHA256")) == mac(PLAIN, BODY)
        assert made == {
            "X-Shopify-Topic": "orders/create",
            "X-Shopify-Webhook-Id": "msg_1",
            "X-Shopify-Event-Id": "msg_1",
        }


class TestHookdeck:
    def test_as_its_documentation_says(self):
        """hookdeck.com, signature verification: a second header while the secret is rotated."""
        assert list(signed([SECRET], "hookdeck")) == ["X-Hookdeck-Signature"]
        made = signed([SECRET, OLD, OLDER], "hookdeck")
        assert {name: base64.b64decode(value) for name, value in made.items()} == {
            "X-Hookdeck-Signature": mac(SECRET, BODY),
            "X-Hookdeck-Signature-2": mac(OLD, BODY),
        }


class TestAll:
    def test_at_once(self):
        """Together they are what each is alone, and no header is there twice."""
        together = prepare([SECRET, OLD], DIALECTS).headers("msg_1", NOW, "a", b"\xff\x00")
        alone = [
            pair
            for name in DIALECTS
            for pair in prepare([SECRET, OLD], [name]).headers("msg_1", NOW, "a", b"\xff\x00")
        ]
        assert together == alone
        assert len({name.lower() for name, _ in together}) == len(together)

    def test_one_that_is_named_twice(self):
        assert len(prepare([SECRET], ["slack", "slack"]).headers("m", NOW, "a", b"")) == 2

    @pytest.mark.parametrize("type", ["größe", 'a"b%c', "a\r\nx: y", "日本", " ", "a\x00"])
    def test_types_do_not_break_headers(self, type):
        for name, value in signed([SECRET], *DIALECTS, type=type).items():
            assert value.isascii() and value.isprintable(), name

    def test_an_old_key_pair_signs_no_legacy_dialect(self):
        for name in LEGACY:
            assert signed([SECRET, PAIR.secret], name) == signed([SECRET], name)


class TestRefused:
    @pytest.mark.parametrize(
        ("secrets", "dialects", "pointer", "reason"),
        [
            ([], ["standard"], "secret", "give one"),
            ([SECRET], [], "signing", "name a dialect to sign in: standard, github"),
            ([SECRET], ["standard", "gitlab"], "signing/1", "'gitlab' is no dialect; there are"),
            ([""], ["standard"], "secret", "empty"),
            ([""], ["github"], "secret", "16 to 256 characters, this one 0"),
            (["x" * 15], ["stripe"], "secret", "this one 15"),
            (["x" * 257], ["stripe"], "secret", "this one 257"),
            (["sécret" * 4], ["slack"], "secret", "visible ASCII"),
            (["secret\n" * 4], ["slack"], "secret", "visible ASCII"),
            ([PLAIN], ["standard"], "secret", r"base64 .* \(for signing as standard\)"),
            ([PAIR.public], ["standard"], "secret", "verifies only"),
            ([PAIR.secret], ["standard", "github"], "secret", "Ed25519 .* as github"),
            ([PAIR.secret, SECRET], ["github"], "secret", "Ed25519"),
            (["whsec_" + "A" * 20], ["standard"], "secret", "24 to 64 octets, this one 15"),
        ],
    )
    def test_combinations_that_cannot_work(self, secrets, dialects, pointer, reason):
        with pytest.raises(Malformed, match=reason) as caught:
            prepare(secrets, dialects)
        assert caught.value.pointer == f"/protocolsettings/{pointer}"
        assert all(secret not in caught.value.detail for secret in secrets if secret)

    def test_an_id_that_could_be_read_in_two_ways(self):
        with pytest.raises(ValueError, match="full stop"):
            prepare([SECRET], ["standard"]).headers("a.b", NOW, "a", b"")


class TestJwk:
    def test_the_example_of_rfc_8037(self):
        """Appendices A.1 to A.3: the key, its public half, its thumbprint."""
        seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
        assert jwk(webhooks.new_key_pair(seed).secret) == {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "alg": "EdDSA",
            "use": "sig",
        }

    def test_a_shared_secret_is_not_published(self):
        with pytest.raises(Malformed, match="whsk_") as caught:
            jwk(SECRET)
        assert caught.value.pointer == "/protocolsettings/secret"
        assert SECRET not in caught.value.detail


def test_the_table_in_the_docstring_is_complete():
    documented = [line.split()[0] for line in (signatures.__doc__ or "").splitlines()[2:8]]
    assert tuple(documented) == DIALECTS
