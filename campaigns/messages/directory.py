"""Verbs on the directory of services: what is known of each, and who tried it; each leaves one audit entry."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError, RowProblem, RowsError
from campaigns.core.words import N_, Phrase
from campaigns.messages import queries
from campaigns.messages.facts import check_facts
from campaigns.messages.hsds import ServiceRow
from campaigns.messages.models import SIMULATED, SOURCED, CheckOutcome, EmergencyNumber, Service, ServiceCheck
from campaigns.messages.texts import clean_line
from campaigns.messages.worklist import ServiceDraft
from campaigns.places.models import Region
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

#: Shape of a short number for emergencies, and how long the name of the document may be that states it.
EMERGENCY_NUMBER, DOCUMENT_LIMIT = re.compile(r"[0-9]{2,6}"), 300
#: Facts without which a service would be another one: changing them makes its verification void.
_VERIFIED_FACTS = ("number_national", "number_from_abroad", "works_from_foreign_sim", "country")


@dataclass(frozen=True, slots=True)
class ImportedServices:
    """What an import did."""

    added: int
    #: Rows that were there already and were left as they are, with what members corrected.
    present: int
    #: Rows that name no number.
    without_number: int


def import_services(
    session: Session,
    organisation_id: int,
    drafts: Iterable[ServiceDraft],
    *,
    without_number: int = 0,
    by: int | None = None,
) -> ImportedServices:
    """Add the services of a work list that are not there yet, unverified; a second import adds nothing."""
    known = set(session.scalars(owned(select(Service.key), Service, organisation_id)))
    drafts, now = list(drafts), clock.now()
    new = [draft for draft in drafts if draft.key not in known]
    session.add_all(
        Service(organisation_id=organisation_id, created_at=now, updated_at=now, **asdict(draft)) for draft in new
    )
    session.flush()
    done = ImportedServices(added=len(new), present=len(drafts) - len(new), without_number=without_number)
    _record_whole(session, "service.import", organisation_id, by, done)
    return done


def create_service(session: Session, organisation_id: int, *, facts: Mapping[str, Any], by: int) -> Service:
    """Add a service from `facts` (by column name), unverified. Raises InputError for facts that cannot be."""
    clean = check_facts(facts)
    _check_regions(session, clean.get("region_codes") or ())
    service = _new_service(organisation_id, uuid4().hex, clean)
    session.add(service)
    session.flush()
    _record(session, "service.create", service, by)
    return service


def update_service(session: Session, service: Service, *, facts: Mapping[str, Any], by: int) -> bool:
    """Change a service's facts; say whether that made its verification void (another number is another service).

    Raises InputError for facts that cannot be.
    """
    session.refresh(service, with_for_update=True)
    clean = check_facts(facts)
    _check_regions(session, clean.get("region_codes") or ())
    voided = apply_facts(service, clean)
    session.flush()
    _record(session, "service.update", service, by, voided=voided)
    return voided


def apply_facts(service: Service, facts: Mapping[str, Any]) -> bool:
    """Write checked facts into a service; say whether that made its verification void."""
    before = {name: getattr(service, name) for name in _VERIFIED_FACTS}
    for name, value in facts.items():
        if getattr(service, name) != value:
            setattr(service, name, value)
            service.updated_at = clock.now()
    changed = any(getattr(service, name) != value for name, value in before.items())
    voided = service.verified_on is not None and (changed or service.source_status != SOURCED)
    if voided:
        service.verified_on = service.verified_by_id = service.verified_how = None
    return voided


def _check_regions(session: Session, codes: Collection[str]) -> None:
    _check_known(
        codes, set(session.scalars(select(Region.code).where(Region.code.in_(codes)))) if codes else set()
    )


def _check_known(codes: Collection[str], known: Collection[str]) -> None:
    """Raise InputError for a region that is not in the table: a service of it alone would cover nothing."""
    if unknown := sorted(set(codes) - set(known)):
        raise InputError(N_("No region has the code %(codes)s."), codes=", ".join(unknown))


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
) -> None:
    """Record that the member `by` tried a service on the day `on`, how, and what came of it.

    A service that did not answer is verified no more; one that is closed for good ended the day before. `seen` is
    the digest of the numbers that were tried (queries.numbers_digest). Raises RefusedError for a service whose
    number no source states or has changed since, and for one that was only simulated unless this `is_demo`;
    InputError for a day to come or no `how`.
    """
    if how == SIMULATED and not is_demo:
        raise RefusedError(N_("Only a demo simulates. Try the number, or ask the service itself."))
    session.refresh(service, with_for_update=True)
    if seen is not None and seen != queries.numbers_digest(service):
        raise RefusedError(N_("The numbers were changed while you tried them. Try the new ones."))
    if service.source_status != SOURCED:
        raise RefusedError(N_("No source states this number. Name a source before you verify it."))
    if on > clock.now().astimezone(ZoneInfo(service.time_zone)).date():
        raise InputError(N_("A service cannot be verified on a day to come."))
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
    _apply_check(service, check)
    session.flush()
    _record(session, "service.verify", service, by, on=on.isoformat(), outcome=outcome.value)


def _apply_check(service: Service, check: ServiceCheck) -> None:
    """Let a check decide whether the service may be used; one of an earlier day than the last decides nothing."""
    if service.verified_on is not None and check.checked_on < service.verified_on:
        return
    answers = check.outcome == CheckOutcome.ANSWERS
    service.verified_on = check.checked_on if answers else None
    service.verified_by_id = check.member_id if answers else None
    service.verified_how = check.how if answers else None
    if check.outcome == CheckOutcome.CLOSED:
        service.expires_on = check.checked_on - timedelta(days=1)
    service.updated_at = check.recorded_at


@dataclass(frozen=True, slots=True)
class ExchangedServices:
    """What bringing the directory up to date from a sheet did."""

    added: int
    changed: int
    unchanged: int
    #: Of the changed ones, those that must be verified again.
    voided: int


def exchange_services(
    session: Session, organisation_id: int, rows: Iterable[ServiceRow], *, by: int | None
) -> ExchangedServices:
    """Add the services of a sheet that are new, unverified, and bring the others up to date, found by their id.

    Raises RowsError with every row that cannot be; a caller that rolls back has changed nothing.
    """
    rows = list(rows)
    stored = {each.key: each for each in session.scalars(owned(select(Service), Service, organisation_id))}
    known = set(session.scalars(select(Region.code)))
    problems: list[RowProblem] = []
    added, changed, voided = 0, 0, 0
    for row in rows:
        try:
            _check_known(row.facts.get("region_codes") or (), known)
            present = stored.get(row.key)
            if present is None:
                session.add(_new_service(organisation_id, row.key, row.complete()))
                added += 1
            else:
                voided += apply_facts(present, row.facts)
                changed += session.is_modified(present)
        except InputError as error:
            problems.append(RowProblem(row.line, "", error.template, error.values))
    if problems:
        raise RowsError(problems)
    session.flush()
    done = ExchangedServices(added, changed, len(rows) - added - changed, voided)
    _record_whole(session, "service.exchange", organisation_id, by, done)
    return done


def _new_service(organisation_id: int, key: str, facts: Mapping[str, Any]) -> Service:
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


def _record_whole(
    session: Session,
    action: str,
    organisation_id: int,
    by: int | None,
    done: ImportedServices | ExchangedServices,
) -> None:
    organisation = session.get_one(Organisation, organisation_id)
    audit.record(
        session, action, subject=organisation, organisation_id=organisation_id, member_id=by, **asdict(done)
    )


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
