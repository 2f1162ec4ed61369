"""A second administrator confirms a password that somebody trusted chose by a link from a mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.errors import NotFoundError, TransitionError
from campaigns.core.words import N_
from campaigns.members.forgotten.models import ResetLink
from campaigns.members.forgotten.reset_links import RESET, mark_of, set_password
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Kind, Shown
from campaigns.staff.models import Member
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_membership


def _read(session: Session, proposal: Proposal) -> Mapping[str, Any] | None:
    try:
        return mark_of(_member(session, proposal))
    except NotFoundError:
        return None


def _apply(session: Session, proposal: Proposal, by: int) -> None:
    link = session.get(ResetLink, proposal.after.get("link"))
    if link is None:
        raise TransitionError(N_("They chose this password too long ago. Let them ask for a new link."))
    set_password(session, link, _member(session, proposal), proposal.after["password"])
    proposal.after = {}


def _forget(session: Session, proposal: Proposal) -> None:
    proposal.after = {}


def _show(session: Session, proposal: Proposal) -> Shown:
    member = _member(session, proposal)
    hint = N_("Ask the member themself, by a way of your own, whether they asked for a new password.")
    return Shown(f"{member.name} ({member.email})", (), "members.edit_member", {"member_id": member.id}, hint)


def _member(session: Session, proposal: Proposal) -> Member:
    return get_membership(session, proposal.organisation_id, proposal.subject_id).member


RESET_KIND = Kind(
    RESET,
    N_("New password chosen by mail"),
    Permission.ADMINISTER,
    _read,
    _apply,
    _show,
    audited=lambda values: {},
    refused=_forget,
    is_alone=True,
    proposing=Permission.READ_REACH,
)
