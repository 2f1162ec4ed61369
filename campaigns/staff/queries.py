"""Reads on organisations and members, and the one function that scopes every organisation's query."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager

from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.staff.models import AuditEntry, Member, Membership, Organisation

#: What is said of a missing row and of a foreign one alike.
NOT_THERE = N_("It does not exist, or is not yours to see.")
Row = TypeVar("Row")
S = TypeVar("S", bound=Select[*tuple[Any, ...]])


def owned(statement: S, model: Any, organisation_id: int) -> S:
    """Restrict a statement over `model` to one organisation's rows; every such query goes through here."""
    return statement.where(model.organisation_id == organisation_id)


def get_owned(session: Session, model: type[Row], row_id: int, organisation_id: int) -> Row:
    """Return the organisation's row with this id. Raises NotFoundError alike for a missing and a foreign one."""
    mapped: Any = model
    row: Row | None = session.scalar(owned(select(mapped).where(mapped.id == row_id), mapped, organisation_id))
    if row is None:
        raise NotFoundError(NOT_THERE)
    return row


def select_actors(subject_type: str, subject_id: int, actions: Collection[str]) -> Select[int | None]:
    """Select the ids of members who did any of `actions` on a subject; the system's own acts are left out."""
    return (
        select(AuditEntry.member_id)
        .where(AuditEntry.subject_type == subject_type, AuditEntry.subject_id == subject_id)
        .where(AuditEntry.action.in_(actions), AuditEntry.member_id.is_not(None))
        .distinct()
    )


def select_memberships(organisation_id: int) -> Select[Membership]:
    """Select the memberships of an organisation with their members, by name."""
    return (
        owned(select(Membership), Membership, organisation_id)
        .join(Membership.member)
        .options(contains_eager(Membership.member))
        .order_by(Member.name, Member.id)
    )


def get_membership(session: Session, organisation_id: int, member_id: int) -> Membership:
    """Return a member's membership in an organisation. Raises NotFoundError when there is none."""
    row = session.scalar(select_memberships(organisation_id).where(Membership.member_id == member_id))
    if row is None:
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    return row


def find_member(session: Session, email: str) -> Member | None:
    """Return the member with this e-mail address (compared without case), or None."""
    return session.scalar(select(Member).where(Member.email == email.strip().casefold()))


def load_words_around(member: Member) -> list[str]:
    """Return what everybody who knows a member can know of them."""
    organisations = [each.organisation for each in member.memberships]
    return [member.email, member.name, *(text for each in organisations for text in (each.name, each.slug))]


def has_members(session: Session) -> bool:
    """Say whether anybody is a member of any organisation, signed in or barred."""
    return session.scalar(select(Member.id).limit(1)) is not None


def find_organisation(session: Session, slug: str) -> Organisation | None:
    """Return the organisation with this slug, or None."""
    return session.scalar(select(Organisation).where(Organisation.slug == slug))


def get_organisation(session: Session, slug: str) -> Organisation:
    """Return the organisation with this slug, as whoever runs the instance names it. Raises NotFoundError."""
    found = find_organisation(session, slug)
    if found is None:
        raise NotFoundError(N_("There is no organisation %(slug)s."), slug=slug)
    return found


def hold_organisation(session: Session, organisation_id: int) -> None:
    """Hold an organisation until the transaction ends; whoever adds rows that refer to it does not wait."""
    held = select(Organisation.id).where(Organisation.id == organisation_id)
    session.execute(held.with_for_update(key_share=True))


def load_other_organisations(session: Session, organisation_id: int) -> dict[int, str]:
    """Return the names of all other organisations of the instance, by their ids."""
    others = select(Organisation.id, Organisation.name).where(Organisation.id != organisation_id)
    return {row.id: row.name for row in session.execute(others.order_by(Organisation.name, Organisation.id))}


def select_audit(organisation_id: int, *, about: str = "") -> Select[*tuple[Any, ...]]:
    """Select an organisation's audit entries with the name of who acted, newest first.

    `about` is the table of the things that they are about; '' means all.
    """
    entries = (
        owned(select(AuditEntry, Member.name), AuditEntry, organisation_id)
        .outerjoin(Member, Member.id == AuditEntry.member_id)
        .order_by(AuditEntry.id.desc())
    )
    return entries.where(AuditEntry.subject_type == about) if about else entries


def select_acts(organisation_id: int, action: str, *, since: datetime) -> Select[*tuple[Any, ...]]:
    """Select what `select_audit` does of one action since a moment (UTC), newest first."""
    entries = select_audit(organisation_id).where(AuditEntry.action == action, AuditEntry.at > since)
    # In the order of the index: by number alone, all entries might be read for the newest few.
    return entries.order_by(None).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())


def load_active_members(session: Session, organisation_id: int) -> dict[int, str]:
    """Return the names of an organisation's active members, by their ids."""
    rows = session.execute(
        select_memberships(organisation_id).with_only_columns(Member.id, Member.name).where(Member.active)
    )
    return {row.id: row.name for row in rows}


def load_member_names(session: Session, member_ids: Iterable[int | None]) -> dict[int, str]:
    """Return the names of members by id."""
    wanted = {member_id for member_id in member_ids if member_id is not None}
    members = session.scalars(select(Member).where(Member.id.in_(wanted)))
    return {member.id: member.name for member in members}
