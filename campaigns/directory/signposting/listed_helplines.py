"""All that may be named in a place is listed by need, with whether somebody answers now and how it is dialled.

Pure. The rules are those by which one is chosen for a text (`choice.py`), but here people choose themselves: what
does not speak their language stands below what does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from campaigns.directory.models import INTERPRETED, ForeignSim, ServiceKind
from campaigns.directory.opening_hours import next_opening
from campaigns.directory.signposting.choice import Candidate, Need, base_of, judge
from campaigns.directory.signposting.reasons import Cause, Reason
from campaigns.directory.signposting.service_facts import ServiceFacts

#: What people need first.
BY_NEED = (
    ServiceKind.TRAFFICKING,
    ServiceKind.VIOLENCE,
    ServiceKind.CHILD,
    ServiceKind.SHELTER,
    ServiceKind.LEGAL,
    ServiceKind.LABOUR,
    ServiceKind.VICTIMS,
    ServiceKind.CONSULAR,
    ServiceKind.INFORMATION,
    ServiceKind.EMERGENCY,
    ServiceKind.OTHER,
)
#: Refused for their languages alone.
_OTHER_LANGUAGE = frozenset({Cause.OTHER_LANGUAGE, Cause.NEVER})


class Answering(StrEnum):
    """Whether somebody answers now."""

    OPEN = "open"
    OPENS = "opens"
    BY_APPOINTMENT = "by_appointment"
    UNKNOWN = "hours_unknown"


@dataclass(frozen=True, slots=True)
class Dial:
    """One number as it is read, and as a phone dials it."""

    shown: str
    dialled: str


@dataclass(frozen=True, slots=True)
class Helpline:
    """A service as people find it on a page."""

    service: ServiceFacts
    answering: Answering
    #: In the service's zone, where it is closed now.
    opens: datetime | None
    #: By whoever answers, or through an interpreter.
    speaks_theirs: bool
    interprets: bool
    #: Works from every SIM, and from one of the country alone.
    from_any_sim: tuple[Dial, ...]
    from_local_sim: tuple[Dial, ...]

    def rank(self) -> tuple[object, ...]:
        """Order within a need: their language first, then who answers now."""
        return not (self.speaks_theirs or self.interprets), not self.speaks_theirs


def list_helplines(
    services: Iterable[ServiceFacts], need: Need, *, fresh_days: int, by_appointment: frozenset[int] = frozenset()
) -> Mapping[ServiceKind, Sequence[Helpline]]:
    """Return the services that may be named in a place by what they are for; those of use first.

    The kind and the SIM of `need` do not count. `by_appointment` has the ids of services that see people only so.
    """
    found: dict[ServiceKind, list[tuple[tuple[object, ...], Helpline]]] = {}
    for service in services:
        candidate = _candidate(service, need, fresh_days)
        if candidate is not None:
            helpline = _helpline(candidate, need, service.service_id in by_appointment)
            kind = ServiceKind(service.kind)
            found.setdefault(kind, []).append(((*helpline.rank(), *candidate.rank()), helpline))
    return {
        kind: [each for _, each in sorted(found[kind], key=lambda pair: pair[0])]
        for kind in BY_NEED
        if kind in found
    }


def dials_of(text: str | None, country: str) -> tuple[Dial, ...]:
    """Return the numbers that a text of the directory has, each as a phone dials it.

    Whatever is no whole number, such as a short code, is dialled as it is written; so is one that is free, which
    other countries do not know.
    """
    parts = (part.strip() for part in re.split(r"[/;]", text or ""))
    return tuple(Dial(part, _dialled(part, country)) for part in parts if re.search(r"\d", part))


def _dialled(text: str, country: str) -> str:
    digits = re.sub(r"[^\d+*#]", "", text)
    if digits.startswith("+"):
        return digits
    try:
        number = phonenumbers.parse(digits, country)
    except NumberParseException:
        return digits
    is_free = phonenumbers.number_type(number) is PhoneNumberType.TOLL_FREE
    if is_free or not phonenumbers.is_valid_number(number):
        return digits
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _candidate(service: ServiceFacts, need: Need, fresh_days: int) -> Candidate | None:
    """Return what a service offers in the language asked for, else in its own."""
    theirs = replace(need, kind=service.kind, roaming=False)
    found = judge(service, theirs, fresh_days)
    if isinstance(found, Reason) and found.cause in _OTHER_LANGUAGE:
        others = (code for code in service.languages if code != INTERPRETED)
        tried = (judge(service, replace(theirs, language=code), fresh_days) for code in others)
        found = next((each for each in tried if isinstance(each, Candidate)), found)
    return found if isinstance(found, Candidate) else None


def _helpline(candidate: Candidate, need: Need, by_appointment: bool) -> Helpline:
    service, wanted = candidate.service, base_of(need.language)
    speaks = wanted in {base_of(code) for code in service.languages}
    any_sim = dials_of(service.number_from_abroad, service.country)
    national = dials_of(service.number_national, service.country)
    if service.works_from_foreign_sim == ForeignSim.YES:
        any_sim, national = (*any_sim, *national), ()
    known = {each.dialled for each in any_sim}
    opens = _opens(candidate, need.at)
    return Helpline(
        service,
        Answering.BY_APPOINTMENT if by_appointment else _answering(candidate, opens),
        None if by_appointment else opens,
        speaks,
        INTERPRETED in service.languages and not speaks,
        tuple({each.dialled: each for each in any_sim}.values()),
        tuple(each for each in national if each.dialled not in known),
    )


def _answering(candidate: Candidate, opens: datetime | None) -> Answering:
    if candidate.open_now:
        return Answering.OPEN
    return Answering.UNKNOWN if opens is None else Answering.OPENS


def _opens(candidate: Candidate, at: datetime) -> datetime | None:
    if candidate.open_now is not False or not candidate.service.hours:
        return None
    return next_opening(candidate.hours, candidate.service.time_zone, at)
