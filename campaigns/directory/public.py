"""People on the move find here who can help where they are, by what they need, in their language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from campaigns.core import clock
from campaigns.directory.emergency import all_emergency_rows
from campaigns.directory.models import EUROPEAN_UNION, EmergencyNumber, Service
from campaigns.directory.queries import facts_of, load_confirmed_emergencies, select_services
from campaigns.directory.signposting.choice import Need
from campaigns.directory.signposting.listed_helplines import Dial, dials_of, list_helplines
from campaigns.places.geography.atlas import RegionFacts, check_region, load_atlas
from campaigns.public_pages.publisher import behind
from campaigns.web.current import settings
from campaigns.web.people.kept_pages import Finished
from campaigns.web.people.layout import (
    KEPT_WITH_NUMBERS,
    check_country,
    information,
    page_of,
    people_pages,
    words_for,
)
from campaigns.web.people.public_words import Words
from campaigns.web.session import session

pages = people_pages("help", __name__)


@pages.get("")
@information
def list_countries(language: str) -> Finished:
    """List the countries, those of which something is known first."""
    words, known = words_for(language), _countries(_services())
    here, others = (
        words.by_alphabet(codes, words.country) for codes in (known, all_emergency_rows().keys() - known)
    )
    return page_of("people/countries.html", language, known=here, others=others)


@pages.get("/<country:country>")
@information
def show_country(language: str, country: str) -> Finished:
    """Show who can help in a country."""
    return _page(language, check_country(country), None)


@pages.get("/<area:region_code>")
@information
def show_region(language: str, region_code: str) -> Finished:
    """Show who can help in a region, what covers the whole country among them."""
    region = check_region(region_code)
    return _page(language, region.country, region)


def _page(language: str, country: str, region: RegionFacts | None) -> Finished:
    return page_of(
        "people/country.html",
        language,
        country,
        age=KEPT_WITH_NUMBERS,
        emergency=emergency_of(country),
        region=region,
        # Else their form is no page.
        is_read=bool(behind().organisation_ids),
        **help_in(country, region.code if region else None, words_for(language, country).language),
    )


def help_in(country: str, region_code: str | None, language: str) -> dict[str, Any]:
    """Return what a page needs to show who can help somewhere, for `people/_helplines.html`."""
    services = [each for each in _services() if each.country in (country, EUROPEAN_UNION)]
    need = Need(region_code, country, language, clock.now(), roaming=False)
    groups = list_helplines(
        map(facts_of, services),
        need,
        fresh_days=settings().service_max_age_days,
        by_appointment=frozenset(each.id for each in services if each.by_appointment),
    )
    return {
        "groups": groups,
        "services": {each.id: each for each in services},
        "regions": _regions(country, services, Words(language)),
    }


def find_help(country: str, language: str) -> dict[str, Any]:
    """Return what a page of an error shows of a country."""
    return {"emergency": emergency_of(country), **help_in(country, None, language)}


@dataclass(frozen=True, slots=True)
class Emergency:
    """What to dial in danger, and how it is known."""

    numbers: tuple[Dial, ...]
    #: Of the document that a member has confirmed it by; None: it stands in a public list.
    confirmed_on: date | None


def emergency_of(country: str) -> Emergency:
    """Return what to dial in danger in a country: what a member has confirmed, else what a public list says."""
    for organisation_id in behind().organisation_ids:
        row: EmergencyNumber | None = load_confirmed_emergencies(session(), organisation_id).get(country)
        if row is not None:
            return Emergency(dials_of(row.number, country), row.document_date)
    listed = all_emergency_rows().get(country)
    numbers = () if listed is None else (listed.single_number,) if listed.single_number else listed.numbers
    return Emergency(tuple(Dial(number, number) for number in numbers), None)


def _services() -> list[Service]:
    """Return what the organisations that are open to everybody know of."""
    return [
        service for owner in behind().organisation_ids for service in session().scalars(select_services(owner))
    ]


def _countries(services: Iterable[Service]) -> set[str]:
    return {each.country for each in services} - {EUROPEAN_UNION}


def _regions(country: str, services: Sequence[Service], words: Words) -> list[RegionFacts]:
    """Return the regions to choose from, where any service is for some of them only."""
    if not any(each.region_codes for each in services):
        return []
    drawn = (each for each in load_atlas().facts if each.country == country)
    return words.by_alphabet(drawn, lambda each: each.names.get(words.language) or each.name)
