"""People find who can help by need: their language first, with how far it answers, dialled as a phone can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.directory.models import ServiceKind
from campaigns.directory.signposting.choice import Need
from campaigns.directory.signposting.listed_helplines import Answering, Dial, Helpline, dials_of, list_helplines
from campaigns.directory.signposting.service_facts import ServiceFacts

#: A Monday, 10:00 in Warsaw.
MONDAY = datetime(2026, 11, 30, 9, tzinfo=UTC)


def a_line(number: int, **changes: Any) -> ServiceFacts:
    facts: dict[str, Any] = {
        "service_id": number,
        "name": f"Line {number}",
        "kind": "trafficking",
        "country": "PL",
        "region_codes": (),
        "number_national": None,
        "number_from_abroad": "+48 22 628 01 20",
        "works_from_foreign_sim": "unknown",
        "languages": ("uk",),
        "language_days": {},
        "hours": {},
        "time_zone": "Europe/Warsaw",
        "operator_type": "ngo",
        "source_status": "sourced",
        "verified_on": MONDAY.date(),
    }
    return ServiceFacts(**facts | changes)


def listed(*services: ServiceFacts, region: str | None = None, **changes: Any) -> list[Helpline]:
    need = Need(region, "PL", "uk", MONDAY, roaming=False)
    return [each for found in list_helplines(services, need, fresh_days=30, **changes).values() for each in found]


def test_those_who_speak_their_language_come_first() -> None:
    found = listed(
        a_line(1, languages=("pl",)),
        a_line(2, languages=("pl", "mul")),
        a_line(3),
        a_line(4, languages=("en", "uk")),
    )
    assert [each.service.service_id for each in found] == [3, 4, 2, 1]
    assert [(each.speaks_theirs, each.interprets) for each in found] == [
        *((True, False), (True, False)),
        *((False, True), (False, False)),
    ]


def test_needs_come_in_their_order() -> None:
    kinds = ("information", "labour", "shelter", "trafficking")
    found = listed(*(a_line(number, kind=kind) for number, kind in enumerate(kinds)))
    assert [each.service.kind for each in found] == ["trafficking", "shelter", "labour", "information"]


@pytest.mark.parametrize(
    ("hours", "answering"),
    [
        ({"mon": [["08:00", "16:00"]]}, Answering.OPEN),
        ({"mon": [["12:00", "16:00"]]}, Answering.OPENS),
        ({}, Answering.UNKNOWN),
    ],
)
def test_it_is_said_whether_somebody_answers(hours: dict[str, Any], answering: Answering) -> None:
    (found,) = listed(a_line(1, hours=hours))
    assert found.answering is answering
    assert (found.opens is not None) is (answering is Answering.OPENS)


def test_who_sees_people_by_appointment_is_neither_open_nor_closed() -> None:
    (found,) = listed(a_line(1, hours={"mon": [["12:00", "16:00"]]}), by_appointment=frozenset({1}))
    assert (found.answering, found.opens) == (Answering.BY_APPOINTMENT, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"verified_on": None},
        {"verified_on": MONDAY.date() - timedelta(days=31)},
        {"expires_on": MONDAY.date() - timedelta(days=1)},
        {"source_status": "secondary source only"},
        {"country": "UA"},
        {"region_codes": ("PL-12",)},
        {"number_from_abroad": None},
        {"languages": ()},
    ],
)
def test_what_no_text_may_name_is_not_listed(changes: dict[str, Any]) -> None:
    assert listed(a_line(1, **changes), region="PL-18") == []


def test_region_of_its_own_is_listed_there() -> None:
    line = a_line(1, region_codes=("PL-18",))
    assert listed(line) == []
    assert len(listed(line, region="PL-18")) == 1


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("+48 22 628 01 20", ["+48226280120"]),
        # A free number is not known abroad, so it is dialled as at home.
        ("800 012 948", ["800012948"]),
        ("22 628 01 20", ["+48226280120"]),
        ("116 111", ["116111"]),
        ("15-47", ["1547"]),
        ("116 123 / 0 800 500 335", ["116123", "0800500335"]),
        (None, []),
    ],
)
def test_number_is_dialled_as_a_phone_can(written: str | None, dialled: list[str]) -> None:
    assert [each.dialled for each in dials_of(written, "PL")] == dialled


def test_one_number_is_shown_once_with_the_cards_it_works_from() -> None:
    both = a_line(1, number_national="22 628 01 20")
    local = a_line(2, number_from_abroad=None, number_national="800 012 948")
    any_card = a_line(3, number_from_abroad=None, number_national="116 123", works_from_foreign_sim="yes")
    found = {
        each.service.service_id: (each.from_any_sim, each.from_local_sim) for each in listed(both, local, any_card)
    }
    number = Dial("+48 22 628 01 20", "+48226280120")
    assert found[1] == ((number,), ())
    assert found[2] == ((), (Dial("800 012 948", "800012948"),))
    assert found[3] == ((Dial("116 123", "116123"),), ())


def test_every_kind_has_a_place_in_the_order() -> None:
    need = Need(None, "PL", "uk", MONDAY, roaming=False)
    lines = [a_line(number, kind=kind) for number, kind in enumerate(ServiceKind)]
    assert set(list_helplines(lines, need, fresh_days=30)) == set(ServiceKind)
