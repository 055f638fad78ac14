"""Who may do what."""

from __future__ import annotations

import pytest

from hubbub.core.errors import Forbidden
from hubbub.core.grants import EVERYONE, Grants, Principal

ANNA = Principal("anna", Grants(publish=("orders/*",), subscribe=("orders/**", "news")))


def test_rights_are_patterns() -> None:
    ANNA.require_publish("orders/42")
    assert ANNA.may_publish("orders/42")
    ANNA.require_subscribe(["orders/*", "orders/**", "orders/42/lines", "news"])
    assert not ANNA.may_manage()


@pytest.mark.parametrize("topic", ["orders", "orders/42/lines", "news"])
def test_no_right_to_publish(topic: str) -> None:
    assert not ANNA.may_publish(topic)
    with pytest.raises(Forbidden, match=r"may publish orders/\*; the topic"):
        ANNA.require_publish(topic)


@pytest.mark.parametrize("pattern", ["**", "*", "orders", "*/42", "news/x"])
def test_a_pattern_needs_a_right_to_all_of_it(pattern: str) -> None:
    with pytest.raises(Forbidden, match="subscribe"):
        ANNA.require_subscribe(["news", pattern])


def test_nobody_and_everyone() -> None:
    with pytest.raises(Forbidden, match="nothing"):
        Principal("nobody", Grants()).require_publish("a")
    EVERYONE.require_publish("a/b")
    EVERYONE.require_subscribe(["**"])
    assert EVERYONE.may_manage()


def test_managing_some_is_not_managing_all() -> None:
    assert not Principal("p", Grants(manage=("a/*",))).may_manage()
