"""The API under random requests made from its own document: never a fault, always as described."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi import checks

from asgi import Client
from gateway import Gateway
from hubbub.web.face import Receive, Scope, Send

CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    checks.allow_header_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.status_code_conformance,
    checks.unsupported_method,
]


COUNT = itertools.count()
DATA: list[Any] = ["text", [1], {"n": 1}, None]


class Impatient:
    """A gateway with its lifespan, whose clients hang up as soon as they have asked.

    It has events from the start, so that what is read does not depend on the tests before.
    """

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.app = self.gateway.app()
        self._has_events = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await self.gateway.start()
            if not self._has_events:
                self._has_events = True
                for data in DATA:
                    await Client(self.app).post("/topics/a", data)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.gateway.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
        gone = {"type": "http.disconnect"}
        asked = scope["method"] == "GET"

        async def hang_up() -> Any:
            return gone if asked else await receive()

        await self.app(scope, hang_up, send)


@schemathesis.serializer("application/x-ndjson", "*/*")
def lines(_context: Any, value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


schema = schemathesis.openapi.from_asgi("/openapi.json", Impatient())
gateways: defaultdict[str, Impatient] = defaultdict(Impatient)


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_operation(case: schemathesis.Case) -> None:
    if "Idempotency-Key" in case.headers and next(COUNT) % 8:
        del case.headers["Idempotency-Key"]  # most requests are others, not repeats
    case.call_and_validate(checks=CHECKS, app=gateways[case.operation.label])
