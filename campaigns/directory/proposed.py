"""Two members change what people are told: what a service is, and which number stands where none fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.words import N_
from campaigns.directory.checks import check_facts, facts_from_json, facts_to_json
from campaigns.directory.emergency import all_emergency_rows
from campaigns.directory.models import AS_STATED, CheckOutcome, Service
from campaigns.directory.queries import load_confirmed_emergencies
from campaigns.directory.service import (
    TOLD_FACTS,
    Stated,
    change_as_agreed,
    changed_facts,
    check_regions,
    confirm_emergency_number,
    update_service,
    verify_service,
    was_verified,
)
from campaigns.directory.stated import EMERGENCY, SERVICE_FACTS
from campaigns.proposals.holding import hold
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Kind, Line, Shown
from campaigns.proposals.service import propose, propose_all
from campaigns.staff.models import Organisation
from campaigns.staff.permissions import Permission


def propose_emergency_number(
    session: Session, organisation: Organisation, country: str, stated: Stated, *, by: int
) -> Proposal:
    """Propose which number texts name in a country (alpha-2) where no verified service fits.

    Raises InputError when that number and document stand there already.
    """
    after = {
        "number": stated.number,
        "document": stated.document,
        "document_date": stated.document_date.isoformat(),
    }
    hold(session, organisation)
    before = _emergency_now(session, organisation.id, country)
    return propose(
        session,
        EMERGENCY_NUMBER,
        organisation,
        organisation_id=organisation.id,
        topic=country,
        before=before,
        after=after,
        by=by,
    )


def _emergency_now(session: Session, organisation_id: int, country: str) -> dict[str, Any]:
    confirmed = load_confirmed_emergencies(session, organisation_id).get(country)
    if confirmed is None:
        row = all_emergency_rows()[country]
        return {"number": row.single_number or "", "document": "", "document_date": ""}
    return {
        "number": confirmed.number,
        "document": confirmed.document,
        "document_date": confirmed.document_date.isoformat(),
    }


def _read_emergency(session: Session, proposal: Proposal) -> Mapping[str, Any]:
    return _emergency_now(session, proposal.organisation_id, proposal.topic)


def _apply_emergency(session: Session, proposal: Proposal, by: int) -> None:
    after = proposal.after
    stated = Stated(after["number"], after["document"], date.fromisoformat(after["document_date"]))
    confirm_emergency_number(session, proposal.organisation_id, proposal.topic, stated, by=by)


def _show_emergency(session: Session, proposal: Proposal) -> Shown:
    before, after = proposal.before, proposal.after
    lines = [
        Line(N_("Number"), before["number"], after["number"]),
        Line(N_("Document"), before["document"], after["document"]),
        Line(N_("Date of the document"), before["document_date"], after["document_date"]),
    ]
    return Shown(proposal.topic, lines, "directory.emergency.index")


EMERGENCY_NUMBER = Kind(
    EMERGENCY,
    N_("Emergency number of a country"),
    Permission.REVIEW,
    _read_emergency,
    _apply_emergency,
    _show_emergency,
    proposing=Permission.EDIT,
)


def change_service(
    session: Session,
    service: Service,
    *,
    facts: Mapping[str, Any],
    by: int,
    is_wrong: bool = False,
    reason: str = "",
) -> Proposal | None:
    """Change a service's facts, or propose it where texts may name the service; None: it is done.

    A service that `is_wrong` as it stands is named no more at once, which takes one member. Raises InputError for
    facts that cannot be.
    """
    session.refresh(service, with_for_update=True)
    clean = check_facts(facts)
    check_regions(session, clean.get("region_codes") or ())
    takes_two = was_verified(session, service)
    if is_wrong and service.verified_on is not None:
        today = clock.now().astimezone(ZoneInfo(service.time_zone)).date()
        verify_service(session, service, by=by, on=today, how=AS_STATED, outcome=CheckOutcome.WRONG)
    changed = changed_facts(service, clean)
    if not changed and is_wrong:
        return None
    if not takes_two or set(changed).isdisjoint(TOLD_FACTS):
        update_service(session, service, facts=clean, by=by)
        return None
    changes = [(service, changed)]
    return propose_services(session, service.organisation_id, changes, by=by, reason=reason)[0]


def propose_services(
    session: Session,
    organisation_id: int,
    changes: Sequence[tuple[Service, Mapping[str, Any]]],
    *,
    by: int,
    reason: str = "",
) -> list[Proposal]:
    """Propose to change services of an organisation, each with its checked facts that are others now."""
    stated = [
        (service, facts_to_json({name: getattr(service, name) for name in changed}), facts_to_json(changed))
        for service, changed in changes
    ]
    return propose_all(session, SERVICE, stated, organisation_id=organisation_id, by=by, reason=reason)


def _read_service(session: Session, proposal: Proposal) -> Mapping[str, Any] | None:
    service = _service_of(session, proposal)
    return facts_to_json({name: getattr(service, name) for name in proposal.before}) if service else None


def _apply_service(session: Session, proposal: Proposal, by: int) -> None:
    service = _service_of(session, proposal)
    if service is not None:
        change_as_agreed(session, service, facts_from_json(proposal.after), by=by, proposal_id=proposal.id)


def _service_of(session: Session, proposal: Proposal) -> Service | None:
    return session.get(Service, proposal.subject_id, with_for_update=True, populate_existing=True)


def _show_service(session: Session, proposal: Proposal) -> Shown:
    """Name the service; what changes of it is put into words by `proposal_labels`, for pages only."""
    service = session.get_one(Service, proposal.subject_id)
    return Shown(service.name, (), "directory.show", {"service_id": service.id})


def _audited_service(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in facts.items() if name in TOLD_FACTS}


SERVICE = Kind(
    SERVICE_FACTS,
    N_("Service that texts name"),
    Permission.REVIEW,
    _read_service,
    _apply_service,
    _show_service,
    _audited_service,
    proposing=Permission.EDIT,
)
