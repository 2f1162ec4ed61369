"""A release's files (CSV, with HXL tags too, XLSX, GeoJSON, JSON) come from its document alone."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from campaigns.core.lists import listed
from campaigns.core.spreadsheets import BYTE_ORDER_MARK, Cell, guarded, write_table
from campaigns.reach.releases.documents.document import TOO_SMALL, read_document
from campaigns.reach.releases.documents.release_map import write_geojson
from campaigns.reach.releases.models import View

Document = Mapping[str, Any]

#: Columns of the table in each format that has one, with what a row says there.
COLUMNS = (
    "country",
    "country_iso3",
    "region_code",
    "region_p_code",
    "region",
    "channel",
    "language",
    "people_reached",
    "margin_19_of_20",
    "counted_in",
    "period_start",
    "period_end",
)
#: HXL 1.1 tags (field vocabulary; `#x_…` where the standard has none), with the headings above them.
HXL = (
    ("Record ID", "#meta+id"),
    ("Campaign", "#activity+programme+name"),
    ("Lead organisation", "#org+prog+name"),
    ("Sector", "#sector+name"),
    ("Sub-sector", "#subsector+name"),
    ("Country (ISO3)", "#country+code+v_iso3"),
    ("Admin1 P-code", "#adm1+code+v_pcode"),
    ("Admin1 name", "#adm1+name"),
    ("Admin1 ISO 3166-2", "#adm1+code+v_iso3166_2"),
    ("Channel", "#x_channel+code"),
    ("Message language", "#x_language+code+v_iso639"),
    ("Period start", "#date+start"),
    ("Period end", "#date+end"),
    ("Date reported", "#date+reported"),
    ("People reached (est.)", "#reached+ind+est"),
    ("Counted in", "#meta+counted_in"),
    ("Counting method", "#meta+method"),
    ("Data source", "#meta+source"),
    ("Status", "#status+code"),
)
#: What stands in a table of what people write about, in place of other columns and of their tags.
_OF_THEMES: Mapping[object, Sequence[Any]] = {
    "channel": ("theme",),
    "language": (),
    "people_reached": ("people_who_wrote",),
    ("Channel", "#x_channel+code"): (("Theme", "#x_theme+code"),),
    ("Message language", "#x_language+code+v_iso639"): (),
    ("People reached (est.)", "#reached+ind+est"): (("People who wrote (est.)", "#x_wrote+ind+est"),),
}


def write_files(body: bytes) -> dict[str, bytes]:
    """Return every format of a release by its name; a map is written only for regions."""
    document = read_document(body)
    files = {name: write(document) for name, write in _WRITERS.items()}
    if document["view"] == View.REGIONS:
        files["geojson"] = write_geojson(document)
    return files | {"json": body}


def write_csv(document: Document) -> bytes:
    """Return the table as CSV in UTF-8 with a byte order mark, safe to open in a spreadsheet."""
    return (BYTE_ORDER_MARK + write_table([columns_of(document), *table_of(document)])).encode()


def write_hxl(document: Document) -> bytes:
    """Return the table as CSV with the HXL tags in its second row."""
    tags = hxl_of(document)
    heads = [[head for head, _ in tags], [tag for _, tag in tags]]
    return write_table([*heads, *(_hxl_row(document, row) for row in document["rows"])]).encode()


def write_xlsx(document: Document) -> bytes:
    """Return a workbook with the table and a sheet that explains it; it holds no formula."""
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(content, options)
    # The library would write the present moment, and the file would never be the same again.
    made_on = datetime.fromisoformat(document["made_on"])
    book.set_properties({"title": _title(document), "created": made_on})
    bold = book.add_format({"bold": True})
    columns = columns_of(document)
    table, about = book.add_worksheet(_title(document)), book.add_worksheet("About")
    table.write_row(0, 0, columns, bold)
    table.freeze_panes(1, 0)
    table.set_column(0, len(columns) - 1, 16)
    for number, row in enumerate(table_of(document), start=1):
        table.write_row(number, 0, [guarded(cell) for cell in row])
    about.set_column(0, 0, 100)
    for number, sentence in enumerate(explained(document)):
        about.write_string(number, 0, sentence)
    book.close()
    return content.getvalue()


def columns_of(document: Document) -> list[str]:
    """Return the columns of the table."""
    return [each for name in COLUMNS for each in (_of_themes(name) if tells_themes(document) else (name,))]


def hxl_of(document: Document) -> list[tuple[str, str]]:
    """Return the headings of the columns with their HXL tags."""
    return [each for pair in HXL for each in (_of_themes(pair) if tells_themes(document) else (pair,))]


def tells_themes(document: Document) -> bool:
    """Say whether a release counts people who wrote, by what they wrote about."""
    return bool(document["view"] == View.THEMES)


def table_of(document: Document) -> list[list[Cell]]:
    """Return the rows below the columns; a number stands only where people are shown."""
    return [_table_row(document, row) for row in document["rows"]]


def explained(document: Document) -> list[str]:
    """Return what a reader must know, a sentence each."""
    scope, period, method = document["scope"], document["period"], document["method"]
    names = listed(scope["organisations"])
    about = f"Campaign: {scope['campaign']} ({scope['campaign_code']})" if scope["campaign"] else "All campaigns"
    counted = f"People reached by messages of {names}. {about}."
    once = "A person counts once, in the region where the first message of the period reached them."
    if tells_themes(document):
        counted = f"People who wrote to {names}, by what they wrote about. Reports without a name are left out."
        once = (
            "A person counts once, under the first theme that was noted in the period, and where they were then."
        )
    sentences = [
        counted,
        f"Period: {period['start']} to {period['end']} ({period['time_zone']}). Released {document['made_on']}, "
        f"revision {document['revision']}.",
        once,
        "Every figure holds random noise, so that it says next to nothing about any one person.",
        "The margin says what the noise stays within, 19 times of 20.",
        f"Fewer than {method['least']} people are not shown: they are counted in the line named beside them.",
        f"Figures are rounded to {method['round_to']}.",
        f"The total, {document['total']}, is the sum of the figures shown.",
        f"Noise: {method['noise']}, epsilon {method['epsilon']}. List of regions: version {method['tree']}.",
    ]
    return sentences + ([f"This revision corrects: {document['reason']}"] if document["reason"] else [])


def counted_in(document: Document, row: Mapping[str, Any]) -> str:
    """Return the name of the line that people of a hidden one are counted in, '' for a line of its own."""
    if row["counted_in"] is None:
        return ""
    others = next(each for each in document["rows"] if each["kind"] != "leaf" and each["key"] == row["counted_in"])
    return " – ".join(part for part in (others["country_name"], others["name"]) if part)


def _table_row(document: Document, row: Mapping[str, Any]) -> list[Cell]:
    period = document["period"]
    return [
        row["country_name"],
        row["iso3"],
        row["code"],
        row["pcode"],
        row["name"],
        *_told_apart(document, row),
        _figure(row),
        "" if row["margin"] is None else row["margin"],
        counted_in(document, row),
        period["start"],
        period["end"],
    ]


def _of_themes(column: object) -> Sequence[Any]:
    return _OF_THEMES.get(column, (column,))


def _title(document: Document) -> str:
    return "Themes" if tells_themes(document) else "Reach"


def _told_apart(document: Document, row: Mapping[str, Any]) -> list[Cell]:
    return [row["theme"]] if tells_themes(document) else [row["channel"], row["language"]]


def _figure(row: Mapping[str, Any]) -> Cell:
    if row["people"] is not None:
        return int(row["people"])
    return TOO_SMALL if row["kind"] == "rest" else ""


def _hxl_row(document: Document, row: Mapping[str, Any]) -> list[Cell]:
    scope, period = document["scope"], document["period"]
    return [
        f"{period['name']}-{row['key']}",
        scope["campaign"],
        ", ".join(scope["organisations"]),
        "Protection",
        "Trafficking in persons",
        row["iso3"],
        row["pcode"],
        row["name"],
        row["code"],
        *_told_apart(document, row),
        period["start"],
        period["end"],
        document["made_on"],
        "" if row["people"] is None else row["people"],
        counted_in(document, row),
        "released with noise, folded below 10, rounded to 5",
        "fingerpost",
        "final",
    ]


_WRITERS: Mapping[str, Callable[[Document], bytes]] = {"csv": write_csv, "hxl": write_hxl, "xlsx": write_xlsx}
