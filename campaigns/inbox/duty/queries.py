"""Reads on duty rosters."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.inbox.duty.duty_hours import DutyHours, Weekly
from campaigns.inbox.duty.models import Duty, DutyMember, Part
from campaigns.inbox.duty.roster import Roster, RosterEntry
from campaigns.staff.models import Member, Membership, Organisation
from campaigns.staff.permissions import Permission, may
from campaigns.staff.queries import owned


class UsualHours(Protocol):
    """What says in which hours of the day somebody answers, of organisations without a roster."""

    @property
    def duty_from(self) -> int: ...

    @property
    def duty_until(self) -> int: ...


def load_roster(session: Session, organisation: Organisation, usual: UsualHours) -> Roster:
    """Return an organisation's roster; who is active no more, or does not answer, is in none of its duties."""
    readers = load_readers(session, organisation.id)
    duties = session.scalars(owned(select(Duty), Duty, organisation.id).order_by(Duty.begin, Duty.id)).all()
    theirs = select(DutyMember).where(DutyMember.duty_id.in_([duty.id for duty in duties]))
    parts: dict[tuple[int, str], list[int]] = {}
    for row in session.scalars(theirs.order_by(DutyMember.member_id)) if duties else ():
        if row.member_id in readers:
            parts.setdefault((row.duty_id, row.part), []).append(row.member_id)
    return Roster(
        tuple(_entry(duty, parts) for duty in duties),
        organisation.time_zone,
        DutyHours.daily(usual.duty_from, usual.duty_until, organisation.time_zone),
        readers,
    )


def load_readers(session: Session, organisation_id: int) -> dict[int, list[str]]:
    """Return the languages that each active member of an organisation who answers reads, by the member's id."""
    members = owned(select(Member.id, Member.languages, Membership.roles), Membership, organisation_id)
    rows = session.execute(members.join(Member).where(Member.active).order_by(Member.id))
    return {row.id: row.languages for row in rows if may(row.roles, Permission.ANSWER)}


def find_who_answers(session: Session, organisation_ids: Collection[int]) -> dict[int, set[int]]:
    """Return the active members who answer people, by the ids of their organisations."""
    if not organisation_ids:
        return {}
    members = select(Membership.organisation_id, Membership.member_id, Membership.roles).join(Member)
    found: dict[int, set[int]] = {}
    for row in session.execute(members.where(Membership.organisation_id.in_(organisation_ids), Member.active)):
        if may(row.roles, Permission.ANSWER):
            found.setdefault(row.organisation_id, set()).add(row.member_id)
    return found


def _entry(duty: Duty, parts: dict[tuple[int, str], list[int]]) -> RosterEntry:
    lead = parts.get((duty.id, Part.LEAD), [])
    return RosterEntry(
        duty.id,
        duty.name,
        Weekly(frozenset(map(int, duty.days)), duty.begin, duty.end),
        frozenset(duty.languages),
        tuple(parts.get((duty.id, Part.ANSWERS), ())),
        lead[0] if lead else None,
        tuple(parts.get((duty.id, Part.RESERVE), ())),
    )
