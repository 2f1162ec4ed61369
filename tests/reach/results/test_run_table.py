"""The CSV of a run opens in a spreadsheet as it is meant: UTF-8 and marked so, no formula, no small number."""

from __future__ import annotations

import csv
import io

from campaigns.audience.models import Channel
from campaigns.audience.rules import LeftOut
from campaigns.core.spreadsheets import BYTE_ORDER_MARK
from campaigns.places.models import Region
from campaigns.reach.counting.ladder import STANDINGS, Rung
from campaigns.reach.counting.queries import Counts, RegionCounts, RunTable
from campaigns.reach.results.run_table import shown_code, write_run
from campaigns.reach.results.visibility import discreet_table, figures

COUNTS = Counts(
    {Channel.SMS: {Rung.DELIVERED: 100, Rung.CARRIER: 3, Rung.UNDELIVERED: 24, Rung.PENDING: 5}},
    {"30003": 20, "": 4},
    {LeftOut.OPTED_OUT: 31},
)
LINES = [
    RegionCounts(Region(code="PL-18", country="PL", name="Podkarpackie", names={"uk": "Підкарпаття"}), COUNTS),
    RegionCounts(Region(code="KE-X02", country="KE", name="=cmd|' /C calc'!A0", names={}), COUNTS),
    RegionCounts(None, COUNTS),
]
TABLE = RunTable(COUNTS, LINES, {}, None)


def written(*, is_exact: bool) -> list[dict[str, str]]:
    text = write_run(TABLE, show=figures(is_exact=is_exact), language="uk")
    assert text.startswith(BYTE_ORDER_MARK)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK))))


def test_exact_rows_add_up() -> None:
    for row in written(is_exact=True):
        assert int(row["planned"]) == sum(int(row[f"now_{rung}"]) for rung in STANDINGS) == 132
        assert (row["delivered"], row["delivered_by_carrier_only"]) == ("103", "3")
        assert (row["failed_30003"], row["failed_without_code"], row["left_out_opted_out"]) == ("20", "4", "31")


def test_small_numbers_are_hidden_from_others() -> None:
    row = written(is_exact=False)[0]
    assert (row["planned"], row["delivered"], row["failed_30003"]) == ("130", "100", "20")
    assert (row["delivered_by_carrier_only"], row["now_pending"], row["read"]) == ("<20", "<20", "<20")


def test_why_a_run_to_few_people_failed_is_told_to_data_managers_alone() -> None:
    few = Counts({Channel.SMS: {Rung.DELIVERED: 3, Rung.FAILED: 1}}, {"21610": 1}, {})
    table = RunTable(few, [RegionCounts(None, few)], {}, None)
    assert "failed_21610" in write_run(table, show=figures(is_exact=True), language="en")
    assert "21610" not in write_run(table, show=figures(is_exact=False), language="en")


def test_names_follow_the_language_and_own_codes_are_hidden() -> None:
    rows = written(is_exact=True)
    assert [row["region_code"] for row in rows] == ["PL-18", "", ""]
    assert rows[0]["region"] == "Підкарпаття"


def test_no_cell_is_a_formula() -> None:
    assert written(is_exact=True)[1]["region"].startswith("'=")


def test_codes_of_countries_with_x_are_shown() -> None:
    assert (shown_code("XK"), shown_code("MX-OAX"), shown_code("CY-X04")) == ("XK", "MX-OAX", "")


def test_region_and_language_of_few_people_are_named_to_data_managers_alone() -> None:
    few = Counts({Channel.SMS: {Rung.DELIVERED: 1}}, {}, {})
    somewhere = RegionCounts(Region(code="PL-32", country="PL", name="Zachodniopomorskie", names={}), few)
    table = RunTable(COUNTS, [*LINES, somewhere], {"uk": COUNTS, "ti": few}, None)
    told = discreet_table(table)
    text = write_run(told, show=figures(is_exact=False), language="en")
    assert ("Podkarpackie" in text, "PL-32" in text, "Zachodniopomorskie" in text) == (True, False, False)
    assert list(told.by_language) == ["uk"]
    # Nobody is lost: whoever is there counts in the line without a region.
    assert (told.regions[-1].region, told.regions[-1].counts.planned) == (None, COUNTS.planned + 1)
    assert sum(line.counts.planned for line in told.regions) == sum(line.counts.planned for line in table.regions)
