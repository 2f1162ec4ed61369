"""A sheet of services has the names of the Human Services Data Specification 3 (Open Referral).

A row is one service object of HSDS, flattened: `phones/0/number` is the number of the first of its phones. What
HSDS has no name for stands in columns of our own that begin with x_. A sheet says when a service was verified, but
never verifies one: `assured_date` is written and not read.
Names: docs.openreferral.org, HSDS 3 schema reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, BinaryIO

from campaigns.core import clock
from campaigns.core.errors import InputError, RowProblem, RowsError
from campaigns.core.words import N_
from campaigns.directory.checks import check_facts
from campaigns.directory.models import INTERPRETED, Service
from campaigns.directory.opening_hours import WEEKDAYS, read_days, write_days
from campaigns.places.files.sheet_cells import Line, decode_text, read_sheet, split_separator, write_sheet

REQUIRED = ("id", "name")
MAX_ROWS = 5_000
#: Lists are flattened into columns: a service that covers 100 regions has 200 of them.
MAX_COLUMNS = 400
#: Columns that hold one fact of a service as it stands: HSDS names, then ours.
_PLAIN = {
    "name": "name",
    "description": "scope",
    "fees_description": "cost",
    "alert": "note",
    "organization/name": "operator",
    "organization/legal_status": "operator_type",
    "attributes/0/taxonomy_term/code": "kind",
    "x_country": "country",
    "x_time_zone": "time_zone",
    "x_works_from_foreign_sim": "works_from_foreign_sim",
    "x_hours_wording": "hours_note",
    "x_languages_wording": "languages_note",
    "x_source": "source",
    "x_source_date": "source_date",
    "x_source_status": "source_status",
}
#: What a new service has in a column that the sheet lacks.
_DEFAULTS: dict[str, Any] = {
    "kind": "other",
    "operator_type": "unknown",
    "works_from_foreign_sim": "unknown",
    "region_codes": [],
    "languages": [],
    "language_days": {},
    "hours": {},
}
_TRUTH: dict[str, bool | None] = {"": None, "yes": True, "no": False}
NATIONAL, ABROAD, OTHER = "national", "from abroad", "other"
ACTIVE, DEFUNCT = "active", "defunct"


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service of a sheet; `facts` by column of Service holds only what the sheet has columns for."""

    line: int
    key: str
    facts: dict[str, Any]

    def complete(self) -> dict[str, Any]:
        """Return the facts of a service that is new. Raises InputError for what it lacks."""
        facts = _DEFAULTS | self.facts
        for needed in ("country", "time_zone", "number_national"):
            if needed not in facts:
                raise InputError(N_("A new service needs the column %(column)s."), column=_column_of(needed))
        return check_facts(facts)


def write_services(services: Sequence[Service], today: date) -> str:
    """Return the sheet of `services`; what was verified when stands beside what it was verified of."""
    rows = [_row(service, today) for service in services]
    named = dict.fromkeys(("id", "name", "status", *_PLAIN))
    columns = sorted(dict.fromkeys(name for row in rows for name in row), key=_place_of_column)
    return write_sheet([*named, *(name for name in columns if name not in named)], rows)


def read_services_file(file: BinaryIO) -> list[ServiceRow]:
    """Read an open file in any usual encoding, as `read_services` does."""
    return read_services(decode_text(file.read()))


def read_services(text: str) -> list[ServiceRow]:
    """Read a sheet that `write_services` or another program made.

    Raises FileFormatError, TooManyRowsError, or RowsError with every wrong row; nothing is half read.
    """
    sheet = read_sheet(text, required=REQUIRED, max_rows=MAX_ROWS, max_columns=MAX_COLUMNS)
    problems: list[RowProblem] = []
    rows: list[ServiceRow] = []
    seen: set[str] = set()
    for line in sheet.lines:
        facts, wrong = _facts(line, frozenset(sheet.columns))
        key = line.cells["id"]
        if not key or len(key) > 80:
            wrong.append(RowProblem(line.number, "id", N_("each service needs an id of at most 80 characters")))
        elif key in seen:
            wrong.append(RowProblem(line.number, "id", N_("the same id stands in an earlier line")))
        seen.add(key)
        problems += wrong
        rows.append(ServiceRow(line.number, key, facts))
    if problems:
        raise RowsError(problems)
    return rows


def is_hsds(text: str) -> bool:
    """Say whether the first line of a sheet names its columns as HSDS does."""
    named, text = split_separator(text)
    head = text.removeprefix("\ufeff").lstrip().partition("\n")[0]
    cells = {cell.strip('" \r') for cell in re.split(f"[,;\t{re.escape(named)}]", head)}
    return set(REQUIRED) <= cells


def _row(service: Service, today: date) -> dict[str, str]:
    ended = service.expires_on is not None and service.expires_on < today
    row = {column: str(getattr(service, fact) or "") for column, fact in _PLAIN.items()}
    row |= {
        "id": service.key,
        "status": DEFUNCT if ended else ACTIVE,
        "interpretation_services": "yes" if INTERPRETED in service.languages else "",
        "x_confidential": {None: "", True: "yes", False: "no"}[service.confidential],
        "x_by_appointment": "yes" if service.by_appointment else "",
        "assured_date": service.verified_on.isoformat() if service.verified_on else "",
        "x_assured_how": service.verified_how or "",
    }
    row |= _listed("phones", _phones(service)) | _listed("languages", _languages(service))
    row |= _listed("schedules", _schedules(service)) | _listed("service_areas", _areas(service))
    return row


def _listed(name: str, items: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {f"{name}/{place}/{key}": value for place, item in enumerate(items) for key, value in item.items()}


def _phones(service: Service) -> list[dict[str, str]]:
    numbers = [(service.number_national, NATIONAL), (service.number_from_abroad, ABROAD)]
    numbers += [(number, OTHER) for number in service.other_numbers]
    return [{"number": number, "type": "voice", "description": kind} for number, kind in numbers if number]


def _languages(service: Service) -> list[dict[str, str]]:
    days = service.language_days
    return [
        {"code": code, "note": write_days(days[code]) if days.get(code) else ""}
        for code in service.languages
        if code != INTERPRETED
    ]


def _schedules(service: Service) -> list[dict[str, str]]:
    """Return one schedule for each span, and one for the last day alone where no hours are stated."""
    days: dict[tuple[str, str], list[str]] = {}
    for day in WEEKDAYS:
        for start, end in service.hours.get(day, ()):
            days.setdefault((start, end), []).append(day[:2].upper())
    until = {"valid_to": service.expires_on.isoformat()} if service.expires_on else {}
    found = [
        {"freq": "WEEKLY", "byday": ",".join(named), "opens_at": start, "closes_at": end} | until
        for (start, end), named in days.items()
    ]
    return found or ([until] if until else [])


def _areas(service: Service) -> list[dict[str, str]]:
    codes = service.region_codes or [service.country]
    return [{"extent": code, "extent_type": "text"} for code in codes]


def _place_of_column(name: str) -> tuple[bool, str]:
    """Order columns: those of HSDS by name, lists by their number, ours last."""
    return name.startswith("x_"), "/".join(part.zfill(3) if part.isdigit() else part for part in name.split("/"))


def _facts(line: Line, columns: frozenset[str]) -> tuple[dict[str, Any], list[RowProblem]]:
    """Return what a row states, by column of Service, and what is wrong with it."""
    facts: dict[str, Any] = {
        fact: line.cells[column]
        for column, fact in _PLAIN.items()
        # An empty cell of a word from a list is no word of the list: it says nothing.
        if column in columns and (line.cells[column] or fact not in _DEFAULTS)
    }
    problems: list[RowProblem] = []
    groups = {name.partition("/")[0] for name in columns}
    readers: dict[str, Callable[[Line], dict[str, Any]]] = {
        "phones": _read_phones,
        "languages": _read_languages,
        "schedules": _read_schedules,
        "service_areas": _read_areas,
        "x_confidential": _read_confidential,
        "x_by_appointment": _read_by_appointment,
        # After the schedules, which say when it ends.
        "status": partial(_check_status, facts),
    }
    for group, read in readers.items():
        if group in groups:
            _take(facts, problems, line, group, read)
    if not problems:
        _take(facts, problems, line, "", lambda _line: check_facts(facts))
    return facts, problems


def _take(
    facts: dict[str, Any],
    problems: list[RowProblem],
    line: Line,
    column: str,
    read: Callable[[Line], dict[str, Any]],
) -> None:
    try:
        facts |= read(line)
    except InputError as error:
        problems.append(RowProblem(line.number, column, error.template, error.values))


def _items(line: Line, name: str) -> list[dict[str, str]]:
    """Return the items of a flattened list, in their order, without those that say nothing."""
    items: dict[int, dict[str, str]] = {}
    for column, cell in line.cells.items():
        if (match := re.fullmatch(rf"{name}/(\d{{1,3}})/(\w+)", column)) and cell:
            items.setdefault(int(match[1]), {})[match[2]] = cell
    return [items[place] for place in sorted(items)]


def _read_phones(line: Line) -> dict[str, Any]:
    """Return the numbers; of phones that say nothing about themselves the first is the national one."""
    found: dict[str, list[str]] = {NATIONAL: [], ABROAD: [], OTHER: []}
    for phone in _items(line, "phones"):
        if "number" in phone:
            kind = phone.get("description", "").casefold()
            found[kind if kind in found else OTHER if found[NATIONAL] else NATIONAL].append(phone["number"])
    national, abroad = found[NATIONAL][:1], found[ABROAD][:1]
    return {
        "number_national": national[0] if national else None,
        "number_from_abroad": abroad[0] if abroad else None,
        "other_numbers": [*found[NATIONAL][1:], *found[ABROAD][1:], *found[OTHER]],
    }


def _read_languages(line: Line) -> dict[str, Any]:
    days: dict[str, list[str]] = {}
    codes = []
    for language in _items(line, "languages"):
        code, note = language.get("code", "").casefold(), language.get("note", "")
        if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", code):
            raise InputError(N_("“%(text)s” is not the code of a language."), text=code)
        codes.append(code)
        if note and not read_days(note):
            raise InputError(N_("“%(text)s” names no weekdays: write Mon & Thu."), text=note)
        if note:
            days[code] = read_days(note)
    if line.cells.get("interpretation_services"):
        codes.append(INTERPRETED)
    return {"languages": list(dict.fromkeys(codes)), "language_days": days}


def _read_schedules(line: Line) -> dict[str, Any]:
    hours: dict[str, list[list[str]]] = {}
    last_days = set()
    for schedule in _items(line, "schedules"):
        if "valid_to" in schedule:
            last_days.add(_read_date(schedule["valid_to"]))
        if {"byday", "opens_at", "closes_at"} & set(schedule):
            for day in _read_byday(schedule):
                hours.setdefault(day, []).append([_clock(schedule, "opens_at"), _clock(schedule, "closes_at")])
    if len(last_days) > 1:
        raise InputError(N_("The schedules of one service end on different days."))
    return {"hours": hours, "expires_on": last_days.pop() if last_days else None}


def _read_byday(schedule: Mapping[str, str]) -> list[str]:
    by_code = {day[:2].upper(): day for day in WEEKDAYS}
    codes = [code.strip().upper() for code in schedule.get("byday", "").split(",")]
    if schedule.get("freq", "WEEKLY").upper() != "WEEKLY" or not set(codes) <= set(by_code):
        raise InputError(N_("A schedule is WEEKLY and names its days in byday: MO,TU."))
    return [by_code[code] for code in codes]


def _clock(schedule: Mapping[str, str], name: str) -> str:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})(?::00)?", schedule.get(name, ""))
    if match is None:
        raise InputError(N_("A schedule opens and closes at a time like 08:30, in the time of the service."))
    return f"{int(match[1]):02}:{match[2]}"


def _read_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(N_("“%(text)s” is not a date like 2026-03-31."), text=text) from None


def _read_areas(line: Line) -> dict[str, Any]:
    """Return the regions, and the country when one is named; a service that covers nothing is refused."""
    codes = [(area.get("extent") or area.get("name", "")).upper() for area in _items(line, "service_areas")]
    if not codes:
        raise InputError(N_("The row names no area that the service covers: a country such as PL, or PL-18."))
    countries = {code[:2] for code in codes}
    if len(countries) > 1 or not all(re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", code) for code in codes):
        raise InputError(N_("The areas of a service are one country such as PL, or regions of one such as PL-18."))
    regions = [] if any(len(code) == 2 for code in codes) else codes
    return {"region_codes": regions, "country": countries.pop()}


def _read_confidential(line: Line) -> dict[str, Any]:
    return {"confidential": _read_truth(line.cells["x_confidential"])}


def _read_by_appointment(line: Line) -> dict[str, Any]:
    return {"by_appointment": _read_truth(line.cells["x_by_appointment"]) is True}


def _read_truth(cell: str) -> bool | None:
    word = cell.casefold()
    if word not in _TRUTH:
        raise InputError(N_("“%(text)s” is neither yes nor no."), text=word)
    return _TRUTH[word]


def _check_status(facts: Mapping[str, Any], line: Line) -> dict[str, Any]:
    """Refuse a service that is not active and says no last day: its number would go on being told to people."""
    status, last_day = line.cells["status"], facts.get("expires_on")
    if status.casefold() not in ("", ACTIVE) and (last_day is None or last_day >= clock.now().date()):
        raise InputError(
            N_(
                "A service of the status “%(text)s” says its last day, in the past, in schedules/0/valid_to. "
                "Or find it dead on its page."
            ),
            text=status,
        )
    return {}


def _column_of(fact: str) -> str:
    by_fact = {name: column for column, name in _PLAIN.items()}
    return by_fact.get(fact, "phones/0/number")
