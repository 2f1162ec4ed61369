"""The bundled table belongs to the list, and leads from a key, its spellings and its typing errors to places."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.places.place_names import name_table
from campaigns.places.place_names.cyrillic import latin_spellings
from campaigns.places.place_names.name_table import ListedPlace, NameTable, load_table
from campaigns.places.place_names.place_keys import key_of
from campaigns.places.place_names.table_building import build, is_typed

HEADER = "geonameid,name,country,admin1,latitude,longitude,population,time_zone,other_names\n"


def a_table(*keys: str) -> NameTable:
    """Return a table in which each key leads to the row of its own number, a hundred apart."""
    ordered = sorted(keys)
    return NameTable(b"", ordered, list(range(len(ordered) + 1)), [100 * keys.index(key) for key in ordered])


@pytest.mark.slow
def test_bundled_table_is_made_of_the_bundled_list() -> None:
    built = build()
    with name_table.open_data("gazetteer_names.npz") as packed, np.load(packed) as bundled:
        assert sorted(bundled.files) == sorted(built)
        for name, values in built.items():
            assert np.array_equal(bundled[name], values), "run campaigns.places.place_names.table_building"


def test_some_places_are_found_by_all_their_names() -> None:
    """When list or folding change, the table has to be built anew: campaigns.places.place_names.table_building."""
    table, row, tried = load_table(), 0, 0
    for number, line in enumerate(name_table.read_list().splitlines(keepends=True)):
        if number % 50 == 0:
            place = table.place_at(row)
            keys = {key_of(name) for name in (place.name, *filter(is_typed, place.other_names))} - {""}
            assert all(row in table.named(key) for key in keys), place
            tried += len(keys)
        row += len(line)
    assert tried > 5_000


def test_place_is_as_the_list_has_it() -> None:
    [row] = load_table().named("medyka")
    assert load_table().place_at(row) == ListedPlace(
        number=765028,
        name="Medyka",
        country="PL",
        longitude=22.92229,
        latitude=49.80526,
        population=2800,
        other_names=(),
    )


def test_other_names_are_parted() -> None:
    [row] = load_table().named("drohobych")
    place = load_table().place_at(row)
    assert "Дрогобич" in place.other_names
    assert replace(place, other_names=()).name == "Drohobych"


def test_key_is_found_whole_only() -> None:
    table = a_table("lublin", "lublincity")
    assert table.named("lublin") == [0]
    assert [table.named(key) for key in ("lubli", "lublinc", "zz", "", "a")] == [[], [], [], [], []]


@pytest.mark.parametrize(
    "typed", ["krakw", "kraakow", "krajow", "rkakow", "krakwo", "rakow", "ukrakow", "krakovw", "krako"]
)
def test_one_typing_error_is_forgiven(typed: str) -> None:
    assert a_table("krakow", "xxxxxx").nearly_named(typed) == [0]


@pytest.mark.parametrize("typed", ["krkw", "karkwo", "krakowice", "krako wie", "", "крakoв"])
def test_two_typing_errors_are_too_many(typed: str) -> None:
    assert a_table("krakow").nearly_named(typed) == []


@pytest.mark.parametrize(
    ("listed", "typed"), [("lviv", "lvivv"), ("aden", "adne"), ("lviv", "lvi"), ("busia", "usia")]
)
def test_short_name_has_to_be_typed_right(listed: str, typed: str) -> None:
    assert a_table(listed).nearly_named(typed) == []


def test_common_beginning_says_nothing() -> None:
    assert a_table("addis", "addisababa", "adana").begun_with("addis") == [100]
    assert a_table(*(f"san{number}" for number in range(301))).begun_with("san") == []


@pytest.mark.parametrize(
    ("typed", "listed"),
    [
        ("Дорогуськ", "Dorohusk"),
        ("Долгобичув", "Dołhobyczów"),
        ("Пшемисль", "Przemyśl"),
        ("Жешув", "Rzeszów"),
        ("Щецин", "Szczecin"),
        ("Тісабеч", "Tiszabecs"),
        ("Джурджулешти", "Giurgiulești"),
        ("Михайлівка", "Mykhailivka"),
        ("Юзефов", "Józefów"),
        ("Борисов", "Barysaw"),
    ],
)
def test_cyrillic_letters_are_spelt_as_neighbours_do(typed: str, listed: str) -> None:
    found = a_table(key_of(listed)).spelt(latin_spellings(key_of(typed)))
    assert found == ([] if listed == "Barysaw" else [0])  # о is no a: another name, and no other spelling


def test_other_scripts_have_no_spellings() -> None:
    assert latin_spellings("krakow") == latin_spellings("الرياض") == latin_spellings("київq") == []
    assert a_table("krakow").spelt([]) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Timişoara", "Timișoara"),
        ("Timișoara", "timisoara"),
        ("Кам’янець-Подільський", "кам'янець подільський"),
        ("Кам’янець-Подільський", "Камʼянець‑Подільський"),
        ("الرياض", "رياض"),
        ("الرِّيَاض", "الرياض"),
        ("مكة", "مكه"),
        ("Łódź", "LODZ"),
        ("Hosa'ina", "Hosaina"),
        ("ሀዋሳ", "ሐዋሳ"),
    ],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other) != ""


def test_article_is_no_article_in_short_words() -> None:
    assert key_of("الله") == "الله"


@given(st.text(max_size=30))
def test_key_of_a_key_is_that_key(text: str) -> None:
    key = key_of(text)
    assert key_of(key) in (key, key_of(key.removeprefix("ال")))
    assert " " not in key


@pytest.mark.parametrize(
    ("name", "meant"),
    [("keulakupeu", False), ("ke la ke fu", False), ("Krakov", True), ("Київ", True), ("", True)],
)
def test_transcripts_of_other_scripts_are_not_typed(name: str, meant: bool) -> None:
    assert is_typed(name) is meant


def test_what_is_longer_than_any_name_is_compared_with_none() -> None:
    """Of a message of 24,000 letters each would be kept twice and more: it took gigabytes."""
    tracemalloc.start()
    try:
        assert a_table("krakow").nearly_named("k" * 24_000) == []
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
