"""Every act that code records has a name for people, and so has what it is about."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from campaigns.core.settings import PROJECT_ROOT
from campaigns.schema import metadata
from campaigns.staff.act_names import ACTS, SUBJECTS, name_of_act, name_of_subject

CODE = re.compile(r"[a-z_]+\.[a-z_]+")
#: Words of code that look like an act: endpoints of pages, hosts, files.
OTHERS = re.compile(
    r".*\.(id|index|show|show_run|queue|history|compose|edit|edit_route|choose|set_up|health|locked|outlines|features)"
    r"|.*\.(csv|html|geojson|typ)"
)


def codes() -> Iterator[tuple[str, str]]:
    """Yield the words of each file that may be the code of an act, but for those of pages."""
    for path in (PROJECT_ROOT / "campaigns").rglob("*.py"):
        if "sandbox" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                yield node.value, path.name


def test_every_recorded_act_has_a_name() -> None:
    nouns = {act.partition(".")[0] for act in ACTS}
    seen = {code for code, _file in codes() if code.partition(".")[0] in nouns and not OTHERS.fullmatch(code)}
    assert len(seen) > 150
    assert seen - set(ACTS) == set()


def test_subjects_are_tables() -> None:
    assert set(SUBJECTS) <= set(metadata.tables)


def test_what_a_newer_program_wrote_is_shown_as_it_is() -> None:
    assert name_of_act("newer.act") == "newer.act"
    assert name_of_subject("newer_thing") == "newer thing"
