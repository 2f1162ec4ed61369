"""Reads a services work list (CSV) into drafts of services; rows without a number are counted, never invented."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from campaigns.core.errors import FileFormatError, RowProblem, RowsError
from campaigns.core.words import N_
from campaigns.directory.models import EUROPEAN_UNION, ForeignSim, OperatorType, ServiceKind
from campaigns.directory.opening_hours import read_hours
from campaigns.directory.wordings import (
    read_kind,
    read_languages,
    read_numbers,
    read_operator,
    read_regions,
    slug_of,
)
from campaigns.places.files.sheet_cells import split_separator

COLUMNS = ("country", "service", "number", "status")
#: Longest text of each column that is kept, as the table holds it.
_LIMITS = {"service": 200, "hours": 200, "languages": 200, "operator": 200, "scope": 200, "source": 300} | {
    "cost": 100,
    "source_date": 100,
    "status": 100,
    "note": 300,
}
#: A time zone for each country of one zone that the bundled list names; other lists give a time_zone column.
_ZONES = {
    EUROPEAN_UNION: "Europe/Brussels",
    "UA": "Europe/Kyiv",
    "PL": "Europe/Warsaw",
    "SK": "Europe/Bratislava",
    "HU": "Europe/Budapest",
    "RO": "Europe/Bucharest",
    "MD": "Europe/Chisinau",
    "DE": "Europe/Berlin",
    "CZ": "Europe/Prague",
    "AT": "Europe/Vienna",
    "GB": "Europe/London",
    "KE": "Africa/Nairobi",
    "UG": "Africa/Kampala",
    "ET": "Africa/Addis_Ababa",
    "SA": "Asia/Riyadh",
    "AE": "Asia/Dubai",
    "LB": "Asia/Beirut",
    "JO": "Asia/Amman",
    "KW": "Asia/Kuwait",
    "QA": "Asia/Qatar",
}


@dataclass(frozen=True, slots=True)
class ServiceDraft:
    """One service as a list describes it; fields are named as the columns of Service."""

    key: str
    name: str
    kind: ServiceKind
    country: str
    region_codes: list[str]
    number_national: str
    number_from_abroad: str | None
    other_numbers: list[str]
    works_from_foreign_sim: ForeignSim
    languages: list[str]
    language_days: dict[str, list[str]]
    languages_note: str
    hours: dict[str, list[list[str]]]
    hours_note: str
    time_zone: str
    operator_type: OperatorType
    operator: str
    cost: str
    scope: str
    source: str
    source_date: str
    source_status: str
    note: str


@dataclass(frozen=True, slots=True)
class WorkList:
    """What a list holds."""

    drafts: tuple[ServiceDraft, ...]
    #: Rows that give no number: known gaps.
    without_number: int


def read_bundled() -> WorkList:
    """Return the work list that comes with Fingerpost; every row must be verified before use."""
    return read_worklist((files("campaigns.directory") / "data" / "hotlines.csv").read_text(encoding="utf-8"))


def read_worklist(text: str) -> WorkList:
    """Read a CSV list with at least the columns country, service, number, status.

    Raises FileFormatError when a column is missing, RowsError when rows cannot be services.
    """
    named, text = split_separator(text.removeprefix("\ufeff"))
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=named or ",", strict=True)
    drafts: list[ServiceDraft] = []
    problems: list[RowProblem] = []
    without_number = 0
    try:
        _check_columns(reader)
        for raw in reader:
            row = {name: (value or "").strip() for name, value in raw.items() if isinstance(name, str)}
            found = _problems_of(reader.line_num, row)
            problems += found
            if not found and not read_numbers(row["number"])[0]:
                without_number += 1
            elif not found:
                drafts += _drafts_of(row)
    except csv.Error as error:
        raise FileFormatError(
            N_("Line %(line)s is not valid CSV: %(fault)s."), line=reader.line_num, fault=str(error)
        ) from None
    if problems:
        raise RowsError(problems)
    return WorkList(drafts=tuple(_with_distinct_keys(drafts)), without_number=without_number)


def _check_columns(reader: csv.DictReader[str]) -> None:
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise FileFormatError(N_("The list lacks the column %(columns)s."), columns=tuple(missing))


def _problems_of(line: int, row: Mapping[str, str]) -> list[RowProblem]:
    problems = [
        RowProblem(line, column, N_("is longer than %(limit)s characters"), {"limit": limit})
        for column, limit in _LIMITS.items()
        if len(row.get(column, "")) > limit
    ]
    country = row["country"]
    if not (len(country) == 2 and country.isascii() and country.isupper()):
        wrong = N_("“%(text)s” is not a two-letter country code")
        problems.append(RowProblem(line, "country", wrong, {"text": country}))
    elif _zone_of(row) is None:
        wrong = N_("name the time zone of %(country)s, such as Europe/Kyiv")
        problems.append(RowProblem(line, "time_zone", wrong, {"country": country}))
    if not row["service"]:
        problems.append(RowProblem(line, "service", N_("a service needs a name")))
    return problems


def _drafts_of(row: Mapping[str, str]) -> list[ServiceDraft]:
    """Return the row's service; two, when it lists two services with a number each ("112 / 119")."""
    scopes, names = row.get("scope", "").split(" / "), row["service"].split(" / ")
    numbers, _ = read_numbers(row["number"])
    if not (len(scopes) > 1 and len(scopes) == len(numbers) == len(names)):
        return [_draft(row, name=row["service"], scope=row.get("scope", ""), numbers=numbers)]
    return [
        _draft(row, name=name[:1].upper() + name[1:], scope=scope, numbers=[number])
        for name, scope, number in zip(names, scopes, numbers, strict=True)
    ]


def _draft(row: Mapping[str, str], *, name: str, scope: str, numbers: list[str]) -> ServiceDraft:
    languages, language_days = read_languages(row.get("languages", ""))
    abroad, _ = read_numbers(row.get("number_from_abroad", ""))
    dialled_from_anywhere = abroad[:1] == numbers[:1]
    return ServiceDraft(
        key=slug_of(f"{row['country']} {name}"),
        name=name,
        kind=read_kind(scope, name),
        country=row["country"],
        region_codes=read_regions(name),
        number_national=numbers[0],
        number_from_abroad=abroad[0] if abroad else None,
        other_numbers=numbers[1:],
        works_from_foreign_sim=ForeignSim.YES if dialled_from_anywhere else ForeignSim.UNKNOWN,
        languages=languages,
        language_days=language_days,
        languages_note=row.get("languages", ""),
        hours=read_hours(row.get("hours", "")),
        hours_note=row.get("hours", ""),
        time_zone=_zone_of(row) or "UTC",
        operator_type=read_operator(row.get("operator", ""), name),
        operator=row.get("operator", ""),
        cost=row.get("cost", ""),
        scope=scope,
        source=row.get("source", ""),
        source_date=row.get("source_date", ""),
        source_status=row["status"],
        note=_note_of(row),
    )


def _note_of(row: Mapping[str, str]) -> str:
    """Return the row's note with the remarks that stood beside its numbers, so that none is lost."""
    remarks = read_numbers(row["number"])[1]
    beside = f"Beside the number: {', '.join(remarks)}." if remarks else ""
    return "; ".join(part for part in (row.get("note", ""), beside) if part)[:300]


def _zone_of(row: Mapping[str, str]) -> str | None:
    zone = row.get("time_zone") or _ZONES.get(row["country"])
    try:
        return ZoneInfo(zone).key if zone else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _with_distinct_keys(drafts: list[ServiceDraft]) -> list[ServiceDraft]:
    """Number the keys of namesakes, in the order of the list, so that a second import meets the same rows."""
    seen: dict[str, int] = {}
    distinct = []
    for draft in drafts:
        seen[draft.key] = count = seen.get(draft.key, 0) + 1
        distinct.append(draft if count == 1 else replace(draft, key=f"{draft.key}-{count}"))
    return distinct
