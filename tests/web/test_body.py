"""Bodies: each and all together never past their bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from asgi import http_scope
from hubbub.core.errors import Malformed, TooLarge, Unavailable, Unsupported
from hubbub.web.answers import ClientGone
from hubbub.web.body import Bodies, check_encoding

pytestmark = pytest.mark.anyio


class Upload:
    """A request body in parts, and what is held of it at each."""

    def __init__(self, bodies: Bodies, parts: Sequence[bytes], *, cut: bool = False) -> None:
        self.held: list[int] = []
        self._bodies = bodies
        self._parts = list(parts)
        self._cut = cut

    async def __call__(self) -> dict[str, Any]:
        self.held.append(self._bodies.held)
        if not self._parts:
            return {"type": "http.disconnect"}
        part = self._parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self._parts) or self._cut}


async def read(bodies: Bodies, upload: Upload, bound: int = 10, **headers: str) -> bytes:
    return await bodies.read(http_scope("POST", "/", headers), upload, bound)


@pytest.mark.parametrize(
    "parts", [[b""], [b"abc"], [b"abc", b"def"], [b"", b"a", b""], [b"x" * 10]]
)
async def test_a_body(parts: list[bytes]) -> None:
    bodies = Bodies()
    assert await read(bodies, Upload(bodies, parts)) == b"".join(parts)
    assert bodies.held == 0


@pytest.mark.parametrize("parts", [[b"x" * 11], [b"x" * 6, b"x" * 5, b"x"], [b"x"] * 50])
async def test_too_much(parts: list[bytes]) -> None:
    bodies = Bodies()
    upload = Upload(bodies, parts)
    with pytest.raises(TooLarge, match="10 bytes"):
        await read(bodies, upload)
    assert max(upload.held) <= 10
    assert bodies.held == 0


@pytest.mark.parametrize("length", ["11", "100000000000000000000", "9" * 5000])
async def test_a_declared_length_is_believed(length: str) -> None:
    bodies = Bodies()
    upload = Upload(bodies, [b""])
    with pytest.raises(TooLarge):
        await read(bodies, upload, **{"content-length": length})
    assert upload.held == []


@pytest.mark.parametrize("length", ["", "-1", "1e3", "0x1", "+1", "\uff11", "1, 1"])
async def test_a_length_that_is_none(length: str) -> None:
    with pytest.raises(Malformed):
        await read(Bodies(), Upload(Bodies(), [b"a"]), **{"content-length": length})


async def test_half_a_body_is_none() -> None:
    for parts in ([], [b""], [b"abc"], [b"abc", b"def"]):
        bodies = Bodies()
        with pytest.raises(ClientGone):
            await read(bodies, Upload(bodies, parts, cut=True))
        assert bodies.held == 0


async def test_all_that_comes_in_at_once_is_bounded() -> None:
    bodies = Bodies(most=15)

    class Meanwhile(Upload):
        """Another upload begins while this one waits for its second part."""

        async def __call__(self) -> dict[str, Any]:
            if len(self.held) == 1:
                with pytest.raises(Unavailable) as raised:
                    await read(bodies, Upload(bodies, [b"x" * 8, b"x"]))
                assert raised.value.retry_after == 1
            return await super().__call__()

    assert await read(bodies, Meanwhile(bodies, [b"a" * 8, b"b"])) == b"a" * 8 + b"b"
    assert await read(bodies, Upload(bodies, [b"x" * 8, b"x"])) == b"x" * 9
    assert bodies.held == 0


@pytest.mark.parametrize("coding", [b"", b"identity", b" IDENTITY "])
def test_no_coding(coding: bytes) -> None:
    check_encoding(coding)


@pytest.mark.parametrize("coding", [b"gzip", b"identity, gzip", b"br", b"\xff"])
def test_codings(coding: bytes) -> None:
    with pytest.raises(Unsupported):
        check_encoding(coding)
