"""Administrators name the teams to which a conversation may be offered; none of these verbs commits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.inbox.duty.models import Team, TeamMember
from campaigns.inbox.duty.queries import load_readers
from campaigns.staff import audit
from campaigns.staff.queries import owned

LONGEST_NAME = 100


def load_teams(session: Session, organisation_id: int) -> Sequence[Team]:
    """Return the teams of an organisation by their names."""
    return session.scalars(owned(select(Team), Team, organisation_id).order_by(Team.name, Team.id)).all()


def load_team_members(session: Session, organisation_id: int) -> Mapping[int, list[int]]:
    """Return the members of each team of an organisation, by the team's id; only those who answer now."""
    readers = load_readers(session, organisation_id)
    rows = owned(select(TeamMember.team_id, TeamMember.member_id), Team, organisation_id)
    found: dict[int, list[int]] = {}
    for row in session.execute(rows.join(Team, Team.id == TeamMember.team_id).order_by(TeamMember.member_id)):
        if row.member_id in readers:
            found.setdefault(row.team_id, []).append(row.member_id)
    return found


def members_of(session: Session, team_id: int) -> set[int]:
    """Return the ids of the members of a team."""
    return set(session.scalars(select(TeamMember.member_id).where(TeamMember.team_id == team_id)))


def save_team(session: Session, team: Team, name: str, members: Collection[int], *, by: int) -> None:
    """Write a team, new or changed. Raises InputError for a name that is empty or taken, or a team of nobody."""
    name = name.strip()[:LONGEST_NAME]
    if not name:
        raise InputError(N_("A name is needed."))
    if not members or not set(members) <= set(load_readers(session, team.organisation_id)):
        raise InputError(N_("Choose at least one member who is a responder and active."))
    taken = owned(select(Team.id), Team, team.organisation_id).where(Team.name == name)
    if session.scalar(taken) not in (None, team.id):
        raise InputError(N_("There is a team of this name already."))
    is_new, team.name = team.id is None, name
    session.add(team)
    session.flush()
    session.execute(delete(TeamMember).where(TeamMember.team_id == team.id))
    session.add_all(TeamMember(team_id=team.id, member_id=each) for each in sorted(set(members)))
    session.flush()
    _record(session, "add" if is_new else "change", team, by=by)


def new_team(organisation_id: int) -> Team:
    """Return a team that is not written yet."""
    return Team(organisation_id=organisation_id, created_at=clock.now())


def remove_team(session: Session, team: Team, *, by: int) -> None:
    """Forget a team; what is offered to it now lapses in its time and comes back."""
    session.execute(delete(TeamMember).where(TeamMember.team_id == team.id))
    session.delete(team)
    session.flush()
    _record(session, "remove", team, by=by)


def _record(session: Session, verb: str, team: Team, *, by: int) -> None:
    audit.record(session, f"team.{verb}", subject=team, organisation_id=team.organisation_id, member_id=by)
