"""Two administrators change what an organisation is called: by its name partners hand people over to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.words import N_
from campaigns.members.founding import is_founding
from campaigns.proposals.holding import hold
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Kind, Line, Shown
from campaigns.proposals.service import propose
from campaigns.staff import service
from campaigns.staff.models import Organisation
from campaigns.staff.permissions import Permission


def change_organisation(
    session: Session, organisation: Organisation, *, name: str, time_zone: str, by: int
) -> Proposal | None:
    """Change an organisation's time zone, and its name or propose that.

    One administrator renames it alone while it is founded, or where nobody else is on the instance. Whoever is its
    only administrator later may have made that so. Raises InputError as `create_organisation` does.
    """
    hold(session, organisation)
    own = service.own_name(session, name, organisation.id)
    if own == organisation.name or _is_alone(session, organisation.id):
        service.update_organisation(session, organisation, name=own, time_zone=time_zone, by=by)
        return None
    if time_zone != organisation.time_zone:
        service.update_organisation(session, organisation, name=organisation.name, time_zone=time_zone, by=by)
    return propose(
        session,
        NAME,
        organisation,
        organisation_id=organisation.id,
        before={"name": organisation.name},
        after={"name": own},
        by=by,
    )


def _is_alone(session: Session, organisation_id: int) -> bool:
    others = select(Organisation.id).where(Organisation.id != organisation_id)
    return session.scalar(others.limit(1)) is None or is_founding(session, organisation_id)


def _read(session: Session, proposal: Proposal) -> Mapping[str, Any]:
    return {"name": session.get_one(Organisation, proposal.organisation_id).name}


def _apply(session: Session, proposal: Proposal, by: int) -> None:
    organisation = session.get_one(Organisation, proposal.organisation_id)
    time_zone = organisation.time_zone
    service.update_organisation(session, organisation, name=proposal.after["name"], time_zone=time_zone, by=by)


def _show(session: Session, proposal: Proposal) -> Shown:
    before, after = proposal.before["name"], proposal.after["name"]
    return Shown(before, [Line(N_("Name"), before, after)], "organisation.edit")


NAME = Kind(
    "organisation_name",
    N_("Name of the organisation"),
    Permission.ADMINISTER,
    _read,
    _apply,
    _show,
    proposing=Permission.ADMINISTER,
)
KINDS = (NAME,)
