"""Files that were made to be hard to read, and the pages that take them."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from functools import partial
from typing import Any

#: What a page for files says of one that is refused, and of one that broke its reader.
REFUSED = 422

REPORT = {"source": "meta_ads", "exported_on": "2022-04-02"}
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file, where it is handed in, and what the page answers."""

    page: str
    name: str
    content: bytes
    #: Part of the sentence beside the file.
    words: str
    fields: dict[str, str] = field(default_factory=dict)

    def form(self) -> dict[str, Any]:
        """Return the fields of the form, as a test client posts them."""
        return {**self.fields, "file": (io.BytesIO(self.content), self.name)}


def workbook(sheet: bytes, *, texts: bytes = b"", styles: bytes = b"", workbook: bytes = b"") -> bytes:
    """Return a workbook of one sheet with these parts."""
    default = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets>'
        "</workbook>"
    )
    relations = (
        f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_OFFICE}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>'
    )
    parts = {
        "xl/workbook.xml": workbook or default.encode(),
        "xl/_rels/workbook.xml.rels": relations.encode(),
        "xl/worksheets/sheet1.xml": sheet,
        "xl/sharedStrings.xml": texts,
        "xl/styles.xml": styles,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            if part:
                archive.writestr(name, part)
    return out.getvalue()


def sheet(rows: str) -> bytes:
    """Return a sheet with this inside."""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'.encode()


def far_cells() -> bytes:
    """Return a workbook of two cells at its opposite corners."""
    cell = '<row r="{line}"><c r="{name}" t="inlineStr"><is><t>reach</t></is></c></row>'
    rows = cell.format(line=1, name="A1") + cell.format(line=1_048_576, name="XFD1048576")
    return workbook(sheet(rows))


def open_tags(tag: str, times: int) -> bytes:
    """Return a workbook whose sheet begins a tag so many times and ends it never."""
    return workbook(b'<worksheet><sheetData><row r="1">' + tag.encode() * times)


def growing(megabytes: int) -> bytes:
    """Return a small workbook that unpacks to so many megabytes."""
    return workbook(sheet(" " * (megabytes << 20)))


def entities() -> bytes:
    """Return a workbook that declares texts made of texts made of texts."""
    declared = "".join(f'<!ENTITY e{at} "{f"&e{at - 1};" * 20}">' for at in range(1, 9))
    told = f'<!DOCTYPE w [<!ENTITY e0 "reach">{declared}]>'
    return workbook(f"{told}<worksheet><sheetData><row><c><v>&e8;</v></c></row></sheetData></worksheet>".encode())


def wide_csv(columns: int, start: str = "") -> bytes:
    """Return a line of so many columns, and one below."""
    names = ",".join(f"c{at}" for at in range(columns))
    return f"{start}{names}\n{',' * columns}\n".encode()


def polygons(count: int) -> bytes:
    """Return hotspots of some 16,000 cells each, in Ukraine."""
    features = [
        {
            "type": "Feature",
            "properties": {"name": f"Area {at}"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[30 + at / 99, 47], [33.9 + at / 99, 47], [33.9 + at / 99, 49.55], [30 + at / 99, 49.55]]
                ],
            },
        }
        for at in range(count)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def same_context(times: int) -> bytes:
    """Return a PO file that has one context so many times."""
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: uk\\n"\n\n'
    entry = '#. note\nmsgctxt "message-1"\nmsgid "Keep your passport."\nmsgstr "Тримайте паспорт."\n\n'
    return (head + entry * times).encode()


def nested(depth: int) -> bytes:
    """Return JSON of lists within lists."""
    return b'{"features": ' + b"[" * depth


def empty_lists(count: int) -> bytes:
    """Return JSON of so many lists that hold nothing."""
    return b'{"features": [' + b"[]," * count + b"[]]}"


def few() -> list[Hostile]:
    """Return the files in small doses: what each does grows with more of the same."""
    return _files(tags=2_000, loose=20_000, megabytes=2, columns=2_000, areas=10, entries=6_000, lists=20_000)


def many() -> list[Hostile]:
    """Return the files in doses that stopped or froze a server."""
    return _files(
        tags=2_000, loose=50_000, megabytes=300, columns=20_000, areas=10, entries=20_000, lists=4_000_000
    )


def _files(
    *, tags: int, loose: int, megabytes: int, columns: int, areas: int, entries: int, lists: int
) -> list[Hostile]:
    report = partial(Hostile, "/reach/imports", "report.xlsx", fields=REPORT)
    many_lists = "more than 1,000 places" if lists < 1_000_000 else "too much memory"
    unreadable = "not a workbook that can be read"
    return [
        report(far_cells(), "more than 60 columns"),
        report(open_tags('<c r="A1" ', tags), unreadable),
        report(open_tags("<c ", loose), unreadable),
        report(growing(megabytes), "No row of the file" if megabytes < 50 else "unpacks to more"),
        report(entities(), unreadable),
        Hostile("/reach/imports", "wide.csv", wide_csv(columns), "more than 60 columns", REPORT),
        Hostile("/places/import", "wide.csv", wide_csv(columns, "id,name,lat,lon,"), "more than 60 columns"),
        Hostile("/places/import", "areas.geojson", polygons(areas), "cover more than 100,000 cells"),
        Hostile("/places/import", "deep.geojson", nested(lists), "not valid JSON"),
        Hostile("/places/import", "lists.geojson", empty_lists(lists), many_lists),
        Hostile("/messages/exchange", "one.po", same_context(entries), "than 5000 entries", {"language": "uk"}),
        Hostile("/directory/import", "wide.csv", wide_csv(columns, "id,name,"), "more than 400 columns"),
        Hostile("/audience/contacts/files", "wide.csv", wide_csv(columns, "number,"), "more than 120 columns"),
    ]
