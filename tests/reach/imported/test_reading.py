"""Exports of advert managers are read as they come; what is wrong or unclear is told by its line."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
import xlsxwriter

from campaigns.core.errors import FileFormatError, TooManyRowsError
from campaigns.reach.counting.ladder import Step
from campaigns.reach.imported.models import Method, Source
from campaigns.reach.imported.reading import Reading, Report, read_report
from campaigns.reach.imported.table import MAX_BYTES

META = Reading(Source.META_ADS, exported_on=date(2022, 4, 2))
PARTNER = replace(META, source=Source.PARTNER)
GERMAN = (
    "\ufeffKampagnenname;Region;Land;Berichtsbeginn;Berichtsende;Reichweite;Impressionen;Häufigkeit;"
    "Link-Klicks;Ausgegebener Betrag (EUR)\r\n"
    ";;;01.03.2022;31.03.2022;61.234;122.468;2,00;1.020;1.234,50\r\n"
    "Dokumente;Podkarpackie Voivodeship;Polen;01.03.2022;31.03.2022;41.234;82.468;2,00;820;1.000,50\r\n"
    "Dokumente;Lwiwska oblast, Ukraine;;01.03.2022;31.03.2022;--;--;--;--;--\r\n"
)
GOOGLE = (
    "Звіт про кампанії\n1 березня 2022 р. – 31 березня 2022 р.\n"
    "Кампанія\tОбласть\tПокази\tКліки\tCTR\tОхоплення\tВартість\tКод валюти\n"
    "Документи\tЛьвівська область, Україна\t10 000\t125\t1,25 %\t4 000\t12,50\tUAH\n"
    "Усього: кампанії\t\t10 000\t125\t1,25 %\t4 000\t12,50\tUAH\n"
)


def csv(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def problems(report: Report) -> list[str]:
    return [str(problem) for problem in report.problems]


def told(*lines: str, reading: Reading = META) -> str:
    """What is wrong with the first row of a file of one activity in Podkarpackie in March."""
    return "; ".join(problems(read_report(csv(*lines), reading)))


def one(cell: str, column: str = "reach", **changes: str) -> str:
    """What is wrong with one cell of a sound row."""
    row = {"activity": "A", "region": "PL-18", "start": "2022-03-01", "end": "2022-03-31", "reach": "10"}
    row |= {column: cell} | changes
    return told(",".join(row), ",".join(f'"{each}"' for each in row.values()))


@pytest.mark.parametrize("separator", [";", ",", "|"])
def test_line_that_tells_excel_the_separator_is_understood(separator: str) -> None:
    lines = ["activity|region|start|end|reach|note", "A|PL-18|2022-03-01|2022-03-31|10|a; b, c; d"]
    text = "\n".join([f"sep={separator}", *lines])
    if separator != "|":
        text = text.replace(separator, "").replace("|", separator).replace("sep=", f"sep={separator}", 1)
    report = read_report(b"\xef\xbb\xbf" + text.encode(), META)
    assert problems(report) == []
    assert [row.people for row in report.rows] == [10]


def test_german_export_of_meta_is_read() -> None:
    report = read_report(GERMAN.replace("Lwiwska oblast, Ukraine;", "Львівська область;Ukraine").encode(), META)
    assert problems(report) == ["Line 4, Reichweite: the number of people is missing."]
    [row] = report.rows
    assert (row.people, row.impressions, row.spend, row.currency) == (41_234, 82_468, Decimal("1000.50"), "EUR")
    assert (row.region_code, row.by_name, row.country) == ("PL-18", True, "PL")
    assert (row.starts_on, row.ends_on) == (date(2022, 3, 1), date(2022, 3, 31))
    assert (row.method, row.step) == (Method.PLATFORM_UNIQUE, Step.PLATFORM_REPORTED)
    assert report.totals == [2]


@pytest.mark.parametrize("coding", ["utf-16", "utf-8-sig", "utf-8"])
def test_ukrainian_export_of_google_is_read(coding: str) -> None:
    report = read_report(GOOGLE.encode(coding), replace(META, source=Source.GOOGLE_ADS))
    assert problems(report) == []
    [row] = report.rows
    assert (row.people, row.link_clicks, row.region_code) == (4000, 125, "UA-46")
    assert (row.starts_on, row.ends_on, row.currency) == (date(2022, 3, 1), date(2022, 3, 31), "UAH")
    assert report.totals == [5]


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("12.5", "has decimals"),
        ("5%", "is a share"),
        ("=SUM(A1:A9)", "A formula stands here (=SUM(A1:A9))"),
        ("1.2K", "Write the number in full"),
        ("-3", "less than nothing"),
        ("many", "is not a number"),
        # A note at the foot of the table.
        ("430¹", "is not a number"),
        ("", "the number of people is missing"),
        ("9" * 20, "more than there are people"),
    ],
)
def test_what_is_no_number_of_people_is_told(cell: str, sentence: str) -> None:
    assert one(cell).startswith("Line 2, reach: ")
    assert sentence in one(cell)


@pytest.mark.parametrize("cell", ["1 234", "1\u00a0234", "1.234", "1,234", "1'234", "١٬٢٣٤", "1234.0", "+1234"])
def test_numbers_of_many_countries_are_the_same(cell: str) -> None:
    assert one(cell) == ""


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("03/04/2022", "could be two days"),
        ("31.02.2022", "is no date"),
        ("44621", "a spreadsheet's number for a day"),
        ("2022-04-01", "ends before it begins"),
        ("", "the period is missing"),
    ],
)
def test_what_is_no_day_is_told(cell: str, sentence: str) -> None:
    assert sentence in one(cell, "start")


def test_mark_of_a_footnote_beside_a_day_is_none() -> None:
    assert one("3 March 2022²", "start") == ""


def test_day_of_another_row_shows_the_order() -> None:
    lines = (
        "activity,region,start,end,reach",
        "A,PL-18,03/04/2022,04/04/2022,1",
        "B,PL-18,25/03/2022,26/03/2022,1",
    )
    assert "begins after the file was written" in told(*lines)
    assert told(*lines, reading=replace(META, exported_on=date(2022, 5, 1))) == ""


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [("Atlantis", "no region that we know"), ("Central", "Write the code"), ("PL-99", "no region that we know")],
)
def test_unknown_region_is_told(cell: str, sentence: str) -> None:
    assert sentence in one(cell, "region")


@pytest.mark.parametrize("cell", ["PL-PK", "PL018", "pl-18", "Podkarpackie", "województwo podkarpackie"])
def test_old_codes_and_names_are_known(cell: str) -> None:
    assert one(cell, "region") == ""


def test_numbers_that_do_not_fit_each_other_are_told() -> None:
    assert "more people than impressions" in one("10", impressions="9")
    assert "more clicks than impressions" in one("10", impressions="20", clicks="21")
    assert "frequency is not" in one("10", impressions="20", frequency="3.5")


def test_recurrent_planned_and_unknown_words() -> None:
    head = "partner,activity,month,region,reached,recurrent,method,status"
    rows = ("P,A,2022-03,UA-46,5,yes,headcount,completed", "P,B,2022-03,UA-46,9,,,Planned")
    report = read_report(csv(head, *rows), PARTNER)
    assert [(row.people, row.recurrent, row.method) for row in report.rows] == [(5, True, Method.HEADCOUNT)]
    assert report.planned == [3]
    wrong = "; ".join(problems(read_report(csv(head, "P,A,2022-03,UA-46,5,perhaps,by eye,"), PARTNER)))
    assert "write yes or no" in wrong
    assert "is no method" in wrong


def test_second_row_of_tags_is_not_a_row() -> None:
    report = read_report(
        csv("activity,month,region,reached", "#activity,#date,#adm1,#reached", "A,2022-03,UA-46,5"), PARTNER
    )
    assert [row.line for row in report.rows] == [3]


def test_same_thing_twice_is_told() -> None:
    lines = ("activity,month,region,reached", "A,2022-03,UA-46,5", "A,2022-03,UA-46,6")
    assert "Line 3: the same activity, place and period stand on line 2" in told(*lines, reading=PARTNER)


def a_workbook(formula: str = "", value: int = 12) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("5W")
        for at, name in enumerate(("Activity", "Start date", "Region", "Reached")):
            sheet.write(0, at, name)
        sheet.write_row(1, 0, ["Leaflets"])
        sheet.write_datetime(1, 1, date(2022, 3, 1), book.add_format({"num_format": "d mmm yyyy"}))
        sheet.write(1, 2, "UA-46")
        if formula:
            sheet.write_formula(1, 3, formula, None, value)
        else:
            sheet.write_number(1, 3, value)
        sheet.write_row(2, 0, ["Total"])
        sheet.write_formula(2, 3, "=SUM(D2:D2)", None, value)
    return out.getvalue()


def test_workbook_is_read_with_its_dates() -> None:
    report = read_report(a_workbook(), replace(META, source=Source.LEAFLETS))
    assert problems(report) == []
    [row] = report.rows
    assert (row.people, row.starts_on, row.ends_on, row.step) == (
        12,
        date(2022, 3, 1),
        date(2022, 3, 1),
        Step.ESTIMATED,
    )
    assert report.totals == [3]


def test_formula_in_a_workbook_is_told() -> None:
    assert "Line 2, Reached: A formula stands here" in problems(read_report(a_workbook("=3*4"), PARTNER))[0]


@pytest.mark.parametrize(
    "data", [b"", b"  \n", b"PK\x03\x04broken", b"\xd0\xcf\x11\xe0old", b"\x89PNG\r\n\x1a\n\x00", b"a,b\n1,2\n"]
)
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(FileFormatError):
        read_report(data, META)


def test_what_is_larger_than_any_report_is_refused() -> None:
    with pytest.raises(TooManyRowsError):
        read_report(b"x" * (MAX_BYTES + 1), META)


def test_report_without_people_says_so() -> None:
    assert "No column says how many people were reached." in told("activity,region,start", "A,PL-18,2022-03-01")


def test_own_name_of_a_column_is_known() -> None:
    lines = csv("activity,region,start,end,Herzen", "A,PL-18,2022-03-01,2022-03-02,7")
    assert read_report(lines, replace(META, own_names={"herzen": "people"})).rows[0].people == 7
