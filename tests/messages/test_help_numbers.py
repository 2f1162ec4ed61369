"""A placeholder for help stands for a verified service of its kind, else for the country's emergency number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaigns.directory.emergency import all_emergency_rows, emergency_numbers
from campaigns.directory.signposting.choice import Need
from campaigns.messages.help_numbers import HelpNumber, KnownHelp, kinds_asked, lacks_number, values_of
from tests.directory.signposting.test_choice import LINE, MONDAY

SHELTER = replace(LINE, service_id=7, name="Beds", kind="shelter", number_national="800 700 700")
IN_POLAND = Need("PL-18", "PL", LINE.languages[0], MONDAY, roaming=False)


def find(*names: str, need: Need = IN_POLAND, emergency: dict[str, str] | None = None) -> tuple[HelpNumber, ...]:
    numbers = {"PL": "112"} if emergency is None else emergency
    return KnownHelp([LINE, SHELTER], numbers, fresh_days=30).find(names, need)


def test_kind_is_read_from_the_name() -> None:
    assert kinds_asked(["hotline", "hotline:shelter", "place"]) == {
        "hotline": "trafficking",
        "hotline:shelter": "shelter",
    }


def test_each_kind_names_its_own_service() -> None:
    values = values_of(find("hotline", "hotline:shelter"), "en")
    assert values == {"hotline": LINE.number_national, "hotline:shelter": "800 700 700"}


def test_other_kind_never_stands_in() -> None:
    (found,) = find("hotline:legal")
    assert (found.signpost, found.number) == (None, "112")
    assert found.why_none is not None


def test_where_the_country_is_not_known_no_emergency_number_is_guessed() -> None:
    (found,) = find("hotline:legal", need=replace(IN_POLAND, region_code=None, country=None))
    assert found.number == ""
    assert lacks_number([found], {"hotline:legal"})
    assert not lacks_number([found], ())


def test_country_without_a_single_number_waits_for_a_member() -> None:
    assert "AF" not in emergency_numbers({})
    assert emergency_numbers({"AF": "119"})["AF"] == "119"


def test_member_is_believed_before_the_table() -> None:
    assert emergency_numbers({"PL": "999"})["PL"] == "999"


@pytest.mark.parametrize("country", sorted(all_emergency_rows()))
def test_single_number_is_one_of_the_known(country: str) -> None:
    row = all_emergency_rows()[country]
    assert row.single_number is None or row.single_number in row.numbers
    assert row.source.startswith("libphonenumber")
