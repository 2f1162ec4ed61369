"""Search by name over own places and all regions, in any script and without a connection."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from campaigns.core.errors import UnavailableError
from campaigns.places.geography.atlas import load_atlas
from campaigns.places.geography.folded_names import fold
from campaigns.places.geography.gazetteer import OwnGazetteer
from campaigns.places.models import Place
from tests.factories import a_place, a_region, an_organisation


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Przemyśl", "PRZEMYSL"),
        ("Łódź", "lodz"),
        ("Chișinău", "chisinau"),
        ("Hosa'ina", "hosa ina"),
        ("Мукачі́в", "мукачів"),
        ("أبوظبي", "ابوظبي"),
        ("عمّان", "عمان"),
    ],
)
def test_folding_makes_spellings_meet(written: str, typed: str) -> None:
    assert fold(written) == fold(typed)


@pytest.mark.parametrize("name", ["Lviv Oblast", "Львівська область", "Obwód lwowski", "lviv obl"])
def test_region_is_found_under_each_name(name: str) -> None:
    [found, *_] = OwnGazetteer([]).search(name)
    assert found.raw == {"code": "UA-46", "kind": "region"}
    assert 48.7 < found.latitude < 50.7


def test_own_place_comes_before_region(session: Session) -> None:
    place: Place = a_place(session, an_organisation(session), name="Lviv station", local_name="Львів")
    names = [found.raw["kind"] for found in OwnGazetteer([place]).search("lviv")]
    assert names[:2] == ["place", "region"]
    assert OwnGazetteer([place]).search("Львів")[0].raw["code"] == place.key


def test_unknown_name_finds_nothing() -> None:
    gazetteer = OwnGazetteer([])
    assert gazetteer.geocode("xyzzy") is None
    assert gazetteer.geocode("xyzzy", exactly_one=False) is None
    assert gazetteer.search("  ") == []


def test_best_match_alone_when_exactly_one() -> None:
    gazetteer = OwnGazetteer([])
    assert str(gazetteer.geocode("Львівська область")) == "Lviv Oblast · Ukraine"
    assert gazetteer.geocode("lviv", exactly_one=False) == gazetteer.search("lviv")


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("language", "where"), [("uk", "Львівська область · Україна"), ("ar", "لفيف أوبلاست · أوكرانيا")]
)
def test_region_is_told_in_the_readers_language(session: Session, language: str, where: str) -> None:
    place = a_place(session, an_organisation(session), name="Lviv station")
    lviv = load_atlas().get("UA-46")
    assert lviv
    place.region = a_region(session, code="UA-46", country="UA", name="Lviv Oblast", names=lviv.names)
    found = OwnGazetteer([place], language).search("lviv")
    assert [str(one) for one in found[:2]] == [f"Lviv station · {where}", where]


def test_point_leads_back_to_its_region() -> None:
    gazetteer = OwnGazetteer([])
    assert str(gazetteer.reverse((49.84, 24.03))) == "Lviv Oblast · Ukraine"
    assert gazetteer.reverse((0.0, -30.0)) is None


def test_gazetteer_cannot_ask_anybody() -> None:
    with pytest.raises(UnavailableError):
        OwnGazetteer([]).adapter.get_json("https://example.org")
