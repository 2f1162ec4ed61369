"""A partner on call is another organisation that is told how many wait, and nothing of them, when nobody answers.

One organisation asks, the other agrees; either ends it alone. None of these verbs commits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError
from campaigns.core.words import N_
from campaigns.inbox.escalation.models import OnCall
from campaigns.staff import audit
from campaigns.staff.models import Organisation


def ask(session: Session, organisation_id: int, partner_id: int, *, by: int) -> OnCall:
    """Ask another organisation to be on call; whoever was before is so no more.

    Raises InputError for one's own organisation, NotFoundError for one that does not exist.
    """
    if partner_id == organisation_id:
        raise InputError(N_("Choose another organisation."))
    if session.get(Organisation, partner_id) is None:
        raise NotFoundError(N_("There is no such organisation."))
    found = session.get(OnCall, organisation_id, with_for_update=True)
    asked = found or OnCall(organisation_id=organisation_id)
    if found is None or asked.partner_id != partner_id:
        asked.partner_id, asked.asked_by_id, asked.asked_at = partner_id, by, clock.now()
        asked.agreed_by_id = asked.agreed_at = None
        session.add(asked)
        session.flush()
        _record(session, "ask", asked, organisation_id, by=by)
    return asked


def agree(session: Session, partner_id: int, organisation_id: int, *, by: int) -> None:
    """Let a partner be on call for an organisation that asked it. Raises NotFoundError for one that did not."""
    asked = _asked(session, partner_id, organisation_id)
    if asked.agreed_at is None:
        asked.agreed_by_id, asked.agreed_at = by, clock.now()
        session.flush()
        _record(session, "agree", asked, partner_id, by=by)


def refuse(session: Session, partner_id: int, organisation_id: int, *, by: int) -> None:
    """Let a partner be on call no more, or never. Raises NotFoundError where nobody asked it."""
    _end(session, _asked(session, partner_id, organisation_id), partner_id, by=by)


def withdraw(session: Session, organisation_id: int, *, by: int) -> None:
    """Let an organisation have nobody on call any more."""
    asked = session.get(OnCall, organisation_id, with_for_update=True)
    if asked is not None:
        _end(session, asked, organisation_id, by=by)


def find_partner(session: Session, organisation_id: int) -> Organisation | None:
    """Return the organisation that agreed to be on call for another; None: there is none."""
    partner = select(Organisation).join(OnCall, OnCall.partner_id == Organisation.id)
    agreed = OnCall.organisation_id == organisation_id, OnCall.agreed_at.is_not(None)
    return session.scalar(partner.where(*agreed))


def load_asked_of(session: Session, partner_id: int) -> Sequence[tuple[OnCall, str]]:
    """Return who asked an organisation to be on call, each with the name of the organisation."""
    asked = select(OnCall, Organisation.name).join(Organisation, Organisation.id == OnCall.organisation_id)
    rows = session.execute(asked.where(OnCall.partner_id == partner_id).order_by(Organisation.name))
    return [(row[0], row[1]) for row in rows]


def select_called(partner_ids: Collection[int]) -> Select[int, str]:
    """Select id and name of the organisations for which any of others is on call."""
    called = select(Organisation.id, Organisation.name).join(OnCall, OnCall.organisation_id == Organisation.id)
    return called.where(OnCall.partner_id.in_(partner_ids), OnCall.agreed_at.is_not(None))


def _asked(session: Session, partner_id: int, organisation_id: int) -> OnCall:
    asked = session.get(OnCall, organisation_id, with_for_update=True)
    if asked is None or asked.partner_id != partner_id:
        raise NotFoundError(N_("This organisation does not ask you to be on call any more."))
    return asked


def _end(session: Session, asked: OnCall, organisation_id: int, *, by: int) -> None:
    session.delete(asked)
    session.flush()
    _record(session, "end", asked, organisation_id, by=by)


def _record(session: Session, verb: str, asked: OnCall, organisation_id: int, *, by: int) -> None:
    facts = {"organisation_id": organisation_id, "member_id": by, "partner": asked.partner_id}
    audit.record(session, f"on_call.{verb}", subject=asked, **facts)
