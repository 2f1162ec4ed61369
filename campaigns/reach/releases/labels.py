"""The parts of a release have names for members and readers, and types for their programs."""

from __future__ import annotations

from datetime import date

from babel.dates import format_skeleton
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from campaigns.reach.releases.models import Every, ScopeKind, View
from campaigns.reach.releases.periods import WHOLE_CAMPAIGN

VIEW_NAMES = {
    View.REGIONS: _l("By region"),
    View.CHANNELS: _l("By country and channel"),
    View.LANGUAGES: _l("By country and language"),
    View.THEMES: _l("By country and theme: what people write about"),
}
SCOPE_NAMES = {
    ScopeKind.ORGANISATION: _l("All campaigns of the organisation"),
    ScopeKind.CAMPAIGN: _l("One campaign"),
    ScopeKind.JOINT: _l("All organisations that take part, each person once"),
}
EVERY_NAMES = {Every.MONTH: _l("Each month"), Every.QUARTER: _l("Each quarter")}
FORMAT_NAMES = {
    "csv": _l("Table (CSV)"),
    "xlsx": _l("Spreadsheet (XLSX)"),
    "hxl": _l("Table for collections of humanitarian data (CSV with HXL)"),
    "geojson": _l("Map (GeoJSON)"),
    "json": _l("Everything (JSON)"),
}
MIME_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "hxl": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "json": "application/json",
}


def period_label(name: str) -> str:
    """Write the name of a period in the reader's language."""
    if name == WHOLE_CAMPAIGN:
        return str(_("From the first run to the last"))
    year, _dash, part = name.partition("-")
    if part.startswith("Q"):
        return str(_("%(year)s, quarter %(quarter)s", year=year, quarter=part[1:]))
    return str(format_skeleton("yMMMM", date(int(year), int(part), 1), locale=get_locale()))
