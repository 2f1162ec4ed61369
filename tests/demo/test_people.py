"""Invented people are repeatable, distinct, and never trip the sandbox's fault numbers."""

from __future__ import annotations

from collections import Counter

from campaigns.demo import scenario
from campaigns.demo.people import Stop, Way, World, as_csv, invent_people, way_of
from tests.audience.sheets import read_contacts
from tests.factories import NOON

STOPS = [Stop(22.94, 49.8, "PL"), Stop(30.09, 46.38, "MD")]
WORLD = World(STOPS, {"PL": {"uk": 3, "ru": 1}, "MD": {"ru": 1}}, scenario.WAYS)


def people(count: int, seed: int = 7) -> list[dict[str, str]]:
    return list(invent_people(count, WORLD, now=NOON, seed=seed))


def test_same_seed_gives_same_people() -> None:
    assert people(50) == people(50)
    assert people(50) != people(50, seed=8)


def test_numbers_are_distinct_and_faultless() -> None:
    numbers = [person["number"] for person in people(2000) if person["number"]]
    assert len(set(numbers)) == len(numbers) > 1500
    assert not [number for number in numbers if number[-7:].startswith("00")]


def test_languages_follow_the_country() -> None:
    near_moldova = [person for person in people(200) if person["longitude"] > "25"]
    assert {person["language"] for person in near_moldova} == {"ru"}


def test_ways_come_in_their_shares() -> None:
    ways = Counter(map(way_of, people(2000)))
    assert ways.keys() == set(Way)
    assert abs(ways[Way.SMS] / 2000 - 0.80) < 0.03
    assert abs(ways[Way.TELEGRAM] / 2000 - 0.05) < 0.02


def test_importer_takes_every_row() -> None:
    sheet = read_contacts(as_csv(people(500)).decode(), default_country=None, max_rows=500, now=NOON)
    assert (len(sheet.rows), sheet.problems) == (500, [])


def test_file_has_a_line_for_each() -> None:
    assert as_csv(people(10)).decode().count("\n") == 11
