"""What is installed is known by its hash, whatever installs it, and no file says where it comes from."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

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


def imports_of(path: Path) -> set[str]:
    """Return the top of every module that a file imports at run time."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - {"_typeshed"}


@pytest.mark.parametrize(
    ("folder", "extras"), [("campaigns", []), ("migrations", []), ("tests", ["dev"]), ("bench", ["dev"])]
)
def test_what_is_imported_is_declared(folder: str, extras: list[str]) -> None:
    """A library that only comes with another one may be gone with its next release."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    declared = {name_of_requirement(line) for line in lines}
    ours = {"campaigns", "tests", "bench"} | sys.stdlib_module_names
    known = packages_distributions()
    imported = set[str]().union(*map(imports_of, (PROJECT_ROOT / folder).rglob("*.py"))) - ours
    assert {
        name for name in imported if declared.isdisjoint(map(name_of_requirement, known.get(name, [name])))
    } == set()


def name_of_requirement(line: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower()  # type: ignore[index]


@pytest.mark.parametrize("hook", ["build_wheel", "build_sdist", "prepare_metadata_for_build_wheel"])
def test_what_could_not_run_is_not_built(hook: str) -> None:
    """A wheel would hold the code without its templates, settings and migrations."""
    asked = subprocess.run(
        [sys.executable, "-c", f"import build_backend; build_backend.{hook}('.')"],
        cwd=PROJECT_ROOT / "config",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode, "pip install --editable ." in asked.stderr) == (1, True)


def test_environment_that_could_not_be_made_is_made_at_the_next_try(tmp_path: Path) -> None:
    """Where pip is a package of its own, Python makes half of it; whoever installs the package begins anew."""
    (tmp_path / "Makefile").write_text((PROJECT_ROOT / "Makefile").read_text(encoding="utf-8"), encoding="utf-8")
    half = tmp_path / "python"
    makes_half = 'mkdir -p "$3/bin" && : > "$3/bin/python"; exit 1'
    half.write_text(f'#!/bin/sh\n[ "$2" = venv ] || exec {sys.executable} "$@"\n{makes_half}\n')
    half.chmod(0o755)
    for _ in range(2):
        words = ["make", ".venv/bin/python", f"PYTHON={half}"]
        made = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        version = "python{}.{}-venv".format(*sys.version_info[:2])
        assert (made.returncode, version in made.stderr) == (2, True)
        assert not (tmp_path / ".venv").exists()
