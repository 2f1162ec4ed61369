"""What people are told takes two members: which number texts name is proposed by one and agreed to by another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.words import N_
from campaigns.messages.directory import Stated, confirm_emergency_number
from campaigns.messages.emergency import all_emergency_rows
from campaigns.messages.queries import load_confirmed_emergencies
from campaigns.proposals.kinds import Kind, Line, Shown
from campaigns.proposals.models import Proposal
from campaigns.proposals.service import propose
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
    return Shown(proposal.topic, lines, "messages.services.emergency.index")


EMERGENCY_NUMBER = Kind(
    "emergency_number",
    N_("Emergency number of a country"),
    Permission.REVIEW,
    _read_emergency,
    _apply_emergency,
    _show_emergency,
)
KINDS = (EMERGENCY_NUMBER,)
