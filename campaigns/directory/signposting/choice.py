"""Chooses the service that a recipient is pointed to, and says why this one and why none of the others.

Pure. Never chosen: a service that nobody verified lately, that ended, that is of another kind or place, that the
recipient's SIM cannot dial, or that does not say that it speaks their language.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from campaigns.core.errors import NoSignpostError
from campaigns.core.words import N_, Phrase
from campaigns.directory.models import EUROPEAN_UNION, INTERPRETED, ForeignSim, OperatorType, ServiceKind
from campaigns.directory.opening_hours import ALWAYS, WEEKDAYS, WeeklyHours, is_open, next_opening
from campaigns.directory.signposting.freshness import Trust, trust_of
from campaigns.directory.signposting.reasons import Cause, Reason
from campaigns.directory.signposting.service_facts import ServiceFacts

#: Member states of the European Union, where numbers of country "EU" work.
EU_MEMBERS = frozenset(
    {"AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE"}
    | {"IT", "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE"}
)
#: Lines that do not report to the state come first: somebody without papers can be exposed by the others.
_INDEPENDENT = frozenset({OperatorType.NGO, OperatorType.IGO, OperatorType.CONSULATE})


@dataclass(frozen=True, slots=True)
class Need:
    """Who is to be pointed to a service: where they are, what they read, when, and with which SIM."""

    #: ISO 3166-2; None: not known.
    region_code: str | None
    country: str | None
    #: Language of the text they get.
    language: str
    #: When they read it (UTC).
    at: datetime
    #: Their SIM is of another country than the place.
    roaming: bool
    kind: str = ServiceKind.TRAFFICKING


@dataclass(frozen=True, slots=True)
class Signpost:
    """The service chosen for one combination of region, language, hour and SIM."""

    service_id: int
    name: str
    #: As it can be dialled from the recipient's phone.
    number: str
    #: Why this one.
    reasons: tuple[Reason, ...]
    #: The next opening in the service's zone when it is closed; None when it is open or its hours are not stated.
    opens: datetime | None

    @property
    def explanation(self) -> str:
        """Why this one, in an English sentence."""
        return f"{self.name}: {', '.join(reason.sentence for reason in self.reasons)}."


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A service that was not chosen, and what decided against it."""

    service_id: int
    name: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Choice:
    """What came of a need: the signpost, if any, and why not each of the others."""

    signpost: Signpost | None
    #: The next best first, then those that may not be named at all.
    passed_over: tuple[PassedOver, ...]
    #: Why there is none; None when there is one.
    why_none: Reason | None


class Distance(IntEnum):
    """How near what a service covers is."""

    REGION = 0
    COUNTRY = 1
    EU = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service that may be named to somebody, with what it offers them."""

    service: ServiceFacts
    number: str
    distance: Distance
    #: Hours at which the recipient's language is answered; empty means not stated.
    hours: WeeklyHours
    open_now: bool | None
    #: Through an interpreter instead of by whoever answers.
    interpreted: bool

    def rank(self) -> tuple[object, ...]:
        """Order: open before closed, distance, interpreter, who answers; then hours stated, then the older row."""
        service = self.service
        return (
            self.open_now is False,
            self.distance,
            self.interpreted,
            service.operator_type not in _INDEPENDENT,
            self.open_now is None,
            service.service_id,
        )


#: What decides between two candidates, in the order of their rank.
_SECOND = (Cause.CLOSED, Cause.FARTHER, Cause.INTERPRETER, Cause.STATE, Cause.HOURS_UNKNOWN, Cause.LATER)


def choose_signpost(services: Iterable[ServiceFacts], need: Need, *, fresh_days: int) -> Signpost:
    """Return the best service for somebody with this need.

    A closed line is chosen only when none is open, and says when it opens. Raises NoSignpostError with the reason
    when no service may be named.
    """
    eligible, refused = _sift(services, need, fresh_days)
    if not eligible:
        why = _why_none(refused, need, fresh_days)
        raise NoSignpostError(why.template, **why.words)
    return _signpost(min(eligible, key=Candidate.rank), need)


def number_named(service: ServiceFacts, need: Need, *, fresh_days: int) -> str | None:
    """Return the number by which a service may be named to them at some hour; None when it may not."""
    found = judge(service, need, fresh_days)
    return None if isinstance(found, Reason) else found.number


def weigh_services(services: Iterable[ServiceFacts], need: Need, *, fresh_days: int) -> Choice:
    """Return what `choose_signpost` chooses, with why each of the others is passed over."""
    eligible, refused = _sift(services, need, fresh_days)
    unfit = [_passed(service, reason) for service, reason in refused]
    if not eligible:
        return Choice(None, tuple(unfit), _why_none(refused, need, fresh_days))
    first, *others = sorted(eligible, key=Candidate.rank)
    second = [_passed(other.service, _why_second(other, first, need)) for other in others]
    return Choice(_signpost(first, need), (*second, *unfit), None)


def _sift(
    services: Iterable[ServiceFacts], need: Need, fresh_days: int
) -> tuple[list[Candidate], list[tuple[ServiceFacts, Reason]]]:
    """Return the services that may be named, and the others with the first rule that forbids each."""
    eligible: list[Candidate] = []
    refused: list[tuple[ServiceFacts, Reason]] = []
    for service in services:
        found = judge(service, need, fresh_days)
        if isinstance(found, Reason):
            refused.append((service, found))
        else:
            eligible.append(found)
    return eligible, refused


def judge(service: ServiceFacts, need: Need, fresh_days: int) -> Candidate | Reason:
    """Return what a service offers, or the first rule that forbids to name it; the order is that of _why_none."""
    if service.kind != need.kind:
        return Cause.OTHER_KIND.reason(kind=Phrase(service.kind))
    distance = _distance(service, need)
    if distance is None:
        return Cause.ELSEWHERE.reason()
    trust = trust_of(service, need.at, fresh_days)
    if trust is not Trust.VERIFIED:
        return _distrust(service, trust, fresh_days)
    number = _number_for(service, roaming=need.roaming)
    if not number:
        return Cause.NO_NUMBER.reason()
    if not service.languages:
        return Cause.LANGUAGES_UNKNOWN.reason()
    hours = _hours_in(service, need.language)
    if hours is None:
        return Cause.OTHER_LANGUAGE.reason(languages=service.languages)
    return _offer(service, number, distance, hours, need)


def _offer(
    service: ServiceFacts, number: str, distance: Distance, hours: WeeklyHours, need: Need
) -> Candidate | Reason:
    """Return what a service that speaks the language offers, or that it never does when it is open."""
    if service.hours and not any(hours.values()):
        return Cause.NEVER.reason(language=need.language)
    open_now = is_open(hours, service.time_zone, need.at)
    if not service.hours and open_now:
        # It is one of the days of the language; at what hours is not known.
        open_now = None
    interpreted = base_of(need.language) not in {base_of(code) for code in service.languages}
    return Candidate(service, number, distance, hours, open_now, interpreted)


def _distrust(service: ServiceFacts, trust: Trust, fresh_days: int) -> Reason:
    if trust is Trust.UNSOURCED:
        return Cause.UNSOURCED.reason()
    if trust is Trust.ENDED:
        return Cause.ENDED.reason(date=service.expires_on)
    if service.verified_on is None:
        return Cause.NEVER_VERIFIED.reason()
    return Cause.DUE.reason(date=service.verified_on, days=fresh_days)


def _distance(service: ServiceFacts, need: Need) -> Distance | None:
    """Return how near a service's coverage is, or None when it does not cover the place."""
    if service.country == EUROPEAN_UNION:
        return Distance.EU if need.country in EU_MEMBERS else None
    if service.country != need.country:
        return None
    if not service.region_codes:
        return Distance.COUNTRY
    return Distance.REGION if need.region_code in service.region_codes else None


def _number_for(service: ServiceFacts, *, roaming: bool) -> str | None:
    if not roaming:
        return service.number_national or service.number_from_abroad
    if service.number_from_abroad:
        return service.number_from_abroad
    return service.number_national if service.works_from_foreign_sim == ForeignSim.YES else None


def _hours_in(service: ServiceFacts, language: str) -> WeeklyHours | None:
    """Return the hours at which a language is answered, {} when they are not stated, None when it never is.

    A language of certain days is answered in the spans that begin on them: a night that began on Monday is
    Monday's until morning.
    """
    spoken = {base_of(code): service.language_days.get(code) for code in service.languages}
    code = base_of(language) if base_of(language) in spoken else INTERPRETED
    if code not in spoken:
        return None
    days = spoken[code]
    if not days:
        return service.hours
    return {day: spans for day, spans in (service.hours or ALWAYS).items() if day in days}


def base_of(language: str) -> str:
    """Return the primary subtag: Dari (fa-AF) is answered in Persian (fa)."""
    return language.partition("-")[0].casefold()


def _why_none(refused: Iterable[tuple[ServiceFacts, Reason]], need: Need, fresh_days: int) -> Reason:
    """Return the reason that came nearest to a signpost: all services fail, and the last rule says most."""
    causes = {reason.cause for _, reason in refused}
    place = need.region_code or need.country or Phrase(N_("an unknown place"))
    values = {"kind": Phrase(need.kind), "place": place, "days": fresh_days, "language": need.language}
    for cause, template in _NONE.items():
        if cause in causes:
            return Reason(cause, template, values)
    return Reason(Cause.ELSEWHERE, N_("No helpline fits (%(kind)s, %(place)s): none covers the place."), values)


_UNVERIFIED = N_("No helpline fits (%(kind)s, %(place)s): none was verified in the last %(days)s days.")
_UNSPOKEN = N_("No helpline fits (%(kind)s, %(place)s): none is known to answer in %(language)s.")
_NONE = {
    Cause.NEVER: _UNSPOKEN,
    Cause.OTHER_LANGUAGE: _UNSPOKEN,
    Cause.LANGUAGES_UNKNOWN: _UNSPOKEN,
    Cause.NO_NUMBER: N_("No helpline fits (%(kind)s, %(place)s): none can be dialled from a foreign SIM."),
    **dict.fromkeys((Cause.DUE, Cause.NEVER_VERIFIED, Cause.ENDED, Cause.UNSOURCED), _UNVERIFIED),
}


def _why_second(other: Candidate, first: Candidate, need: Need) -> Reason:
    """Return the first thing in which `other` is worse than the one that was chosen."""
    differs = next(
        cause for cause, mine, best in zip(_SECOND, other.rank(), first.rank(), strict=True) if mine != best
    )
    if differs is not Cause.CLOSED:
        return differs.reason()
    return _hours_reason(other, need) if other.service.hours else _language_reason(other, need)


def _passed(service: ServiceFacts, reason: Reason) -> PassedOver:
    return PassedOver(service.service_id, service.name, reason)


def _signpost(chosen: Candidate, need: Need) -> Signpost:
    service = chosen.service
    covers = (Cause.COVERS_REGION, Cause.COVERS_COUNTRY, Cause.COVERS_EU)[chosen.distance]
    reasons = [covers.reason(), _language_reason(chosen, need), _hours_reason(chosen, need)]
    if need.roaming:
        reasons.append(Cause.FROM_ABROAD.reason())
    reasons.append(Cause.VERIFIED.reason(date=service.verified_on))
    return Signpost(service.service_id, service.name, chosen.number, tuple(reasons), _opens(chosen, need))


def _opens(candidate: Candidate, need: Need) -> datetime | None:
    """Return when a closed service opens; None when it is open or the hour is not known."""
    service = candidate.service
    if candidate.open_now is not False or not service.hours:
        return None
    return next_opening(candidate.hours, service.time_zone, need.at)


def _language_reason(chosen: Candidate, need: Need) -> Reason:
    if chosen.interpreted:
        return Cause.INTERPRETS.reason(language=need.language)
    days = {base_of(code): days for code, days in chosen.service.language_days.items()}.get(base_of(need.language))
    if days:
        return Cause.SPEAKS_ON.reason(language=need.language, weekdays=[day for day in WEEKDAYS if day in days])
    return Cause.SPEAKS.reason(language=need.language)


def _hours_reason(candidate: Candidate, need: Need) -> Reason:
    if candidate.open_now:
        return Cause.OPEN.reason()
    opens = _opens(candidate, need)
    if opens is None:
        return Cause.HOURS_UNKNOWN.reason()
    city = candidate.service.time_zone.rpartition("/")[2].replace("_", " ")
    return Cause.OPENS.reason(weekdays=[WEEKDAYS[opens.weekday()]], clock=f"{opens:%H:%M}", city=city)
