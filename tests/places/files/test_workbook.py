"""Workbooks are read cell by cell, as the programs write them that people have."""

from __future__ import annotations

import io
from datetime import date, datetime
from typing import Any

import pytest
import xlsxwriter

from campaigns.core.errors import FileFormatError, TooManyRowsError
from campaigns.places.files import workbook as reader
from campaigns.places.files.workbook import Cells, Workbook, column_of, is_day_format
from tests.web.hostile_files import entities, far_cells, growing, open_tags, sheet, workbook

OLD = b'<workbook><workbookPr date1904="1"/><sheets><sheet r:id="rId1" xmlns:r="urn:r"/></sheets></workbook>'


def rows(data: bytes) -> list[list[Cells]]:
    return [list(each) for each in Workbook(io.BytesIO(data)).sheets()]


def texts(data: bytes) -> dict[int, str]:
    """The cells of the only row of the only sheet."""
    [[row]] = rows(data)
    return row.texts


def written(*cells: Any, **options: Any) -> bytes:
    """Return a workbook that a usual program writes: a row of these cells below an empty one."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, **options}) as book:
        page = book.add_worksheet()
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        for at, cell in enumerate(cells):
            page.write(1, at, cell, *([day] if isinstance(cell, date) else []))
    return out.getvalue()


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (12, "12"),
        (12.0, "12"),
        (0.015, "0.015"),
        (-3, "-3"),
        (1e15, "1000000000000000"),
        ("  Żółć  ", "Żółć"),
        (True, "True"),
        (date(2022, 3, 31), "2022-03-31"),
        (datetime(2022, 3, 31, 23, 59), "2022-03-31"),
        ("=3*4", "=…"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"constant_memory": True}, {"date_1904": True}])
def test_cell_is_text(cell: object, text: str, options: dict[str, bool]) -> None:
    assert rows(written(cell, **options)) == [[Cells(2, {0: text})]]


def test_cells_keep_their_columns() -> None:
    assert texts(written("a", None, "c")) == {0: "a", 2: "c"}


def test_sheets_come_in_the_order_of_the_workbook() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for name in ("Second", "First"):
            book.add_worksheet(name).write(0, 0, name)
    assert [row.texts[0] for [row] in rows(out.getvalue())] == ["Second", "First"]


def test_rich_text_is_whole_and_its_reading_is_left_out() -> None:
    shared = (
        "<sst><si><r><t>Kyiv </t></r><r><t>Київ</t></r><rPh><t>ki</t></rPh></si><si><t>b</t></si></sst>".encode()
    )
    data = workbook(
        sheet('<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>9</v></c></row>'), texts=shared
    )
    assert texts(data) == {0: "Kyiv Київ", 1: "b"}


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c t="b"><v>0</v></c>', "False"),
        ('<c t="d"><v>2022-03-31T00:00:00</v></c>', "2022-03-31"),
        ('<c t="str"><v>x</v></c>', "x"),
        ('<c t="inlineStr"><is><t>y</t></is></c>', "y"),
        ('<c t="str"><f>A2</f><v>x</v></c>', "=…"),
        ('<c><f t="shared" si="0"/><v>3</v></c>', "=…"),
        ("<c><v>1E3</v></c>", "1000"),
        ("<c><v>many</v></c>", "many"),
        ('<c s="1"><v>1</v></c>', "1904-01-02"),
        ('<c s="1"><v>1e300</v></c>', "1e300"),
    ],
)
def test_cells_of_every_kind(cell: str, text: str) -> None:
    styles = b'<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    assert texts(workbook(sheet(f"<row>{cell}</row>"), styles=styles, workbook=OLD)) == {0: text}


def test_errors_and_empty_cells_are_no_cells() -> None:
    assert rows(workbook(sheet('<row><c t="e"><v>#N/A</v></c><c r="XFD1" s="3"/><c><v/></c></row>'))) == [[]]


@pytest.mark.parametrize(
    ("code", "is_day"),
    [
        ("dd/mm/yyyy", True),
        ("[$-409]d\\ mmm", True),
        ("General", False),
        ("0.00E+00", False),
        ("#,##0\\ [$дн-422]", False),
        ('0 "days"', False),
        ("0\\d", False),
        ("_y0", False),
        ("h:mm", False),
    ],
)
def test_format_of_a_day_is_known_by_its_letters(code: str, is_day: bool) -> None:
    assert is_day_format(code) is is_day


@pytest.mark.parametrize(("name", "column"), [("A1", 0), ("Z9", 25), ("AB7", 27), ("XFD1048576", 16383), ("", 5)])
def test_column_is_read_from_a_name(name: str, column: int) -> None:
    assert column_of(name, 5) == column


def test_far_cells_cost_two_cells() -> None:
    [found] = rows(far_cells())
    assert [(row.line, *row.texts) for row in found] == [(1, 0), (1_048_576, 16383)]


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04",
        workbook(b""),
        workbook(b"<worksheet>"),
        open_tags('<c r="A1" ', 100),
        entities(),
        far_cells()[:-40],
    ],
)
def test_what_is_no_workbook_is_refused(data: bytes) -> None:
    with pytest.raises(FileFormatError):
        rows(data)


def test_workbook_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_UNPACKED", 1_000_000)
    with pytest.raises(TooManyRowsError, match="unpacks"):
        rows(growing(2))
    monkeypatch.setattr(reader, "MAX_TEXTS", 1)
    with pytest.raises(TooManyRowsError, match="texts"):
        rows(written("a", "b"))
    monkeypatch.setattr(reader, "MAX_SHEETS", 0)
    with pytest.raises(TooManyRowsError, match="sheets"):
        rows(far_cells())
