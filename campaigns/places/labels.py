"""The vocabularies of the places step have their names in the reader's language here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from babel import Locale
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from campaigns.places.models import Place, PlaceKind, Route
from campaigns.web.filters import alphabetical

T = TypeVar("T")

#: `Place.source` of everything that the demo made from the bundled places.
SCENARIO = "2022 scenario"

KINDS: dict[str, LazyString] = {
    PlaceKind.HOTSPOT: _l("Hotspot: people are at raised risk here"),
    PlaceKind.STOP: _l("Waypoint: people pass here on their way"),
}

CATEGORIES: dict[str, LazyString] = {
    "border_crossing": _l("Border crossing"),
    "rail_station": _l("Railway station"),
    "airport": _l("Airport"),
    "reception_centre": _l("Reception centre"),
    "transit_town": _l("Town on the way"),
    "origin_city": _l("City of origin"),
    "origin_area": _l("Area of origin"),
    "recruitment_hub": _l("Place of recruitment"),
    "departure_coast": _l("Coast of departure"),
    "arrival_coast": _l("Coast of arrival"),
    "destination": _l("Destination"),
}

MODES: dict[str, LazyString] = {
    "rail": _l("Rail"),
    "road": _l("Road"),
    "road/rail": _l("Road and rail"),
    "rail/foot": _l("Rail and on foot"),
    "road/ferry": _l("Road and ferry"),
    "land/sea": _l("Land and sea"),
    "road/air": _l("Road and air"),
    "air": _l("Air"),
}

#: What a member may say.
CERTAINTIES: dict[str, LazyString] = {
    "high": _l("High certainty"),
    "medium": _l("Medium certainty"),
    "low": _l("Low certainty"),
}

#: What files may say beside that, as those of the bundled places do.
FINE_CERTAINTIES: dict[str, LazyString] = {
    "high (place) / low (coords)": _l("Place certain, point on the map rough"),
    "high (place) / medium (coords)": _l("Place certain, point on the map fair"),
    "high (city) / medium (station)": _l("City certain, station likely"),
}

#: Of the bundled routes; an organisation names its own.
PROGRAMMES: dict[str, LazyString] = {"ukraine": _l("From Ukraine"), "gulf": _l("To the Gulf")}

#: Patterns of risk at a place (field vocabulary); never said of a person.
RISK_TAGS: dict[str, LazyString] = {
    "free_transport": _l("Free transport offered"),
    "accommodation_offer": _l("Accommodation offered by strangers"),
    "job_offer_too_good": _l("Job offers too good to be true"),
    "documents_taken": _l("Documents taken"),
    "women_only_targeting": _l("Only women are approached"),
    "fake_volunteer": _l("False volunteers"),
    "payment_or_favour_for_aid": _l("Payment or favours asked for aid"),
    "online_contact_follow_on": _l("Contact goes on online"),
    "no_status_or_documents": _l("People without status or documents"),
    "unaccompanied_child": _l("Children on their own"),
    "debt_or_withheld_pay": _l("Debt or withheld pay"),
    "sector_agriculture": _l("Work in agriculture"),
    "sector_hospitality": _l("Work in hotels and restaurants"),
    "sector_care": _l("Work in care"),
    "sector_construction": _l("Work in construction"),
    "local_broker": _l("Local brokers"),
    "three_link_chain": _l("Chain of broker, agency and employer"),
    "commission_recruiter": _l("Recruiters paid by the head"),
    "upfront_fee": _l("Fees asked in advance"),
    "contract_substitution": _l("Contract exchanged on arrival"),
    "no_attested_contract": _l("No attested contract"),
    "passport_confiscation": _l("Passports held back"),
    "kafala_tie": _l("Tied to one employer"),
    "phone_taken": _l("Phones taken"),
    "unlicensed_agency": _l("Unlicensed agencies"),
    "family_and_friend_referral": _l("Recruited through family and friends"),
}


def name_of(names: dict[str, LazyString], value: str | None) -> str:
    """Return the name of a value in one of the vocabularies above; a value without one is shown as it is."""
    if not value:
        return ""
    return str(names[value]) if value in names else value.replace("_", " ")


def certainty_name(value: str | None) -> str:
    """Return how sure somebody is of a place or route, in words."""
    return name_of(CERTAINTIES | FINE_CERTAINTIES, value)


def stored_programme(typed: str) -> str | None:
    """Return what is stored of a programme's name: of one that is bundled its short name, else what was typed."""
    wanted = " ".join(typed.split())
    bundled = {str(name).casefold(): code for code, name in PROGRAMMES.items()}
    return bundled.get(wanted.casefold(), wanted) or None


def country_name(code: str) -> str:
    """Return a country's name in the reader's language."""
    locale = get_locale() or Locale("en")
    return str(locale.territories.get(code, code))


def country_of(place: Place) -> str:
    """Return the name of the country that a place lies in, or the empty string."""
    return country_name(place.region.country) if place.region else ""


def programme_of(route: Route) -> str:
    """Return the name of a route's programme, or the empty string."""
    return programme_name(route.programme or "")


def programme_name(stored: str) -> str:
    """Return the name of a programme as `stored_programme` takes it back: what a member or file wrote stays so."""
    return str(PROGRAMMES.get(stored, stored))


def grouped(things: Iterable[T], key: Callable[[T], str]) -> list[tuple[str, list[T]]]:
    """Group things by a name, groups by the alphabet and those without a name last; their order stays."""
    groups: dict[str, list[T]] = {}
    for thing in things:
        groups.setdefault(key(thing), []).append(thing)
    return sorted(groups.items(), key=lambda group: (not group[0], alphabetical(group[0])))


def extent(place: Place) -> str:
    """Say how large a place is."""
    if place.radius_m is None:
        return str(_("drawn outline"))
    # Nobody draws to the metre.
    kilometres = f"{place.radius_m / 1000:.3g}"
    return str(_("%(kilometres)s km around", kilometres=kilometres))


def map_words() -> dict[str, str]:
    """Return what the map says by itself: its buttons, and the help while somebody draws."""
    return {
        "failed": str(_("The map could not be loaded. The list and the forms work without it.")),
        "zoomIn": str(_("Zoom in")),
        "zoomOut": str(_("Zoom out")),
        "open": str(_("Open")),
        "close": str(_("Close")),
        "drawCircle": str(_("Draw a circle")),
        "drawPolygon": str(_("Draw an outline")),
        "edit": str(_("Change the shape")),
        "drag": str(_("Move the shape")),
        "finish": str(_("Finish")),
        "cancel": str(_("Cancel")),
        "undo": str(_("Remove the last corner")),
        "startCircle": str(_("Click where the centre is")),
        "finishCircle": str(_("Click where the circle ends")),
        "firstCorner": str(_("Click where the first corner is")),
        "nextCorner": str(_("Click the next corner")),
        "lastCorner": str(_("Click the first corner to finish")),
    }


def said_of_import(added: int, changed: int, unchanged: int) -> str:
    """Say what an import did with the rows of a file."""
    return " ".join(
        (
            ngettext("%(num)s added.", "%(num)s added.", added),
            ngettext("%(num)s changed.", "%(num)s changed.", changed),
            ngettext("%(num)s already as in the file.", "%(num)s already as in the file.", unchanged),
        )
    )


def said_of_waiting(count: int) -> str:
    """Say how many rows of a file change what is in use."""
    said = ngettext(
        "%(num)s is in use, and changes when a second member agrees.",
        "%(num)s are in use, and change when a second member agrees.",
        count,
    )
    return str(said)
