"""A name leads to one place: no file is called as another one, and no class as another one of its step."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from campaigns.core.settings import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "campaigns"
#: What many steps or rooms have, each of its own subject.
FIXED = {"__init__", "models", "queries", "service", "forms", "views", "public", "api", "labels", "proposed"}
#: What each gateway has: what it is to the instance, and what its provider posts.
OF_A_GATEWAY = {"kind", "callbacks"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def test_no_two_files_have_one_name() -> None:
    named = [path for path in MODULES if path.stem not in FIXED]
    ordinary = [path for path in named if path.parts[-3] != "gateways" or path.stem not in OF_A_GATEWAY]
    assert _twice((path.stem, path.relative_to(PACKAGE)) for path in ordinary) == {}


def test_no_two_classes_of_a_step_have_one_name() -> None:
    classes = (
        (f"{path.relative_to(PACKAGE).parts[0]}.{node.name}", path.relative_to(PACKAGE))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert _twice(classes) == {}


def _twice(named: Iterable[tuple[str, Path]]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in named:
        places[name].append(str(path))
    return {name: paths for name, paths in places.items() if len(paths) > 1}
