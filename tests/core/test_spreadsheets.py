"""No cell of a file that leaves the system runs in a spreadsheet, whatever parts its cells."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.settings import PROJECT_ROOT
from campaigns.core.spreadsheets import guarded, unguarded, write_table

SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
NUMBER = re.compile(r"-(\d+(\.\d+)?(e-?\d+)?)?", re.ASCII | re.IGNORECASE)
ATTACKS = [
    "=1+1",
    "+48600700800",
    "@sum",
    "-cmd",
    "\t=x",
    "\r=x",
    "＝1",
    " =1",
    "x;=cmd|' /C calc'!A0;",
    'x;"=cmd',
    "x; =cmd",
    "x\n=cmd",
    "x\t=cmd",
    "x;;=a;=b",
]
PIECES = st.lists(st.sampled_from([*"=+-@;,\t\r\n\"' x1.", "－"]), max_size=12).map("".join)


def cells_of(text: str, separator: str) -> list[str]:
    """Read a file as a spreadsheet does for which `separator` parts the cells."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    return [cell for row in rows for cell in row]


def runs(cell: str) -> bool:
    bare = cell.strip().lstrip('"').strip()
    return bare.startswith(SIGNS) and not NUMBER.match(bare)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_part_of_a_cell_is_a_formula(attack: str, separator: str) -> None:
    text = write_table([["name", "note"], ["a", attack], [attack, "b"]])
    assert not [cell for cell in cells_of(text, separator) if runs(cell)]


@given(st.lists(st.lists(PIECES, min_size=2, max_size=2), max_size=4))
def test_no_mix_of_signs_and_separators_is_one(rows: list[list[str]]) -> None:
    text = write_table(rows)
    assert not [cell for separator in ",;\t" for cell in cells_of(text, separator) if runs(cell)]


@given(PIECES | st.text())
def test_guard_is_undone(cell: str) -> None:
    assert unguarded(str(guarded(cell))) == cell


def test_every_cell_is_quoted() -> None:
    assert write_table([["a", 7], ['b"', ""]]) == '"a","7"\r\n"b""",""\r\n'


@pytest.mark.parametrize("cell", ["-1.28", "-", "-5e-3", "1;-5", "x - y", "a, -b", 7, -7])
def test_numbers_and_dashes_stay_as_they_are(cell: str | int) -> None:
    assert guarded(cell) == cell


def test_long_cell_is_guarded_in_a_moment() -> None:
    assert guarded(" " * 200_000 + "x") == " " * 200_000 + "x"
    assert len(str(guarded(";" * 200_000))) == 200_000


def test_nothing_else_writes_csv() -> None:
    own = PROJECT_ROOT / "campaigns" / "core" / "spreadsheets.py"
    writers = [path for path in (PROJECT_ROOT / "campaigns").rglob("*.py") if "csv.writer(" in path.read_text()]
    dicts = [path for path in (PROJECT_ROOT / "campaigns").rglob("*.py") if "DictWriter" in path.read_text()]
    assert (writers, dicts) == ([own], [])
