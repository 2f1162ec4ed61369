"""Reads on the directory: which services may be named now, who verified them, and numbers for emergencies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, bindparam, case, literal, or_, select
from sqlalchemy.orm import Session

from campaigns.core.written_text import digest_of
from campaigns.directory.emergency import emergency_numbers
from campaigns.directory.models import EUROPEAN_UNION, CheckOutcome, EmergencyNumber, Service, ServiceCheck
from campaigns.directory.opening_hours import is_open
from campaigns.directory.signposting.freshness import Trust, trust_of
from campaigns.directory.signposting.service_facts import ServiceFacts
from campaigns.staff.models import Member
from campaigns.staff.queries import owned

#: Beginnings of the names of zones whose day ends no later than that of UTC.
_EAST = ("Europe/", "Asia/", "Africa/", "Indian/", "Australia/")
#: Anywhere else it ends at most so much later.
_WEST_OF_UTC = timedelta(hours=12)


def select_services(organisation_id: int, *, country: str = "", kind: str = "") -> Select[Service]:
    """Select an organisation's services by country (those of the whole EU last), kind and name."""
    statement = owned(select(Service), Service, organisation_id)
    if country:
        statement = statement.where(Service.country == country)
    if kind:
        statement = statement.where(Service.kind == kind)
    eu_last = case((Service.country == EUROPEAN_UNION, 1), else_=0)
    return statement.order_by(eu_last, Service.country, Service.kind, Service.name, Service.id)


def load_service_facts(session: Session, organisation_id: int) -> list[ServiceFacts]:
    """Return what choosing a signpost needs to know of every service of an organisation."""
    return [facts_of(service) for service in session.scalars(select_services(organisation_id))]


def load_confirmed_emergencies(session: Session, organisation_id: int) -> dict[str, EmergencyNumber]:
    """Return the emergency number that members of an organisation confirmed last, by country."""
    rows = owned(select(EmergencyNumber), EmergencyNumber, organisation_id).order_by(EmergencyNumber.id)
    return {row.country: row for row in session.scalars(rows)}


def load_emergency_numbers(session: Session, organisation_id: int) -> dict[str, str]:
    """Return the emergency number to name in each country, by alpha-2; none where there is no single one."""
    confirmed = load_confirmed_emergencies(session, organisation_id)
    return emergency_numbers({country: row.number for country, row in confirmed.items()})


def last_days(now: datetime) -> dict[str, date]:
    """Return what `is_taken_back` compares last days with at a moment (UTC), by the names of its parameters."""
    return {"today": now.date(), "today_in_the_west": (now - _WEST_OF_UTC).date()}


def is_taken_back(now: datetime | None = None) -> ColumnElement[bool]:
    """Match services that nobody may be told of any more: verified no more, or their last day is over.

    No database knows every zone: the day is that of UTC, which ends some hours late in the east, and a later one
    in the west, which never ends early. Without a moment (UTC) the days are parameters, which `last_days` gives.
    """
    if now is None:
        today, in_the_west = (bindparam(name, type_=Date()) for name in ("today", "today_in_the_west"))
    else:
        today, in_the_west = (literal(day, Date()) for day in last_days(now).values())
    is_east = or_(*(Service.time_zone.startswith(each) for each in _EAST))
    return or_(Service.verified_on.is_(None), Service.expires_on < case((is_east, today), else_=in_the_west))


@dataclass(frozen=True, slots=True)
class Listed:
    """A service in the directory."""

    service: Service
    trust: Trust
    #: None when its hours are not stated.
    open_now: bool | None


@dataclass(frozen=True, slots=True)
class Line:
    """As much of a service as the directory is ordered, counted and searched by."""

    id: int
    name: str
    kind: str
    country: str
    trust: Trust


def load_lines(session: Session, organisation_id: int, at: datetime, *, fresh_days: int) -> list[Line]:
    """Return a line of each service of an organisation, in the order of `select_services`."""
    named = (Service.id, Service.name, Service.kind, Service.country)
    dated = (Service.source_status, Service.expires_on, Service.verified_on, Service.time_zone)
    rows = session.execute(select_services(organisation_id).with_only_columns(*named, *dated))
    return [Line(row.id, row.name, row.kind, row.country, trust_of(row, at, fresh_days)) for row in rows]


def load_listed(session: Session, lines: Sequence[Line], at: datetime, *, fresh_days: int) -> list[Listed]:
    """Return the services of some lines, in their order, with whether each may be used at `at`."""
    services = session.scalars(select(Service).where(Service.id.in_([line.id for line in lines])))
    found = {service.id: list_service(service, at, fresh_days=fresh_days) for service in services}
    return [found[line.id] for line in lines]


def list_service(service: Service, at: datetime, *, fresh_days: int) -> Listed:
    """Return a service with whether it may be used at `at`."""
    return Listed(
        service=service,
        trust=trust_of(facts_of(service), at, fresh_days),
        open_now=is_open(service.hours, service.time_zone, at),
    )


def count_due_services(session: Session, organisation_id: int, at: datetime, *, fresh_days: int) -> int:
    """Count the services that must be verified before they can be used again."""
    lines = load_lines(session, organisation_id, at, fresh_days=fresh_days)
    return sum(line.trust is Trust.DUE for line in lines)


def select_checks(service: Service) -> Select[ServiceCheck]:
    """Select the history of a service's verification, the newest first."""
    newest = (ServiceCheck.checked_on.desc(), ServiceCheck.id.desc())
    return select(ServiceCheck).where(ServiceCheck.service_id == service.id).order_by(*newest)


def select_dead_since(organisation_id: int, since: datetime) -> Select[*tuple[Any, ...]]:
    """Select what one member took away since a moment (UTC): the check, the service, who; the latest first."""
    return (
        owned(select(ServiceCheck, Service, Member.name), Service, organisation_id)
        .join(Service, Service.id == ServiceCheck.service_id)
        .join(Member, Member.id == ServiceCheck.member_id)
        .where(ServiceCheck.outcome != CheckOutcome.ANSWERS, ServiceCheck.recorded_at > since)
        .order_by(ServiceCheck.recorded_at.desc(), ServiceCheck.id.desc())
    )


def told_digest(service: Service) -> str:
    """Return what a verification is of: a digest of all that a signpost is chosen by, as it stands."""
    facts = {name: value for name, value in asdict(facts_of(service)).items() if name != "verified_on"}
    return digest_of(json.dumps(facts, sort_keys=True, default=str))


def facts_of(service: Service) -> ServiceFacts:
    """Return what choosing a signpost needs to know of one service."""
    return ServiceFacts(
        service_id=service.id,
        name=service.name,
        kind=service.kind,
        country=service.country,
        region_codes=tuple(service.region_codes),
        number_national=service.number_national,
        number_from_abroad=service.number_from_abroad,
        works_from_foreign_sim=service.works_from_foreign_sim,
        languages=tuple(service.languages),
        language_days=service.language_days,
        hours=service.hours,
        time_zone=service.time_zone,
        operator_type=service.operator_type,
        source_status=service.source_status,
        verified_on=service.verified_on,
        expires_on=service.expires_on,
    )
