"""Two administrators change whom people write to about the pages: whoever stands there is told what they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.words import N_
from campaigns.proposals.holding import hold
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Kind, Line, Shown
from campaigns.proposals.service import propose
from campaigns.public_pages.queries import find_profile
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Organisation
from campaigns.staff.permissions import Permission


def change_profile(
    session: Session, organisation: Organisation, wanted: Profile, *, by: int, is_alone: bool
) -> Proposal | None:
    """Say what an organisation is on pages for everybody, or propose it where another one is written to by it.

    `is_alone`: one administrator does it, for there is no other, or nobody ever read the pages. Taking the contact
    away, closing the pages, and what leaves the contact as it is, takes one too.
    Raises InputError as `set_profile` does.
    """
    hold(session, organisation)
    now = Profile.of(find_profile(session, organisation.id))
    if is_alone or wanted.contact in ("", now.contact):
        set_profile(session, organisation.id, wanted, by=by)
        return None
    if now.is_open and not wanted.is_open:
        # Nobody who wants them closed waits for anybody.
        now = Profile.of(set_profile(session, organisation.id, replace(now, is_open=False), by=by))
    before, after = now.to_json(), wanted.to_json()
    return propose(
        session, CONTACT, organisation, organisation_id=organisation.id, before=before, after=after, by=by
    )


def _read(session: Session, proposal: Proposal) -> Mapping[str, Any]:
    return Profile.of(find_profile(session, proposal.organisation_id)).to_json()


def _apply(session: Session, proposal: Proposal, by: int) -> None:
    set_profile(session, proposal.organisation_id, Profile(**proposal.after), by=by)


def _show(session: Session, proposal: Proposal) -> Shown:
    before, after = proposal.before, proposal.after
    labels = {"contact": N_("Whom people write to about these pages"), "shown_name": N_("Name on these pages")}
    lines = [
        Line(label, before[name], after[name]) for name, label in labels.items() if before[name] != after[name]
    ]
    opens = after["is_open"] and not before["is_open"]
    hint = N_("Once it is agreed to, everybody may read the directory and the reviewed texts.") if opens else ""
    return Shown(after["contact"], lines, "public_pages.index", hint=hint)


CONTACT = Kind(
    "public_contact",
    N_("Whom people write to about pages for everybody"),
    Permission.ADMINISTER,
    _read,
    _apply,
    _show,
    # No address stands in the audit.
    audited=lambda values: {"is_open": values["is_open"]},
    proposing=Permission.ADMINISTER,
)
KINDS = (CONTACT,)
