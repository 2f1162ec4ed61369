"""Every error that a member can meet is marked for the catalogues: a template that was never filled before."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.core.errors import FingerpostError, RowsError
from campaigns.core.settings import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "campaigns"
#: The engine tells its log only, and the command line and the gateways speak English to whoever runs them.
FOLDERS = ("audience", "delivery", "directory", "inbox", "messages", "places", "reach", "staff")
ENGINE = PACKAGE / "delivery" / "engine"
SOURCES = sorted(
    path
    for folder in FOLDERS
    for path in (PACKAGE / folder).rglob("*.py")
    if path.name != "__init__.py" and ENGINE not in path.parents
)
#: Where the template stands among the arguments, if it is not the first: after a line or a column.
POSITIONS = {"RowProblem": 2, "_RowError": 1, "fail": 1, "_fail": 2}


@pytest.fixture(scope="module")
def telling() -> set[str]:
    """Names of what is called with the template of a sentence."""
    for path in SOURCES:
        importlib.import_module(".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts))
    # The error of rows makes its sentence of theirs.
    return {kind.__name__ for kind in kinds_of(FingerpostError) if kind is not RowsError} | set(POSITIONS)


@pytest.fixture(scope="module")
def constants() -> dict[str, list[ast.expr]]:
    """What the constants of all files are set to, by their name."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    found: dict[str, list[ast.expr]] = {}
    for name, value in (pair for tree in trees for pair in assigned(tree.body)):
        if name.isupper():
            found.setdefault(name, []).append(value)
    return found


def kinds_of(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds_of(below)


def assigned(nodes: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in nodes:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))


def templates_of(tree: ast.AST, telling: set[str]) -> Iterator[ast.expr]:
    """Yield the template of each error or problem that is made in `tree`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in telling and len(node.args) > POSITIONS.get(called, 0):
            yield node.args[POSITIONS.get(called, 0)]


def is_marked(text: ast.expr, tree: ast.AST, constants: dict[str, list[ast.expr]]) -> bool:
    """Say whether an expression is a marked literal, or hands one on."""
    match text:
        case ast.Call(func=ast.Name(id="N_"), args=[ast.Constant(value=str())]):
            return True
        case ast.Attribute(attr="template") | ast.Name(id="template"):
            return True
        case ast.IfExp(body=one, orelse=other):
            sources = [one, other]
        case ast.Name(id=name):
            local = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
            sources = [value for known, value in assigned([*local]) if known == name] or constants.get(name, [])
        case ast.Call(func=ast.Name(id=name)):
            sources = list(returned(name, tree))
        case _:
            return False
    return bool(sources) and all(is_marked(source, tree, constants) for source in sources)


def returned(name: str, tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            yield from (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_sentences_of_errors_are_marked(
    path: Path, telling: set[str], constants: dict[str, list[ast.expr]]
) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unmarked = [text for text in templates_of(tree, telling) if not is_marked(text, tree, constants)]
    assert [f"line {text.lineno}: {ast.unparse(text)}" for text in unmarked] == []


@pytest.mark.parametrize(
    "text",
    ['"Plain."', 'f"{x} is wrong."', 'N_(f"{x} is wrong.")', '"%s is wrong." % x', "str(error)", "sentence"],
)
def test_unmarked_sentence_is_found(text: str) -> None:
    tree = ast.parse(f"raise InputError({text})")
    [template] = templates_of(tree, {"InputError"})
    assert not is_marked(template, tree, {})
