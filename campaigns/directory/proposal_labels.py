"""Members read here, in their own words, what is to change of a service or an emergency number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.words import N_
from campaigns.directory.labels import CONFIDENTIAL, FOREIGN_SIM, KINDS, OPERATORS, country_name
from campaigns.directory.models import Service
from campaigns.directory.opening_hours import write_hours
from campaigns.directory.proposed import EMERGENCY_NUMBER, SERVICE
from campaigns.directory.service import VERIFIED_FACTS
from campaigns.directory.spoken_languages import write_spoken
from campaigns.places.geography.atlas import load_atlas
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Line, Shown
from campaigns.web.filters import region_name

_CONFIDENTIAL = {None: "", True: "yes", False: "no"}
#: What members call each fact, in the order in which it is shown.
LABELS: dict[str, str] = {
    "name": N_("Name"),
    "kind": N_("Kind of help"),
    "country": N_("Country"),
    "region_codes": N_("Only in these regions"),
    "number_national": N_("Number within the country"),
    "number_from_abroad": N_("Number for foreign SIM cards and from abroad"),
    "other_numbers": N_("Other numbers"),
    "works_from_foreign_sim": N_("Does the national number work with a foreign SIM card?"),
    "hours": N_("Hours"),
    "time_zone": N_("Time zone"),
    "by_appointment": N_("By appointment only"),
    "languages": N_("Languages answered"),
    "language_days": N_("Days of single languages"),
    "expires_on": N_("Last day, when it is known to end"),
    "operator_type": N_("Who answers"),
    "operator": N_("Operator"),
    "confidential": N_("Is it confidential?"),
    "cost": N_("Cost of a call"),
    "scope": N_("For whom"),
    "hours_note": N_("Hours in the words of the source"),
    "languages_note": N_("Languages in the words of the source"),
    "source": N_("Source"),
    "source_date": N_("Date of the source"),
    "source_status": N_("Status of the source"),
    "note": N_("Note"),
}
_WORDS: dict[str, Callable[[Any], Any]] = {
    "kind": lambda value: KINDS.get(value, value),
    "works_from_foreign_sim": lambda value: FOREIGN_SIM.get(value, value),
    "operator_type": lambda value: OPERATORS.get(value, value),
    "confidential": lambda value: CONFIDENTIAL[_CONFIDENTIAL[value]],
    "by_appointment": lambda value: CONFIDENTIAL[_CONFIDENTIAL[bool(value)]],
    "hours": lambda value: write_hours(value),
    "languages": lambda value: write_spoken(value, {}),
    "language_days": lambda value: write_spoken(list(value), value),
    "country": lambda value: country_name(value),
    "region_codes": lambda value: tuple(_region_named(code) for code in value),
    "other_numbers": tuple,
}


def show_service(session: Session, proposal: Proposal) -> Shown:
    """Return what a proposal makes of a service, and that another number has to be tried."""
    service = session.get_one(Service, proposal.subject_id)
    names = [name for name in LABELS if name in proposal.after]
    sides = (proposal.before, proposal.after)
    lines = [Line(LABELS[name], *(_in_words(name, side) for side in sides)) for name in names]
    is_another = not set(names).isdisjoint(VERIFIED_FACTS)
    hint = N_(
        "Once it is agreed to, no text names the service until somebody who did not propose it has verified it."
    )
    arguments = {"service_id": service.id}
    return Shown(service.name, lines, "directory.show", arguments, hint if is_another else "")


def _in_words(name: str, facts: Mapping[str, Any]) -> str | tuple[object, ...]:
    value = facts[name]
    if value is None or value in ([], {}):
        return ""
    words = _WORDS.get(name, str)(value)
    return words if isinstance(words, tuple) else str(words)


def _region_named(code: str) -> str:
    region = load_atlas().get(code)
    return f"{region_name(region)} ({code})" if region else code


def show_emergency(session: Session, proposal: Proposal) -> Shown:
    """Return what a proposal makes of a country's emergency number, with the country's name."""
    shown = EMERGENCY_NUMBER.show(session, proposal)
    return replace(shown, name=country_name(shown.name))


#: What this step proposes, as its pages show it.
SHOWN_KINDS = (replace(EMERGENCY_NUMBER, show=show_emergency), replace(SERVICE, show=show_service))
