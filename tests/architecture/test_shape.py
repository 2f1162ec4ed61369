"""The house stays as it was drawn: sizes, names and places of files."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.core.database import Base
from campaigns.core.errors import FingerpostError
from campaigns.core.settings import PROJECT_ROOT
from campaigns.schema import metadata

PACKAGE = PROJECT_ROOT / "campaigns"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
#: Names that say nothing about what is inside.
NAMELESS = {"utils.py", "helpers.py", "common.py", "misc.py"}
#: What is left of two versions of a line where nobody chose between them.
UNCHOSEN = re.compile(rb"^(<{7} |\|{7} |={7}$|>{7} )", re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))


def functions_of(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py"], ids=name_of)
def test_module_fits_a_room(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    long_functions = [
        f"{function.name}: {function.end_lineno - function.lineno + 1} lines"
        for function in functions_of(tree)
        if function.end_lineno and function.end_lineno - function.lineno >= 40
    ]
    assert ast.get_docstring(tree)
    assert source.count("\n") <= 400
    assert long_functions == []
    assert path.name not in NAMELESS


def test_package_files_are_empty() -> None:
    assert [name_of(path) for path in PACKAGE.rglob("__init__.py") if path.read_text()] == []


def test_no_file_holds_two_versions_of_a_line() -> None:
    git = shutil.which("git")
    if git is None or not (PROJECT_ROOT / ".git").exists():
        pytest.skip("only a clone knows which files are of the project")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, check=True).stdout
    files = (PROJECT_ROOT / name.decode() for name in listed.split(b"\0") if name)
    assert [name_of(path) for path in files if path.is_file() and UNCHOSEN.search(path.read_bytes())] == []


def test_every_error_stands_in_one_tree() -> None:
    for path in MODULES:
        if path.is_relative_to(PACKAGE / "sandbox") or path.name == "__init__.py":
            continue
        module = importlib.import_module(".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts))
        for name, value in vars(module).items():
            ours = isinstance(value, type) and value.__module__ == module.__name__
            if ours and issubclass(value, Exception):
                assert issubclass(value, FingerpostError), f"{value.__module__}.{name}"


def test_foreign_keys_point_down_as_imports_do() -> None:
    """They name a table by a string, which no import contract sees."""
    with (PROJECT_ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    [layers] = [each["layers"] for each in contracts if each.get("containers") == ["campaigns"]]
    height = {step.strip(): -place for place, layer in enumerate(layers) for step in layer.split("|")}
    steps = {mapper.local_table: mapper.class_.__module__.split(".")[1] for mapper in Base.registry.mappers}
    pointing = [
        (table.name, steps[table], key.column.table.name, steps[key.column.table])
        for table in metadata.sorted_tables
        for key in table.foreign_keys
    ]
    assert pointing
    is_up = [each for each in pointing if each[1] != each[3] and height[each[1]] <= height[each[3]]]
    assert is_up == []
