"""Chooses the service that a recipient is pointed to; a service that nobody verified lately is never chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum
from zoneinfo import ZoneInfo

from campaigns.core.errors import NoSignpostError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_, Phrase
from campaigns.messages.hours import WEEKDAYS, WeeklyHours, is_open, next_opening
from campaigns.messages.models import EUROPEAN_UNION, SOURCED, ForeignSim, OperatorType, ServiceKind

#: Member states of the European Union, where numbers of country "EU" work.
EU_MEMBERS = frozenset(
    {"AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE"}
    | {"IT", "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE"}
)
#: Lines that do not report to the state come first: somebody without papers can be exposed by the others.
_INDEPENDENT = frozenset({OperatorType.NGO, OperatorType.IGO, OperatorType.CONSULATE})


class Trust(StrEnum):
    """Whether a service may be used; only `verified` ones are."""

    VERIFIED = "verified"
    #: Never verified, or too long ago.
    DUE = "due"
    #: No source states its number: it must not even be verified.
    UNSOURCED = "unsourced"
    #: Past its last day.
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What the choice needs to know of a Service; columns of the same names."""

    service_id: int
    name: str
    kind: str
    #: Alpha-2, or "EU".
    country: str
    #: ISO 3166-2 codes; empty covers the whole country.
    region_codes: tuple[str, ...]
    number_national: str | None
    number_from_abroad: str | None
    works_from_foreign_sim: str
    #: Empty means not stated.
    languages: tuple[str, ...]
    language_days: Mapping[str, Sequence[str]]
    #: Empty means not stated.
    hours: WeeklyHours
    time_zone: str
    operator_type: str
    source_status: str
    verified_on: date | None
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Signpost:
    """The service chosen for one combination of region, language, hour and SIM."""

    service_id: int
    name: str
    #: As it can be dialled from the recipient's phone.
    number: str
    #: Why this one, in a sentence for members.
    explanation: str
    #: The next opening in the service's zone when it is closed; None when it is open or its hours are not stated.
    opens: datetime | None


class _Tongue(IntEnum):
    """How sure it is that the recipient is understood; lower is better."""

    SPOKEN = 0
    SPOKEN_OTHER_DAYS = 1
    NOT_STATED = 2
    OTHER = 3


class _Distance(IntEnum):
    REGION = 0
    COUNTRY = 1
    EU = 2


@dataclass(frozen=True, slots=True)
class _Candidate:
    service: ServiceFacts
    number: str
    tongue: _Tongue
    distance: _Distance
    open_now: bool | None

    def rank(self) -> tuple[object, ...]:
        """Order: language, open before closed, distance, who answers; then hours stated, then the older row."""
        service = self.service
        return (
            self.tongue,
            self.open_now is False,
            self.distance,
            service.operator_type not in _INDEPENDENT,
            self.open_now is None,
            service.service_id,
        )


def choose_signpost(
    services: Iterable[ServiceFacts],
    *,
    region_code: str | None,
    country: str | None,
    language: str,
    at: datetime,
    roaming: bool,
    max_age_days: int,
    kind: str = ServiceKind.TRAFFICKING,
) -> Signpost:
    """Return the best service for somebody in a region and country who reads `language`, at the moment `at` (UTC).

    Only services of the same kind, verified within `max_age_days`, that cover the place and can be dialled
    (`roaming`: with a SIM of another country) are looked at. A closed line is chosen only when none is open,
    and says when it opens. Raises NoSignpostError with the reason when nothing is left.
    """
    of_kind = [service for service in services if service.kind == kind]
    covering = [
        (service, distance)
        for service in of_kind
        if (distance := _distance(service, region_code=region_code, country=country)) is not None
    ]
    trusted = [
        (service, distance)
        for service, distance in covering
        if trust_of(service, at, max_age_days) is Trust.VERIFIED
    ]
    offers = [_offer(service, distance, language, at=at, roaming=roaming) for service, distance in trusted]
    candidates = [offer for offer in offers if offer is not None]
    if not candidates:
        raise NoSignpostError(
            _why_none(bool(covering), bool(trusted)),
            kind=kind,
            place=region_code or country or Phrase(N_("an unknown place")),
            days=max_age_days,
        )
    return _signpost(min(candidates, key=_Candidate.rank), language=language, at=at, roaming=roaming)


def trust_of(service: ServiceFacts, at: datetime, max_age_days: int) -> Trust:
    """Return whether a service may be used at `at`, when a verification holds for `max_age_days`."""
    today = at.astimezone(ZoneInfo(service.time_zone)).date()
    if service.source_status != SOURCED:
        return Trust.UNSOURCED
    if service.expires_on is not None and service.expires_on < today:
        return Trust.ENDED
    if service.verified_on is None or not 0 <= (today - service.verified_on).days <= max_age_days:
        return Trust.DUE
    return Trust.VERIFIED


def _distance(service: ServiceFacts, *, region_code: str | None, country: str | None) -> _Distance | None:
    """Return how near a service's coverage is, or None when it does not cover the place."""
    if service.country == EUROPEAN_UNION:
        return _Distance.EU if country in EU_MEMBERS else None
    if service.country != country:
        return None
    if not service.region_codes:
        return _Distance.COUNTRY
    return _Distance.REGION if region_code in service.region_codes else None


def _offer(
    service: ServiceFacts, distance: _Distance, language: str, *, at: datetime, roaming: bool
) -> _Candidate | None:
    """Return what a trusted service offers this recipient, or None when its number cannot be dialled."""
    number = _number_for(service, roaming=roaming)
    if not number:
        return None
    return _Candidate(
        service=service,
        number=number,
        tongue=_tongue(service, language, at),
        distance=distance,
        open_now=is_open(service.hours, service.time_zone, at),
    )


def _number_for(service: ServiceFacts, *, roaming: bool) -> str | None:
    if not roaming:
        return service.number_national or service.number_from_abroad
    if service.number_from_abroad:
        return service.number_from_abroad
    return service.number_national if service.works_from_foreign_sim == ForeignSim.YES else None


def _tongue(service: ServiceFacts, language: str, at: datetime) -> _Tongue:
    spoken = {_base(code): service.language_days.get(code) for code in service.languages}
    if not spoken:
        return _Tongue.NOT_STATED
    if _base(language) not in spoken:
        return _Tongue.OTHER
    days = spoken[_base(language)]
    today = WEEKDAYS[at.astimezone(ZoneInfo(service.time_zone)).weekday()]
    return _Tongue.SPOKEN if not days or today in days else _Tongue.SPOKEN_OTHER_DAYS


def _base(language: str) -> str:
    """Return the primary subtag: Dari (fa-AF) is answered in Persian (fa)."""
    return language.partition("-")[0].casefold()


def _why_none(covered: bool, trusted: bool) -> str:
    if not covered:
        return N_("No %(kind)s service for %(place)s: none covers it.")
    if not trusted:
        return N_("No %(kind)s service for %(place)s: none was verified in the last %(days)s days.")
    return N_("No %(kind)s service for %(place)s: none can be dialled from a foreign SIM.")


def _signpost(chosen: _Candidate, *, language: str, at: datetime, roaming: bool) -> Signpost:
    service = chosen.service
    opens = next_opening(service.hours, service.time_zone, at) if chosen.open_now is False else None
    facts = [
        {
            _Distance.REGION: "covers the region",
            _Distance.COUNTRY: "covers the country",
            _Distance.EU: "works in all of the EU",
        }[chosen.distance],
        _language_fact(chosen, language),
        _hours_fact(chosen, opens),
    ]
    if roaming:
        facts.append("can be dialled from a foreign SIM")
    return Signpost(
        service_id=service.service_id,
        name=service.name,
        number=chosen.number,
        explanation=f"{service.name}: {', '.join(facts)}; verified on {service.verified_on}.",
        opens=opens,
    )


def _language_fact(chosen: _Candidate, language: str) -> str:
    known = all_languages().get(_base(language))
    name = known.name if known else language or "an unknown language"
    if chosen.tongue is _Tongue.SPOKEN:
        return f"answers in {name}"
    if chosen.tongue is _Tongue.SPOKEN_OTHER_DAYS:
        days = chosen.service.language_days[_base(language)]
        return f"answers in {name} on {', '.join(day.capitalize() for day in days)}"
    if chosen.tongue is _Tongue.NOT_STATED:
        return "does not state its languages"
    return f"does not state {name}, only {', '.join(chosen.service.languages)}"


def _hours_fact(chosen: _Candidate, opens: datetime | None) -> str:
    if chosen.open_now is None:
        return "does not state its hours"
    if chosen.open_now:
        return "is open now"
    if opens is None:
        return "is closed now"
    city = chosen.service.time_zone.rpartition("/")[2].replace("_", " ")
    return f"opens {opens:%a %H:%M} ({city} time)"
