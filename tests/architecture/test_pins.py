"""What is installed is known by its hash, whatever installs it, and no file says where it comes from."""

from __future__ import annotations

import re

import pytest

from campaigns.core.settings import PROJECT_ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-node.lock")


def requirements_of(text: str) -> list[str]:
    """Return the requirements of a lock file, each on one line."""
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and not line.startswith((" ", "#"))]


@pytest.mark.parametrize("name", LOCKS)
def test_each_package_is_pinned_and_hashed(name: str) -> None:
    text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
    found = requirements_of(text)
    assert found
    assert [line for line in found if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []
    assert "://" not in text


def test_nothing_is_installed_without_a_hash() -> None:
    recipes = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    installs = [line for line in recipes if "pip install" in line]
    assert len(installs) == 4
    assert [
        line for line in installs if "--require-hashes" not in line and "--no-deps --editable ." not in line
    ] == []


def test_no_package_is_installed_that_nothing_asks_for() -> None:
    """Flask-Principal stays, which the sign-in library imports; its extra "mfa" is for second factors."""
    names = {line.partition("==")[0] for line in requirements_of((PROJECT_ROOT / LOCKS[0]).read_text())}
    assert names.isdisjoint({"flask-mail", "nh3", "bcrypt"})
