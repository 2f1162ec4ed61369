"""Nobody is pointed to a service that is unverified, expired, of another kind, or out of reach."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import NoSignpostError
from campaigns.directory.opening_hours import ALWAYS
from campaigns.directory.signposting.choice import EU_MEMBERS, Need, Signpost, choose_signpost, weigh_services
from campaigns.directory.signposting.freshness import Trust, trust_of
from campaigns.directory.signposting.service_facts import ServiceFacts

#: Monday, 13:00 in Warsaw.
MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TODAY = MONDAY.date()
EVENINGS = {"mon": [["18:00", "20:00"]]}

LINE = ServiceFacts(
    service_id=1,
    name="La Strada",
    kind="trafficking",
    country="PL",
    region_codes=(),
    number_national="800 100 100",
    number_from_abroad=None,
    works_from_foreign_sim="unknown",
    languages=("pl", "uk"),
    language_days={},
    hours=ALWAYS,
    time_zone="Europe/Warsaw",
    operator_type="ngo",
    source_status="sourced",
    verified_on=TODAY,
)


def choose(*services: ServiceFacts, **changes: object) -> Signpost:
    values = {"region_code": "PL-18", "country": "PL", "language": "uk", "at": MONDAY, "roaming": False}
    return choose_signpost(services, Need(**{**values, **changes}), fresh_days=30)  # type: ignore[arg-type]


def chosen(*services: ServiceFacts, **changes: object) -> int:
    return choose(*services, **changes).service_id


def test_region_comes_before_country_and_eu() -> None:
    region = replace(LINE, service_id=3, region_codes=("PL-18", "PL-14"))
    eu = replace(LINE, service_id=2, country="EU")
    assert chosen(eu, LINE, region) == 3
    assert chosen(eu, LINE, region, region_code="PL-02") == 1
    assert chosen(eu, replace(LINE, country="DE")) == 2


def test_wrong_language_is_never_chosen() -> None:
    near = replace(LINE, service_id=2, region_codes=("PL-18",), languages=("pl",))
    assert chosen(near, LINE) == 1
    for languages in (("pl",), ()):
        with pytest.raises(NoSignpostError, match="none is known to answer in Ukrainian"):
            choose(replace(LINE, languages=languages))


def test_interpreter_speaks_every_language_but_comes_second() -> None:
    interpreted = replace(LINE, languages=("pl", "mul"))
    assert "answers in Ukrainian through an interpreter" in choose(interpreted).explanation
    assert chosen(interpreted, replace(LINE, service_id=2)) == 2
    assert chosen(interpreted, language="am") == 1


def test_dialect_is_answered_by_its_language() -> None:
    persian = replace(LINE, service_id=2, languages=("fa",))
    assert chosen(LINE, persian, language="fa-AF") == 2


def test_language_of_another_day_is_closed_until_then() -> None:
    mondays = replace(LINE, service_id=2, language_days={"uk": ["mon"]}, region_codes=("PL-18",))
    assert chosen(LINE, mondays) == 2
    assert chosen(LINE, mondays, at=MONDAY + timedelta(days=1)) == 1
    alone = choose(mondays, at=MONDAY + timedelta(days=1))
    assert alone.opens == datetime(2026, 3, 8, 23, 0, tzinfo=UTC)
    assert "answers in Ukrainian on Mon, is closed then and opens Mon 00:00" in alone.explanation


def test_night_belongs_to_the_day_it_began() -> None:
    night = replace(LINE, hours={"mon": [["22:00", "06:00"]]}, language_days={"uk": ["mon"]})
    assert choose(night, at=MONDAY + timedelta(hours=15)).opens is None
    assert choose(night, at=MONDAY + timedelta(hours=18)).opens == MONDAY + timedelta(days=7, hours=9)


def test_language_of_a_closed_day_is_no_offer() -> None:
    with pytest.raises(NoSignpostError, match="none is known to answer in Ukrainian"):
        choose(replace(LINE, hours=EVENINGS, language_days={"uk": ["sat"]}))


def test_open_line_comes_before_closed() -> None:
    closed = replace(LINE, service_id=2, hours=EVENINGS, region_codes=("PL-18",))
    assert chosen(closed, LINE) == 1
    assert chosen(closed, replace(LINE, hours={})) == 1


def test_closed_line_says_when_it_opens() -> None:
    signpost = choose(replace(LINE, hours=EVENINGS))
    assert signpost.opens == datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
    assert "is closed then and opens Mon 18:00 (Warsaw time)" in signpost.explanation


def test_independent_lines_come_before_the_state() -> None:
    police = replace(LINE, operator_type="police")
    state = replace(LINE, service_id=2, operator_type="government")
    assert chosen(police, state, replace(LINE, service_id=3, operator_type="ngo")) == 3
    assert chosen(police, state, replace(LINE, service_id=3, operator_type="igo")) == 3


def test_kinds_are_never_swapped() -> None:
    emergency = replace(LINE, kind="emergency", country="EU", number_national="112")
    with pytest.raises(NoSignpostError, match=r"No helpline fits \(trafficking, PL-18\): none covers the place"):
        choose(emergency)
    assert choose(emergency, kind="emergency").number == "112"


def test_foreign_sim_gets_a_number_that_works() -> None:
    abroad = replace(LINE, number_from_abroad="+48 22 628 01 20")
    assert choose(abroad, roaming=True).number == "+48 22 628 01 20"
    assert choose(abroad).number == "800 100 100"
    assert choose(replace(LINE, works_from_foreign_sim="yes"), roaming=True).number == "800 100 100"
    for answer in ("no", "unknown"):
        with pytest.raises(NoSignpostError, match="none can be dialled from a foreign SIM"):
            choose(replace(LINE, works_from_foreign_sim=answer), roaming=True)


def test_eu_numbers_stay_in_the_eu() -> None:
    eu = replace(LINE, country="EU")
    assert all(chosen(eu, country=country, region_code=None) == 1 for country in EU_MEMBERS)
    assert len(EU_MEMBERS) == 27
    for country in ("UA", "MD", "GB", "KE", None):
        with pytest.raises(NoSignpostError):
            choose(eu, country=country, region_code=None)


@pytest.mark.parametrize(
    "stale",
    [
        {"verified_on": None},
        {"verified_on": TODAY - timedelta(days=31)},
        {"verified_on": TODAY + timedelta(days=1)},
        {"expires_on": TODAY - timedelta(days=1)},
        {"source_status": "from general knowledge"},
    ],
)
def test_untrusted_line_is_never_used(stale: dict[str, object]) -> None:
    with pytest.raises(NoSignpostError, match="none was verified in the last 30 days"):
        choose(replace(LINE, **stale))  # type: ignore[arg-type]


def test_verification_lasts_to_its_last_day() -> None:
    verified = replace(LINE, verified_on=TODAY - timedelta(days=30), expires_on=TODAY)
    assert trust_of(verified, MONDAY, 30) is Trust.VERIFIED
    assert trust_of(verified, MONDAY, 29) is Trust.DUE
    assert trust_of(verified, MONDAY + timedelta(days=1), 31) is Trust.ENDED
    assert trust_of(replace(LINE, source_status="gap"), MONDAY, 30) is Trust.UNSOURCED


def test_explanation_says_why_this_one() -> None:
    assert choose(replace(LINE, hours={})).explanation == (
        "La Strada: covers the country, answers in Ukrainian, does not state its hours, "
        "was verified on 2026-03-02."
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "child"}, "gives another kind of help: child"),
        ({"country": "DE"}, "does not cover the place"),
        ({"source_status": "gap"}, "no source states its number"),
        ({"expires_on": TODAY - timedelta(days=1)}, "ended on 2026-03-01"),
        ({"verified_on": None}, "was never verified"),
        (
            {"verified_on": date(2026, 1, 1)},
            "was verified on 2026-01-01, which is not within the last 30 days",
        ),
        ({"number_national": None}, "has no number that is known to work with a foreign SIM"),
        ({"languages": ()}, "does not say which languages it answers in"),
        ({"languages": ("pl", "ru")}, "answers only in Polish and Russian"),
        ({"language_days": {"uk": []}, "country": "EU"}, "covers a wider area, not this one alone"),
        ({"hours": EVENINGS}, "is closed then and opens Mon 18:00 (Warsaw time)"),
        ({"hours": {}, "language_days": {"uk": ["sat"]}}, "answers in Ukrainian on Sat"),
        ({"languages": ("mul",)}, "needs an interpreter"),
        ({"operator_type": "police"}, "is not known to be independent of the state"),
        ({"hours": {}}, "does not state its hours"),
        ({}, "is as good, but stands later in the directory"),
    ],
)
def test_each_other_service_has_its_reason(changes: dict[str, object], sentence: str) -> None:
    other = replace(LINE, service_id=2, **changes)  # type: ignore[arg-type]
    choice = weigh_services([other, LINE], Need("PL-18", "PL", "uk", MONDAY, roaming=False), fresh_days=30)
    assert choice.signpost is not None
    assert choice.signpost.service_id == LINE.service_id
    assert [(each.service_id, each.reason.sentence) for each in choice.passed_over] == [(2, sentence)]


days = st.one_of(st.none(), st.integers(-5, 60).map(lambda age: TODAY - timedelta(days=age)))
countries = st.sampled_from(["PL", "UA", "KE", "EU"])
numbers = st.sampled_from([None, "112", "+48 22 628 01 20"])
services = st.builds(
    ServiceFacts,
    service_id=st.integers(1, 10**6),
    name=st.just("Line"),
    kind=st.sampled_from(["trafficking", "emergency", "child"]),
    country=countries,
    region_codes=st.sampled_from([(), ("PL-18",), ("UA-46", "UA-30")]),
    number_national=numbers,
    number_from_abroad=numbers,
    works_from_foreign_sim=st.sampled_from(["yes", "no", "unknown"]),
    languages=st.sampled_from([(), ("uk",), ("pl", "en"), ("sw",), ("en", "mul")]),
    language_days=st.sampled_from([{}, {"uk": ["mon"]}]),
    hours=st.sampled_from([{}, ALWAYS, EVENINGS]),
    time_zone=st.sampled_from(["Europe/Warsaw", "Africa/Nairobi", "UTC"]),
    operator_type=st.sampled_from(["ngo", "police", "unknown"]),
    source_status=st.sampled_from(["sourced", "gap"]),
    verified_on=days,
    expires_on=days,
)


@given(
    offered=st.lists(services, max_size=12, unique_by=lambda service: service.service_id),
    country=st.sampled_from(["PL", "UA", "KE", "GB", None]),
    region_code=st.sampled_from(["PL-18", "UA-46", None]),
    language=st.sampled_from(["uk", "sw", "ar", ""]),
    hour=st.integers(0, 24 * 7),
    roaming=st.booleans(),
)
def test_choice_is_always_trustworthy(
    offered: list[ServiceFacts],
    country: str | None,
    region_code: str | None,
    language: str,
    hour: int,
    roaming: bool,
) -> None:
    at = MONDAY + timedelta(hours=hour)
    place = {"country": country, "region_code": region_code}
    try:
        signpost = choose(*offered, language=language, at=at, roaming=roaming, **place)
    except NoSignpostError:
        return
    (service,) = [service for service in offered if service.service_id == signpost.service_id]
    assert service.kind == "trafficking"
    assert service.source_status == "sourced"
    assert service.verified_on is not None
    assert date(2026, 3, 2) - timedelta(days=31) < service.verified_on <= at.date() + timedelta(days=1)
    assert service.expires_on is None or service.expires_on >= at.date()
    assert service.country == country or (service.country == "EU" and country in EU_MEMBERS)
    assert not service.region_codes or service.country == "EU" or region_code in service.region_codes
    assert signpost.number in (service.number_national, service.number_from_abroad)
    assert not roaming or service.number_from_abroad or service.works_from_foreign_sim == "yes"
    assert {language, "mul"} & set(service.languages)


@given(
    offered=st.lists(services, max_size=12, unique_by=lambda service: service.service_id),
    language=st.sampled_from(["uk", "sw", "fa-AF"]),
    hour=st.integers(0, 24 * 7),
    roaming=st.booleans(),
)
def test_every_service_is_chosen_or_has_its_reason(
    offered: list[ServiceFacts], language: str, hour: int, roaming: bool
) -> None:
    need = Need("PL-18", "PL", language, MONDAY + timedelta(hours=hour), roaming=roaming)
    choice = weigh_services(offered, need, fresh_days=30)
    said = [each.service_id for each in choice.passed_over]
    said += [choice.signpost.service_id] if choice.signpost else []
    assert sorted(said) == sorted(service.service_id for service in offered)
    assert (choice.signpost is None) == (choice.why_none is not None)
    assert all(each.reason.sentence and "%" not in each.reason.sentence for each in choice.passed_over)


@given(
    st.permutations(
        [replace(LINE, service_id=number, hours=EVENINGS if number % 2 else {}) for number in range(6)]
    )
)
def test_order_of_rows_does_not_matter(offered: list[ServiceFacts]) -> None:
    assert chosen(*offered) == 0
