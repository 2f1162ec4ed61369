"""Places are found as people type them: in any script, with errors, with words around them."""

from __future__ import annotations

import csv
import re
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.places.place_names.candidates import Match
from campaigns.places.place_names.geocoder import understand
from campaigns.places.place_names.name_search import look_up
from campaigns.places.place_names.name_table import ListedPlace, load_table, read_list
from campaigns.places.place_names.place_keys import key_of
from campaigns.places.place_names.table_building import is_typed

LOCATIONS = Path(__file__).parents[3] / "campaigns" / "demo" / "data" / "locations.csv"
TYPED = list(csv.DictReader((Path(__file__).parent / "data" / "typed.csv").read_text("utf-8").splitlines()))
#: Of the demo's places, those whose names the list does not have anywhere near.
NOT_LISTED = {
    "bcp-budomierz", "bcp-zosin", "bcp-vysne-nemecke", "bcp-velke-slemence", "bcp-tiszabecs", "bcp-lonya",
    "hub-hala-kijowska", "ke-nbo", "ke-mba", "et-add", "ye-lahj-coast", "sa-ruh",
}  # fmt: skip

#: Names of seats that three larger towns have as well.
NAMESAKES_OF_CITIES = {"Alexandria", "Badr", "Samara"}
#: Former names of seats that many villages have today.
NAMESAKES_OF_VILLAGES = {"Aleksandrovka", "Oleksandrivka", "Олександрівка", "Romanesti", "Româneşti"}


def outcome_of(text: str, language: str) -> str:
    decision = understand(text, language=language)
    return "place" if decision.place else "choice" if decision.choices else "nothing"


@pytest.mark.parametrize("row", TYPED, ids=lambda row: f"{row['typed']}-{row['country']}")
def test_typed_place_is_understood(row: dict[str, str]) -> None:
    assert outcome_of(row["typed"], row["language"]) == row["outcome"]
    found = [(one.place.name, one.place.country) for one in look_up(row["typed"])]
    most = {"place": 1, "choice": 3, "nothing": 0}[row["outcome"]]
    assert ((row["name"], row["country"]) in found[:most]) is bool(most)


def names_of(location: dict[str, str]) -> Iterator[str]:
    """Yield the names on both sides of a border, in Latin letters and those of the country, without remarks."""
    for name in (location["name"], location["local_name"]):
        yield from filter(None, (part.strip() for part in re.split(r"\s*[–/,]\s*", re.sub(r"\(.*?\)", "", name))))


def is_near(place: ListedPlace, location: dict[str, str]) -> bool:
    return (
        abs(place.latitude - float(location["lat"])) < 0.4 and abs(place.longitude - float(location["lon"])) < 0.6
    )


def test_places_of_the_demo_are_found_by_the_names_that_are_listed() -> None:
    locations = list(csv.DictReader(LOCATIONS.read_text("utf-8").splitlines()))
    lost = {
        location["id"]
        for location in locations
        if not any(is_near(one.place, location) for name in names_of(location) for one in look_up(name)[:4])
    }
    assert lost <= NOT_LISTED
    assert len(locations) > 100


def listed_seats() -> list[ListedPlace]:
    """Return the most populous place of each unit in the countries of both corridors."""
    most: dict[tuple[str, str], tuple[int, int]] = {}
    begins = 0
    for line in read_list().splitlines(keepends=True):
        [fields] = csv.reader([line.decode()])
        unit = fields[2], fields[3]
        if fields[2] in {"UA", "PL", "RO", "MD", "HU", "SK", "KE", "ET", "UG", "SA", "YE", "DJ"}:
            most[unit] = max(most.get(unit, (0, 0)), (int(fields[6]), begins))
        begins += len(line)
    return [load_table().place_at(row) for _, row in most.values()]


def test_seats_of_regions_are_found_by_all_their_names() -> None:
    seats = listed_seats()
    tried, lost = 0, []
    for seat in seats:
        typed = [name for name in (seat.name, *seat.other_names) if is_typed(name) and len(key_of(name)) > 1]
        lost += [
            (seat.name, name)
            for name in typed
            if seat.number not in [one.place.number for one in look_up(name)[:3]]
        ]
        tried += len(typed)
    assert len(seats) > 200
    assert tried > 3_000
    assert {name for _, name in lost} <= NAMESAKES_OF_CITIES | NAMESAKES_OF_VILLAGES


@pytest.mark.parametrize("typed", ["Олександрівка", "Oleksandrivka"])
def test_name_of_many_villages_is_no_name_of_a_city(typed: str) -> None:
    decision = understand(typed, language="en")
    assert decision.place is None
    assert all(choice.shown.startswith("Oleksandrivka, ") for choice in decision.choices)


def scripts_of(text: str) -> set[str]:
    return {unicodedata.name(letter).split()[0] for letter in text if letter.isalpha()}


@pytest.mark.parametrize(
    ("typed", "language", "shown"),
    [
        ("Krakow", "pl", "Kraków, Polska"),
        ("Kraków", "uk", "Краків, Польща"),
        ("Kraków", "ru", "Краков, Польша"),
        ("Lviv", "uk", "Львів, Україна"),
        ("Lviv", "ru", "Львов, Украина"),
        ("Kyiv", "ru", "Киев, Украина"),
        ("Київ", "en", "Kyiv, Ukraine"),
        ("Riyadh", "ar", "الرياض, المملكة العربية السعودية"),
        ("Addis Ababa", "am", "አዲስ አበባ, ኢትዮጵያ"),
        ("Медика", "uk", "Medyka, Польща"),
        ("Warszawa", "pl", "Warszawa, Polska"),
        ("Warszawa", "rom", "Warszawa, Poland"),
        ("Warszawa", "no language", "Warszawa, Poland"),
    ],
)
def test_place_is_shown_in_the_script_of_who_asked(typed: str, language: str, shown: str) -> None:
    place = understand(typed, language=language).place
    assert place is not None
    assert place.shown == shown


@pytest.mark.parametrize(
    ("typed", "language", "shown"),
    [
        ("у Перемишлі", "uk", "Перемишль, Польща"),
        ("в Перемышле", "ru", "Перемышль, Польша"),
        ("у Жешуві", "uk", "Ряшів, Польща"),
    ],
)
def test_name_in_another_case_is_shown_as_the_place_is_called(typed: str, language: str, shown: str) -> None:
    place = understand(typed, language=language, near=[(22.77, 49.78)]).place
    assert place is not None
    assert place.shown == shown


def test_namesakes_are_told_apart() -> None:
    choices = [choice.shown for choice in understand("San Juan", language="es").choices]
    assert len(set(choices)) == len(choices) == 3
    regions = [choice.shown for choice in understand("Moara", language="ro").choices]
    assert len(set(regions)) == len(regions)


def test_last_place_of_a_person_decides_between_namesakes() -> None:
    uganda = understand("Busia", near=[(34.0, 0.5)])  # both are near
    assert len(uganda.choices) >= 2
    siret = [(26.07, 47.95)]
    assert understand("Frankfurt").place is not None
    oder = understand("Frankfurt", near=[(14.6, 52.35)])
    assert {choice.shown for choice in oder.choices} >= {"Frankfurt (Oder), Germany", "Frankfurt am Main, Germany"}
    assert all(one.metres is not None for one in look_up("Busia", near=siret))


def test_order_is_that_of_population_then_closeness() -> None:
    found = look_up("Busia", near=[(34.09, 0.4)])
    people = [one.place.population for one in found]
    assert people == sorted(people, reverse=True)
    unknown = [one for one in look_up("Al Qaryah", near=[(44.0, 15.0)]) if not one.place.population]
    assert [one.metres for one in unknown] == sorted(one.metres or 0.0 for one in unknown)


def test_sure_ways_come_before_unsure_ones() -> None:
    assert {one.match for one in look_up("Lublin")} == {Match.EXACT}
    assert {one.match for one in look_up("Lubiln")} == {Match.NEARLY}
    assert {one.match for one in look_up("Lublin Przyjazna")} == {Match.PART}


def test_named_country_counts() -> None:
    assert {one.place.country for one in look_up("Busia, Уганда")} == {"UG"}
    assert look_up("Busia Poland")[0].match is Match.PART


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\0", "\u202e\u202d", "́" * 10_000, "a" * 10_000, "к" * 10_000, "ሀ" * 10_000, "💥", "1 2 3",
        "we have moved to a house where nobody knows us",
        "Lublin one two three four five six", "станція", "в", "a,b,c,d,e,f,g,h",
    ],
)  # fmt: skip
def test_what_is_no_name_means_nothing_and_costs_nothing(text: str) -> None:
    look_up("Lublin")
    before = time.process_time()
    assert look_up(text) == []
    assert time.process_time() - before < 0.5


def test_lookups_take_milliseconds() -> None:
    look_up("Lublin, Польща")
    texts = [row["typed"] for row in TYPED] * 3
    before = time.process_time()
    for text in texts:
        look_up(text)
    each: Any = (time.process_time() - before) / len(texts)
    assert each < 0.005
