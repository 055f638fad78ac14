"""Every requirement of the Recommendation, as docs/websub.md numbers them, is named by a test.

A test names a number in its own name (`test_12_...`) or, for the subscriber, in its text (`websub 42`).
"""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TABLE = TESTS.parent / "docs" / "websub.md"
LAST = 58


def numbers(text: str) -> set[int]:
    """Read `36, 37 and 45` and `10 to 12`."""
    found = {int(one) for one in re.findall(r"\d+", text)}
    for first, last in re.findall(r"(\d+) to (\d+)", text):
        found |= set(range(int(first), int(last) + 1))
    return found


def named(text: str) -> set[int]:
    found: set[int] = set()
    for name in re.findall(r"def test((?:_\d+)+)_", text):
        found |= {int(one) for one in name.split("_") if one}
    for told in re.findall(r"websub ((?:\d+(?:, | and | to )?)+)", text):
        found |= numbers(told)
    return found


def test_every_requirement_is_named_by_a_test() -> None:
    folders = ("websub", "websub_peers", "sources/websub", "web", "wire")
    files = [file for folder in folders for file in (TESTS / folder).glob("*.py")]
    assert len(files) > 20
    found = {number for file in files for number in named(file.read_text(encoding="utf-8"))}
    assert set(range(1, LAST + 1)) - found == set()


def test_every_requirement_is_in_the_guide() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {number for row in rows for number in numbers(row)} == set(range(1, LAST + 1))
