"""These verbs keep what is known of each service, and who tried it; each leaves one audit entry."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.words import N_, Phrase
from campaigns.core.written_text import clean_line
from campaigns.directory import queries
from campaigns.directory.checks import check_facts, facts_to_json
from campaigns.directory.models import SIMULATED, SOURCED, CheckOutcome, EmergencyNumber, Service, ServiceCheck
from campaigns.directory.signposting.service_facts import ServiceFacts
from campaigns.directory.stated import find_stating
from campaigns.places.models import Region
from campaigns.staff import audit

#: Shape of a short number for emergencies, and how long the name of the document may be that states it.
EMERGENCY_NUMBER, DOCUMENT_LIMIT = re.compile(r"[0-9]{2,6}"), 300
#: Facts without which a service would be another one: changing them makes its verification void.
VERIFIED_FACTS = ("number_national", "number_from_abroad", "works_from_foreign_sim", "country")
#: Facts that decide what people are told: all that choosing a signpost asks, what members read aloud, and what
#: stands beside a number on pages for people.
TOLD_FACTS = (
    *(each.name for each in fields(ServiceFacts) if each.name not in ("service_id", "verified_on")),
    *("other_numbers", "confidential", "cost", "by_appointment"),
)
TAKES_TWO = N_("Texts may name this service: another member has to agree to this change.")


def create_service(session: Session, organisation_id: int, *, facts: Mapping[str, Any], by: int) -> Service:
    """Add a service from `facts` (by column name), unverified. Raises InputError for facts that cannot be."""
    clean = check_facts(facts)
    check_regions(session, clean.get("region_codes") or ())
    service = new_service(organisation_id, uuid4().hex, clean)
    session.add(service)
    session.flush()
    _record(session, "service.create", service, by, after=told_of(service))
    return service


def update_service(session: Session, service: Service, *, facts: Mapping[str, Any], by: int) -> bool:
    """Change a service's facts; say whether that made its verification void (another number is another service).

    Raises InputError for facts that cannot be, and RefusedError for what people are told of a service that was
    ever verified: that takes two members, see `proposed.py`.
    """
    session.refresh(service, with_for_update=True)
    clean = check_facts(facts)
    check_regions(session, clean.get("region_codes") or ())
    changed = changed_facts(service, clean)
    if not set(changed).isdisjoint(TOLD_FACTS) and was_verified(session, service):
        raise RefusedError(TAKES_TWO)
    before = facts_to_json({name: getattr(service, name) for name in changed})
    voided = apply_facts(service, clean)
    session.flush()
    detail = change_detail(before, facts_to_json(changed))
    _record(session, action_of(detail), service, by, **detail)
    return voided


def change_as_agreed(
    session: Session, service: Service, facts: Mapping[str, Any], *, by: int, proposal_id: int
) -> None:
    """Change a service's facts as one member proposed and another one, `by`, agreed to."""
    voided = apply_facts(service, facts)
    session.flush()
    _record(session, "service.change", service, by, proposal=proposal_id, voided=voided)


def change_detail(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the audit keeps of a change: what people are told with its values, of the rest the names."""
    told = [name for name in after if name in TOLD_FACTS]
    if not told:
        return {"changed": sorted(after)}
    return {"before": {name: before[name] for name in told}, "after": {name: after[name] for name in told}}


def action_of(detail: Mapping[str, Any]) -> str:
    """Return the word of the audit for a change by one member: only what people are told makes an editor."""
    return "service.update" if "after" in detail else "service.describe"


def was_verified(session: Session, service: Service) -> bool:
    """Say whether texts name the service, or did some day."""
    return service.id in find_verified(session, [service])


def find_verified(session: Session, services: Collection[Service]) -> set[int]:
    """Return the ids of those of the services that texts name, or did some day."""
    if not services:
        return set()
    tried = select(ServiceCheck.service_id).join(Service).where(ServiceCheck.outcome == CheckOutcome.ANSWERS)
    owners = {each.organisation_id for each in services}
    only = Service.id == next(iter(services)).id if len(services) == 1 else Service.organisation_id.in_(owners)
    before = set(session.scalars(tried.where(only).distinct()))
    return {each.id for each in services if each.verified_on is not None or each.id in before}


def changed_facts(service: Service, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the facts that are others than the service has."""
    return {name: value for name, value in facts.items() if getattr(service, name) != value}


def told_of(service: Service) -> dict[str, Any]:
    """Return what decides what people are told of a service, as the audit keeps it."""
    return facts_to_json({name: getattr(service, name) for name in TOLD_FACTS})


def apply_facts(service: Service, facts: Mapping[str, Any]) -> bool:
    """Write checked facts into a service; say whether that made its verification void."""
    changed = changed_facts(service, facts)
    for name, value in changed.items():
        setattr(service, name, value)
    if changed:
        service.updated_at = clock.now()
    is_another = not set(changed).isdisjoint(VERIFIED_FACTS)
    voided = service.verified_on is not None and (is_another or service.source_status != SOURCED)
    if voided:
        service.verified_on = service.verified_by_id = service.verified_how = None
    return voided


def check_regions(session: Session, codes: Collection[str]) -> None:
    check_known_regions(
        codes, set(session.scalars(select(Region.code).where(Region.code.in_(codes)))) if codes else set()
    )


def check_known_regions(codes: Collection[str], known: Collection[str]) -> None:
    """Raise InputError for a region that is not in the table: a service of it alone would cover nothing."""
    if unknown := sorted(set(codes) - set(known)):
        raise InputError(N_("No region has the code %(codes)s."), codes=tuple(unknown))


def verify_service(
    session: Session,
    service: Service,
    *,
    by: int,
    on: date,
    how: str,
    seen: str | None = None,
    outcome: CheckOutcome = CheckOutcome.ANSWERS,
    is_demo: bool = False,
) -> bool:
    """Record that the member `by` tried a service on the day `on`, how, and what came of it.

    Say whether that decides: it does not if it was tried on a later day as well. A service that did not answer is
    verified no more; one that is closed for good ended the day before. `seen` is
    the digest of what the member saw of it (queries.told_digest). Raises RefusedError for a service whose number
    no source states or that has changed since, for one that was only simulated unless this `is_demo`, and when it
    answers for whoever stated what it is, or after its last day; InputError for a day to come or no `how`.
    """
    if how == SIMULATED and not is_demo:
        raise RefusedError(N_("Only a demo simulates. Try the number, or ask the service itself."))
    session.refresh(service, with_for_update=True)
    _check_tried(service, on, seen, outcome)
    if outcome == CheckOutcome.ANSWERS and by in find_own(session, service):
        raise RefusedError(N_("You stated yourself what this service is. Another member has to verify it."))
    check = ServiceCheck(
        service_id=service.id,
        member_id=by,
        checked_on=on,
        how=clean_line(how, what=Phrase(N_("How it was verified")), limit=100),
        outcome=outcome,
        numbers=[number for number in (service.number_national, service.number_from_abroad) if number],
        recorded_at=clock.now(),
    )
    session.add(check)
    session.flush()
    decides = _apply_check(session, service, check)
    found = {"on": on.isoformat(), "outcome": outcome.value, "numbers": check.numbers}
    _record(session, "service.verify", service, by, **found)
    return decides


def _check_tried(service: Service, on: date, seen: str | None, outcome: CheckOutcome) -> None:
    """Raise RefusedError or InputError for a service that nobody can have tried as it is on that day."""
    if seen is not None and seen != queries.told_digest(service):
        raise RefusedError(N_("The service was changed while you tried it. Try what is there now."))
    if service.source_status != SOURCED:
        raise RefusedError(N_("No source states this number. Name a source before you verify it."))
    if on > clock.now().astimezone(ZoneInfo(service.time_zone)).date():
        raise InputError(N_("A service cannot be verified on a day to come."))
    is_over = service.expires_on is not None and service.expires_on < on
    if is_over and outcome == CheckOutcome.ANSWERS:
        raise RefusedError(
            N_("Its last day is over, so no text names it. If it answers again, change its last day first.")
        )


def find_own(session: Session, service: Service) -> set[int]:
    """Return the ids of members who stated what a service is since it was last found to answer."""
    last = select(func.max(ServiceCheck.recorded_at)).where(
        ServiceCheck.service_id == service.id, ServiceCheck.outcome == CheckOutcome.ANSWERS
    )
    return find_stating(session, [service.id], since=session.scalar(last))


def _apply_check(session: Session, service: Service, check: ServiceCheck) -> bool:
    """Let a check decide whether the service may be used; one of an earlier day than the last decides nothing."""
    tried_on = select(func.max(ServiceCheck.checked_on)).where(ServiceCheck.service_id == service.id)
    if check.checked_on < max(session.scalars(tried_on).one(), service.verified_on or date.min):
        return False
    answers = check.outcome == CheckOutcome.ANSWERS
    service.verified_on = check.checked_on if answers else None
    service.verified_by_id = check.member_id if answers else None
    service.verified_how = check.how if answers else None
    if check.outcome == CheckOutcome.CLOSED:
        service.expires_on = check.checked_on - timedelta(days=1)
    service.updated_at = check.recorded_at
    session.flush()
    return True


def new_service(organisation_id: int, key: str, facts: Mapping[str, Any]) -> Service:
    now = clock.now()
    return Service(
        organisation_id=organisation_id,
        key=key,
        created_at=now,
        updated_at=now,
        **({"language_days": {}} | dict(facts)),
    )


def _record(session: Session, action: str, subject: Service, by: int, **detail: Any) -> None:
    audit.record(session, action, subject=subject, organisation_id=subject.organisation_id, member_id=by, **detail)


@dataclass(frozen=True, slots=True)
class Stated:
    """An emergency number and the document that states it."""

    number: str
    document: str
    document_date: date


def check_emergency_number(*, number: str, document: str, document_date: date) -> Stated:
    """Return an emergency number as it is kept.

    Raises InputError for what cannot be such a number, or a document from the future or without a name.
    """
    digits, named = number.strip(), clean_line(document, what=Phrase(N_("The document")), limit=DOCUMENT_LIMIT)
    if not EMERGENCY_NUMBER.fullmatch(digits):
        raise InputError(N_("An emergency number has two to six digits, and nothing else."))
    if document_date > clock.now().date():
        raise InputError(N_("The date of the document lies in the future."))
    return Stated(digits, named, document_date)


def confirm_emergency_number(
    session: Session, organisation_id: int, country: str, stated: Stated, *, by: int
) -> EmergencyNumber:
    """Note which number texts name in a country (alpha-2) where no verified service fits, and what states it.

    Two members settled it, see `proposed.py`; `by` is the one who agreed.
    """
    confirmed = EmergencyNumber(
        organisation_id=organisation_id,
        country=country,
        number=stated.number,
        document=stated.document,
        document_date=stated.document_date,
        member_id=by,
        created_at=clock.now(),
    )
    session.add(confirmed)
    session.flush()
    audit.record(
        session,
        "emergency.confirm",
        subject=confirmed,
        organisation_id=organisation_id,
        member_id=by,
        country=country,
        number=stated.number,
    )
    return confirmed
