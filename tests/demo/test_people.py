"""Invented people are repeatable, distinct, and never trip the sandbox's fault numbers."""

from __future__ import annotations

from campaigns.demo.people import Stop, as_csv, invent_people
from tests.factories import NOON

STOPS = [Stop(22.94, 49.8, "PL"), Stop(30.09, 46.38, "MD")]
SHARES = {"PL": {"uk": 3, "ru": 1}, "MD": {"ru": 1}}


def people(count: int, seed: int = 7) -> list[dict[str, str]]:
    return list(invent_people(count, stops=STOPS, shares=SHARES, now=NOON, seed=seed))


def test_same_seed_gives_same_people() -> None:
    assert people(50) == people(50)
    assert people(50) != people(50, seed=8)


def test_numbers_are_distinct_and_faultless() -> None:
    numbers = [person["number"] for person in people(2000)]
    assert len(set(numbers)) == 2000
    assert not [number for number in numbers if number[-7:].startswith("00")]


def test_languages_follow_the_country() -> None:
    near_moldova = [person for person in people(200) if person["longitude"] > "25"]
    assert {person["language"] for person in near_moldova} == {"ru"}


def test_file_has_a_line_for_each() -> None:
    assert as_csv(iter(people(10))).decode().count("\n") == 11
