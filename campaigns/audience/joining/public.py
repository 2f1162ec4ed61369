"""People on the move find here by which apps they may join, and what they agree to by that.

They write first: nothing is typed in here, and nothing is sent from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.audience.joining.links import PRODUCTS, WayIn, ways_in
from campaigns.audience.joining.views import senders_of
from campaigns.audience.joining.ways_to_join import select_entry_points
from campaigns.audience.models import EntryPoint
from campaigns.places.geography.atlas import check_region
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
from campaigns.web.session import session

pages = people_pages("joining", __name__)


@dataclass(frozen=True, slots=True)
class Joinable:
    """An organisation that people may join."""

    #: '' for one that gives no name.
    name: str
    code: str
    ways: list[WayIn]


@pages.get("/<country:country>/b")
@information
def show_country(language: str, country: str) -> Finished:
    """Show how to join in a country."""
    return _page(language, check_country(country))


@pages.get("/<area:region_code>/b")
@information
def show_region(language: str, region_code: str) -> Finished:
    """Show how to join in a region: over the same senders as in all of its country."""
    return _page(language, check_region(region_code).country)


def _page(language: str, country: str) -> Finished:
    read = words_for(language, country).language
    found = (_find_joinable(owner, name, read, country) for owner, name in behind().shown_names.items())
    return page_of(
        "people/join.html",
        language,
        country,
        age=KEPT_WITH_NUMBERS,
        joinable=[each for each in found if each is not None],
        products=PRODUCTS,
        cap=(settings().cap_messages, settings().cap_days),
    )


def _find_joinable(organisation_id: int, name: str, language: str, country: str) -> Joinable | None:
    """Return how an organisation is joined from anywhere in a country, by somebody who reads a language."""
    # One that hangs at a place would say that whoever reads this is there.
    hung = select_entry_points(organisation_id).where(
        EntryPoint.removed_at.is_(None), EntryPoint.place_id.is_(None)
    )
    fitting = [each for each in session().scalars(hung) if each.language in (None, language)]
    # The one for their own language comes first.
    entry_point = min(fitting, key=lambda each: (each.language is None, -each.id), default=None)
    if entry_point is None:
        return None
    heard, _unheard = senders_of(organisation_id)
    near = [each for each in heard if not each.countries or country in each.countries]
    ways = ways_in(entry_point.code, near)
    return Joinable(name, entry_point.code, ways) if ways else None
