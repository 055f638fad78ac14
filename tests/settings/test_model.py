"""The settings that there are: complete, documented, secrets marked, and loadable as they are."""

from __future__ import annotations

from pathlib import Path

from hubbub.settings import Settings, load
from hubbub.settings.reference import reference
from hubbub.settings.schema import schema
from hubbub.settings.show import show

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_reference_is_current() -> None:
    current = DOCUMENT.read_text(encoding="utf-8") == reference(Settings)
    assert current, "run scripts/settings-doc"


def test_everything_has_a_default() -> None:
    assert load(Settings).settings == Settings()


def test_the_defaults_can_be_printed_and_loaded(tmp_path: Path) -> None:
    file = tmp_path / "hubbub.toml"
    file.write_text("\n".join(show(load(Settings))), encoding="utf-8")
    assert load(Settings, file=file).settings == Settings()


def test_whatever_is_named_like_a_secret_is_marked_as_one() -> None:
    for key in schema(Settings).walk():
        named = any(word in key.path for word in ("secret", "password", "passphrase", "private"))
        assert key.secret is named, key.path


def test_no_section_is_named_like_another_or_hides_a_key() -> None:
    names = [key.environment for key in schema(Settings).walk()]
    assert len(set(names)) == len(names)
