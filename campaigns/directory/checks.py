"""Checks what a member states about a service before it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from campaigns.core.errors import InputError
from campaigns.core.words import N_, Phrase
from campaigns.core.written_text import clean_line
from campaigns.directory.models import ForeignSim, OperatorType, ServiceKind
from campaigns.directory.opening_hours import WEEKDAYS, check_hours
from campaigns.directory.wordings import is_number

#: What a member may state, by column, and the longest text of each (0: not a text).
FACTS: dict[str, int] = {
    "name": 200,
    "kind": 30,
    "country": 2,
    "region_codes": 0,
    "number_national": 60,
    "number_from_abroad": 60,
    "other_numbers": 0,
    "works_from_foreign_sim": 10,
    "languages": 0,
    "language_days": 0,
    "languages_note": 200,
    "hours": 0,
    "hours_note": 200,
    "time_zone": 40,
    "by_appointment": 0,
    "operator_type": 20,
    "operator": 200,
    "cost": 100,
    "confidential": 0,
    "scope": 200,
    "source": 300,
    "source_date": 100,
    "source_status": 100,
    "note": 300,
    "expires_on": 0,
}
_REQUIRED = ("name", "country", "time_zone")
#: What members call the texts that they enter; others are told by the name of their column.
_WORDS: dict[str, str] = {
    "name": N_("Name"),
    "country": N_("Country"),
    "number_national": N_("Number within the country"),
    "number_from_abroad": N_("Number for foreign SIM cards and from abroad"),
    "time_zone": N_("Time zone"),
    "operator": N_("Operator"),
    "cost": N_("Cost of a call"),
    "source": N_("Source"),
    "note": N_("Note"),
}
_CHOICES = {"kind": ServiceKind, "operator_type": OperatorType, "works_from_foreign_sim": ForeignSim}


def check_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return `facts` clean. Raises InputError naming the first that cannot be true of a service."""
    unknown = sorted(set(facts) - set(FACTS))
    if unknown:
        raise InputError(N_("A service has no %(columns)s."), columns=tuple(unknown))
    clean = {name: _clean(name, value) for name, value in facts.items()}
    for name, choice in _CHOICES.items():
        if name in clean and clean[name] not in {member.value for member in choice}:
            raise InputError(N_("“%(text)s” is not one of: %(choices)s."), text=clean[name], choices=tuple(choice))
    _check_place(clean)
    _check_numbers(clean)
    _check_languages(clean)
    if wrong := check_hours(clean.get("hours") or {}):
        raise InputError(N_("The hours of %(days)s are not times of day."), days=tuple(wrong))
    return clean


def facts_to_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as a proposal and the audit keep them: a day as text."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in facts.items()}


def facts_from_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts that `facts_to_json` gave."""
    ends = {"expires_on": date.fromisoformat(stored["expires_on"])} if stored.get("expires_on") else {}
    return {**stored, **ends}


def _clean(name: str, value: Any) -> Any:
    limit = FACTS[name]
    if not limit or value is None:
        return value
    if name in _REQUIRED or str(value).strip():
        return clean_line(str(value), what=Phrase(_WORDS.get(name, name)), limit=limit)
    return None if name in ("number_national", "number_from_abroad") else ""


def _check_place(facts: Mapping[str, Any]) -> None:
    country = facts.get("country")
    if country is not None and not (len(country) == 2 and country.isascii() and country.isupper()):
        raise InputError(N_("“%(text)s” is not a two-letter country code."), text=country)
    for code in facts.get("region_codes") or ():
        if not code.startswith(f"{country}-"):
            raise InputError(N_("%(region)s is not a region of %(country)s."), region=code, country=country)
    if "time_zone" in facts and facts["time_zone"] not in available_timezones():
        raise InputError(N_("“%(text)s” is not a time zone."), text=facts["time_zone"])


def _check_languages(facts: Mapping[str, Any]) -> None:
    days = facts.get("language_days") or {}
    if unknown := sorted(set(days) - set(facts.get("languages", days))):
        wrong = N_("Days are given for %(languages)s, which the service does not answer in.")
        raise InputError(wrong, languages=tuple(unknown))
    if others := sorted({day for named in days.values() for day in named} - set(WEEKDAYS)):
        raise InputError(N_("“%(text)s” is not a day of the week."), text=others[0])


def _check_numbers(facts: Mapping[str, Any]) -> None:
    numbers = [facts.get("number_national"), facts.get("number_from_abroad")]
    for number in filter(None, [*numbers, *(facts.get("other_numbers") or ())]):
        if not is_number(number):
            raise InputError(
                N_("“%(number)s” cannot be dialled: use digits, spaces, hyphens and a leading plus."),
                number=number,
            )
    if "number_national" in facts and not any(numbers):
        raise InputError(N_("A service needs at least one number."))
