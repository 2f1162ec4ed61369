"""Reads a report row by row into numbers with place, time and method; everything wrong is told by its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, BinaryIO

from campaigns.core.errors import CellError, RowProblem
from campaigns.core.words import N_
from campaigns.places.geography.folded_names import fold
from campaigns.reach.counting.ladder import Step
from campaigns.reach.imported.columns import currency_in, fields_of, words_for
from campaigns.reach.imported.models import Method, Source
from campaigns.reach.imported.number_cells import Habits, amount, day, habits_of, month, whole_number
from campaigns.reach.imported.regions import find_where
from campaigns.reach.imported.table import MAX_BYTES, Row, Table, read_table

#: How each source counts, unless a row says otherwise.
USUAL: dict[Source, tuple[Method, Step]] = {
    Source.META_ADS: (Method.PLATFORM_UNIQUE, Step.PLATFORM_REPORTED),
    Source.GOOGLE_ADS: (Method.PLATFORM_UNIQUE, Step.PLATFORM_REPORTED),
    Source.OTHER_ADS: (Method.PLATFORM_UNIQUE, Step.PLATFORM_REPORTED),
    Source.LEAFLETS: (Method.ONE_LEAFLET_ONE_PERSON, Step.ESTIMATED),
    Source.RADIO: (Method.BROADCAST_ESTIMATE, Step.ESTIMATED),
    Source.U_REPORT: (Method.POLL_ANSWERS, Step.PLATFORM_REPORTED),
    Source.PARTNER: (Method.OTHER, Step.ESTIMATED),
}
#: Whose numbers come with how often they were shown, so that reach can be held against it.
ADVERTS = frozenset({Source.META_ADS, Source.GOOGLE_ADS, Source.OTHER_ADS})
#: How far a stated frequency may lie from impressions divided by reach.
FREQUENCY_SLACK = Decimal("0.06")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read: what its columns do not say."""

    source: Source
    exported_on: date
    #: Dates of rows that have none.
    starts_on: date | None = None
    ends_on: date | None = None
    #: Alpha-2 of rows that name a region only.
    country: str = ""
    channel: str = ""
    language: str = ""
    recurrent: bool = False
    #: "," or "."; whether the day comes before the month; None: as the file shows.
    decimal_sign: str | None = None
    day_first: bool | None = None
    #: Field by folded name of a column: an organisation's own words.
    own_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reported:
    """One number that somebody reports."""

    line: int
    label: str
    region_code: str | None
    country: str
    by_name: bool
    starts_on: date
    ends_on: date
    people: int
    method: Method
    step: Step
    channel: str = ""
    language: str = ""
    campaign_code: str = ""
    targeted: int | None = None
    impressions: int | None = None
    link_clicks: int | None = None
    spend: Decimal | None = None
    currency: str = ""
    recurrent: bool = False
    note: str = ""


@dataclass
class Report:
    """What a file holds."""

    columns: tuple[str, ...]
    fields: dict[str, int]
    rows: list[Reported] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    #: Lines that add others up, and activities that are only planned: no numbers of their own.
    totals: list[int] = field(default_factory=list)
    planned: list[int] = field(default_factory=list)


def read_report_file(file: BinaryIO, reading: Reading) -> Report:
    """Read an open file, as `read_report` does."""
    return read_report(file.read(MAX_BYTES + 1), reading)


def read_report(data: bytes, reading: Reading) -> Report:
    """Read a file. Raises FileFormatError or TooManyRowsError; wrong rows are problems of the report."""
    table = read_table(data, score=lambda cells: len(fields_of(cells, reading.own_names)))
    fields = fields_of(table.columns, reading.own_names)
    report = Report(table.columns, fields)
    if "people" not in fields:
        report.problems.append(RowProblem(0, "", N_("No column says how many people were reached.")))
        return report
    habits = habits_of(_cells(table, fields), decimal_sign=reading.decimal_sign, day_first=reading.day_first)
    reader = _RowReader(_with_period(reading, table, habits), table, fields, habits)
    for row in table.rows:
        if reader.is_total(row):
            report.totals.append(row.line)
        elif reader.is_planned(row):
            report.planned.append(row.line)
        else:
            _take(report, reader, row)
    _find_repeated(report)
    if not (report.rows or report.problems):
        report.problems.append(RowProblem(0, "", N_("The file has no row that counts anybody.")))
    return report


def _cells(table: Table, fields: Mapping[str, int]) -> Iterator[str]:
    """Yield the cells that show how the file writes numbers and dates."""
    telling = ("people", "targeted", "impressions", "link_clicks", "spend", "frequency", "starts_on", "ends_on")
    positions = [fields[name] for name in telling if name in fields]
    return (row.cells[at] for row in table.rows for at in positions)


def _with_period(reading: Reading, table: Table, habits: Habits) -> Reading:
    """Take the period from above the header, where a platform writes it and the form does not say."""
    for line in table.preamble:
        for dash in (" - ", " – ", " — ", " to "):
            first, found, last = line.partition(dash)
            if found and reading.starts_on is None:
                try:
                    return replace(reading, starts_on=day(first, habits), ends_on=day(last, habits))
                except CellError:
                    continue
    return reading


def _take(report: Report, reader: _RowReader, row: Row) -> None:
    reported, problems = reader.read(row)
    report.problems += problems
    if reported is not None:
        report.rows.append(reported)


def _find_repeated(report: Report) -> None:
    """Refuse rows that say the same thing twice."""
    first: dict[tuple[Any, ...], int] = {}
    for row in report.rows:
        of = (row.label, row.region_code, row.country, row.starts_on, row.ends_on, row.channel, row.language)
        line = first.setdefault((*of, row.campaign_code), row.line)
        if line != row.line:
            template = N_("the same activity, place and period stand on line %(line)s already.")
            report.problems.append(RowProblem(row.line, "", template, {"line": line}))


class _RowReader:
    """Reads the rows of one file."""

    def __init__(self, reading: Reading, table: Table, fields: Mapping[str, int], habits: Habits) -> None:
        self._reading, self._columns, self._fields, self._habits = reading, table.columns, fields, habits
        self._problems: list[RowProblem] = []
        self._row = Row(0, ())
        self._has_names = any(self._is_named(row) for row in table.rows)

    def is_total(self, row: Row) -> bool:
        """Say whether a row adds others up: it says so, or names nothing that the others name."""
        first = next((cell for cell in row.cells if cell), "")
        words = fold(first).replace(":", " ").split()
        is_nameless = self._has_names and not self._is_named(row)
        return (bool(words) and words[0] in words_for("total")) or is_nameless

    def _is_named(self, row: Row) -> bool:
        return any(
            row.cells[self._fields[name]] for name in ("label", "partner", "region") if name in self._fields
        )

    def is_planned(self, row: Row) -> bool:
        """Say whether an activity has not taken place yet."""
        at = self._fields.get("status")
        return at is not None and fold(row.cells[at]) in words_for("planned")

    def read(self, row: Row) -> tuple[Reported | None, list[RowProblem]]:
        """Return what a row reports, or everything that is wrong with it."""
        self._row, self._problems = row, []
        reported = self._reported()
        return (None if self._problems else reported), self._problems

    def _reported(self) -> Reported | None:
        where = self._try(
            "region", lambda text: find_where(text, self._text("country"), default_country=self._reading.country)
        )
        starts_on, ends_on = self._period()
        people = self._try("people", whole_number)
        if people is None and not self._problems:
            self._fail("people", N_("the number of people is missing."))
        method, step = self._method()
        numbers = {name: self._try(name, whole_number) for name in ("targeted", "impressions", "link_clicks")}
        spend = self._try("spend", lambda text: amount(text, self._habits))
        recurrent = self._yes("recurrent")
        self._check(people, numbers)
        if self._problems or people is None or where is None or starts_on is None or ends_on is None:
            return None
        return Reported(
            line=self._row.line,
            label=" · ".join(filter(None, (self._text("partner"), self._text("label"))))[:300],
            region_code=where.code,
            country=where.country,
            by_name=where.by_name,
            starts_on=starts_on,
            ends_on=ends_on,
            people=people,
            method=method,
            step=step,
            channel=(self._text("channel") or self._reading.channel)[:40],
            language=(self._text("language") or self._reading.language)[:10],
            campaign_code=self._text("code").upper()[:10],
            **numbers,
            spend=spend,
            currency=(self._text("currency") or currency_in(self._name("spend"))).upper()[:3] if spend else "",
            recurrent=recurrent or self._reading.recurrent,
            note=self._text("note")[:300],
        )

    def _period(self) -> tuple[date | None, date | None]:
        starts_on, ends_on = (
            self._try(name, lambda text: day(text, self._habits)) for name in ("starts_on", "ends_on")
        )
        if starts_on is None and (span := self._try("month", month)):
            starts_on, ends_on = span
        starts_on = starts_on or self._reading.starts_on
        # A day's row has no other end than its beginning.
        ends_on = ends_on or (
            starts_on if "ends_on" not in self._fields and not self._reading.ends_on else self._reading.ends_on
        )
        if (starts_on is None or ends_on is None) and not self._problems:
            self._fail("starts_on", N_("the period is missing: give it in a column or on the form."))
        elif starts_on and ends_on and ends_on < starts_on:
            self._fail("ends_on", N_("the period ends before it begins."))
        elif ends_on and starts_on and starts_on > self._reading.exported_on:
            self._fail("starts_on", N_("the period begins after the file was written."))
        return starts_on, ends_on

    def _method(self) -> tuple[Method, Step]:
        usual, step = USUAL[self._reading.source]
        text = fold(self._text("method")).replace(" ", "_")
        if not text:
            return usual, step
        if text not in list(Method):
            self._fail(
                "method", N_("“%(text)s” is no method. Known: %(known)s."), text=text[:40], known=tuple(Method)
            )
            return usual, step
        return Method(text), step

    def _check(self, people: int | None, numbers: Mapping[str, int | None]) -> None:
        """Hold numbers of a row against each other: what was misread seldom fits."""
        impressions, clicks = numbers["impressions"], numbers["link_clicks"]
        if people is None or impressions is None or self._reading.source not in ADVERTS:
            return
        if impressions < people:
            self._fail("people", N_("more people than impressions: was a column or a number taken for another?"))
        if clicks is not None and clicks > impressions:
            self._fail("link_clicks", N_("more clicks than impressions."))
        frequency = self._try("frequency", lambda text: amount(text, self._habits))
        if (
            frequency
            and people
            and abs(frequency - Decimal(impressions) / people) > max(FREQUENCY_SLACK, frequency / 20)
        ):
            self._fail(
                "frequency",
                N_("the frequency is not impressions divided by reach: were the numbers read as meant?"),
            )

    def _yes(self, name: str) -> bool:
        text = fold(self._text(name))
        if text and text not in words_for("yes") | words_for("no"):
            self._fail(name, N_("write yes or no."))
        return text in words_for("yes")

    def _try(self, name: str, read: Any) -> Any:
        """Return a cell as `read` reads it; what is wrong with it becomes a problem of the row."""
        if name not in self._fields and name != "region":
            return None
        try:
            return read(self._text(name))
        except CellError as error:
            self._fail(name, error.template, **error.values)
            return None

    def _text(self, name: str) -> str:
        at = self._fields.get(name)
        text = "" if at is None else self._row.cells[at]
        if text.startswith("=") and name != "people":
            self._fail(name, N_("A formula stands here (%(text)s). Paste its value instead."), text=text[:40])
            return ""
        return text

    def _name(self, name: str) -> str:
        at = self._fields.get(name)
        return "" if at is None else self._columns[at]

    def _fail(self, name: str, template: str, /, **values: object) -> None:
        problem = RowProblem(self._row.line, self._name(name) or name, template, values)
        if problem not in self._problems:
            self._problems.append(problem)
