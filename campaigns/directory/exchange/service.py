"""Services come from files: from a work list, or from a sheet that brings the directory up to date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RowProblem, RowsError
from campaigns.core.words import N_
from campaigns.directory.checks import facts_to_json
from campaigns.directory.exchange.hsds import ServiceRow
from campaigns.directory.exchange.worklist import ServiceDraft
from campaigns.directory.models import Service
from campaigns.directory.proposed import propose_services
from campaigns.directory.service import (
    TOLD_FACTS,
    action_of,
    apply_facts,
    change_detail,
    changed_facts,
    check_known_regions,
    find_verified,
    new_service,
    told_of,
)
from campaigns.places.models import Region
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.queries import hold_organisation, owned

_ON_THE_PAGE = N_("Texts may name this service: import the sheet on its page, where another member agrees.")


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
    # Of two imports at once the second one finds what the first one added.
    hold_organisation(session, organisation_id)
    known = set(session.scalars(owned(select(Service.key), Service, organisation_id)))
    drafts, now = list(drafts), clock.now()
    new = [
        Service(organisation_id=organisation_id, created_at=now, updated_at=now, **asdict(draft))
        for draft in drafts
        if draft.key not in known
    ]
    _add_new(session, organisation_id, new, by)
    done = ImportedServices(added=len(new), present=len(drafts) - len(new), without_number=without_number)
    _record_whole(session, "service.import", organisation_id, by, done)
    return done


@dataclass(frozen=True, slots=True)
class ExchangedServices:
    """What bringing the directory up to date from a sheet did."""

    added: int
    changed: int
    unchanged: int
    #: Of the changed ones, those that must be verified again.
    voided: int
    #: Texts may name these services, so another member has to agree; until then they stay as they are.
    proposed: int = 0


@dataclass
class _Intake:
    """What the rows of a sheet ask for, by what becomes of it."""

    new: list[Service] = field(default_factory=list)
    #: Services that nobody is told of, with what changes.
    changed: list[tuple[Service, dict[str, Any]]] = field(default_factory=list)
    #: Services that texts may name, with what changes.
    proposed: list[tuple[Service, dict[str, Any]]] = field(default_factory=list)


def exchange_services(
    session: Session, organisation_id: int, rows: Iterable[ServiceRow], *, by: int | None
) -> ExchangedServices:
    """Add the services of a sheet that are new, unverified, and bring the others up to date, found by their id.

    What people are told of a service that texts may name is proposed instead. Raises RowsError with every row that
    cannot be; a caller that rolls back has changed nothing. Nobody (`by` is None) cannot propose.
    """
    rows = list(rows)
    hold_organisation(session, organisation_id)
    intake = _sort(session, organisation_id, rows, by)
    _add_new(session, organisation_id, intake.new, by)
    voided = _change(session, organisation_id, intake.changed, by)
    if by is not None:
        propose_services(session, organisation_id, intake.proposed, by=by)
    added, changed, proposed = len(intake.new), len(intake.changed), len(intake.proposed)
    done = ExchangedServices(added, changed, len(rows) - added - changed - proposed, voided, proposed)
    _record_whole(session, "service.exchange", organisation_id, by, done)
    return done


def _sort(session: Session, organisation_id: int, rows: Iterable[ServiceRow], by: int | None) -> _Intake:
    """Compare the rows with the directory. Raises RowsError with every row that cannot be."""
    # Held and read anew: what changed while the sheet was read must not be written back, nor proposed against.
    services = owned(select(Service), Service, organisation_id).order_by(Service.id)
    held = services.with_for_update(key_share=True).execution_options(populate_existing=True)
    stored = {each.key: each for each in session.scalars(held)}
    verified = find_verified(session, list(stored.values()))
    known = set(session.scalars(select(Region.code)))
    problems: list[RowProblem] = []
    intake = _Intake()
    for row in rows:
        try:
            check_known_regions(row.facts.get("region_codes") or (), known)
            present = stored.get(row.key)
            if present is None:
                intake.new.append(new_service(organisation_id, row.key, row.complete()))
            elif changed := changed_facts(present, row.facts):
                takes_two = present.id in verified and not set(changed).isdisjoint(TOLD_FACTS)
                if takes_two and by is None:
                    raise InputError(_ON_THE_PAGE)
                (intake.proposed if takes_two else intake.changed).append((present, changed))
        except InputError as error:
            problems.append(RowProblem(row.line, "", error.template, error.values))
    if problems:
        raise RowsError(problems)
    return intake


def _add_new(session: Session, organisation_id: int, services: Sequence[Service], by: int | None) -> None:
    session.add_all(services)
    session.flush()
    acts = [(service, {"after": told_of(service)}) for service in services]
    audit.record_all(session, "service.create", acts, organisation_id=organisation_id, member_id=by)


def _change(
    session: Session, organisation_id: int, changes: Sequence[tuple[Service, dict[str, Any]]], by: int | None
) -> int:
    """Change services that nobody is told of, or in what nobody is told; return how many must be verified anew."""
    acts: list[tuple[Service, dict[str, Any]]] = []
    voided = 0
    for service, changed in changes:
        before = facts_to_json({name: getattr(service, name) for name in changed})
        voided += apply_facts(service, changed)
        acts.append((service, change_detail(before, facts_to_json(changed))))
    session.flush()
    for action in ("service.update", "service.describe"):
        own = [(service, detail) for service, detail in acts if action_of(detail) == action]
        audit.record_all(session, action, own, organisation_id=organisation_id, member_id=by)
    return voided


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
