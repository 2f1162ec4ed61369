"""Every setting is explained in the default file, and every one is read by the code."""

from __future__ import annotations

import tomllib
from dataclasses import fields

import pytest

from campaigns.core.settings import DEFAULT_FILE, PROJECT_ROOT, Settings

NAMES = sorted(field.name for field in fields(Settings) if field.name not in ("secrets", "owners", "origins"))


@pytest.mark.parametrize("name", NAMES)
def test_setting_is_explained_where_it_stands(name: str) -> None:
    lines = DEFAULT_FILE.read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"{name} = "))
    block = "\n".join(lines[:at]).rpartition("\n\n")[2]
    assert block.startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_setting_is_read_by_the_code(name: str) -> None:
    sources = (path.read_text(encoding="utf-8") for path in (PROJECT_ROOT / "campaigns").rglob("*.py"))
    migrations = (PROJECT_ROOT / "migrations" / "env.py").read_text(encoding="utf-8")
    wanted = (f"settings.{name}", f"settings().{name}", f"self.{name}")
    assert any(any(word in source for word in wanted) for source in [*sources, migrations])


def test_default_file_holds_no_key() -> None:
    values = tomllib.loads(DEFAULT_FILE.read_text(encoding="utf-8"))
    assert [values[name] for name in ("secret_key", "encryption_keys", "lookup_key")] == ["", "", ""]
