"""Reads offers: those an organisation made and those it received, and what it may see of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Select,
    SQLColumnExpression,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Session

from campaigns.core.errors import NotFoundError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.duty.models import Team, TeamMember
from campaigns.inbox.duty.queries import find_who_answers
from campaigns.inbox.handing_over.models import IS_UNDECIDED, HandOver, OfferState
from campaigns.places.models import Region
from campaigns.staff.models import Organisation
from campaigns.staff.queries import load_member_names, load_other_organisations

#: What a receiver sees.
_SEEN = (OfferState.OFFERED, OfferState.ACCEPTED)
#: Offers of each kind that one page lists, the latest.
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class OpenedWords:
    """The words of an offer, opened; None where nobody can open them."""

    summary: str | None
    consent: str | None
    reason: str | None


def load_offered(session: Session, organisation_id: int) -> Sequence[HandOver]:
    """Return what an organisation offered to others, the latest first."""
    made = select(HandOver).where(HandOver.organisation_id == organisation_id, is_for_team())
    return session.scalars(made.order_by(HandOver.id.desc()).limit(MOST_SHOWN)).all()


def load_received(session: Session, organisation_id: int, member_id: int) -> Sequence[HandOver]:
    """Return what others offered to an organisation, or to a member or their teams, and did not take back.

    What waits comes first.
    """
    got = select(HandOver).where(HandOver.state.in_(_SEEN), _is_offered_to(organisation_id, member_id))
    waits = HandOver.state != OfferState.OFFERED
    return session.scalars(got.order_by(waits, HandOver.due_at, HandOver.id).limit(MOST_SHOWN)).all()


def count_undecided(session: Session, organisation_id: int, member_id: int) -> int:
    """Return how many offers a member may decide on."""
    undecided = select(func.count(HandOver.id)).where(text(IS_UNDECIDED), may_decide(organisation_id, member_id))
    return session.scalar(undecided) or 0


def count_to_decide(
    session: Session, organisation_ids: Collection[int], member_id: int, *, now: datetime
) -> Mapping[tuple[int, OfferState], int]:
    """Count offers on which a member may decide, by organisation and state (`proposed`: as the second one)."""
    if not organisation_ids:
        return {}
    rows = session.execute(_count_to_decide(tuple(sorted(organisation_ids)), member_id), {"now": now})
    return {(row[0], OfferState(row[1])): row[2] for row in rows}


@lru_cache
def _count_to_decide(organisation_ids: tuple[int, ...], member_id: int) -> Select[int, OfferState, int]:
    """Return the statement, kept because every page asks."""
    ours = decider()
    counted = select(ours, HandOver.state, func.count(HandOver.id)).where(
        ours.in_(organisation_ids), may_decide(ours, member_id), *is_in_time(bindparam("now"))
    )
    return counted.group_by(ours, HandOver.state)


def decider() -> ColumnElement[int]:
    """Return the organisation of which somebody decides on an offer: who makes it agrees before the receiver."""
    return case((HandOver.state == OfferState.PROPOSED, HandOver.organisation_id), else_=HandOver.receiver_id)


def may_decide(
    organisation_id: int | SQLColumnExpression[int], member_id: int | SQLColumnExpression[int]
) -> ColumnElement[bool]:
    """Match offers on which a member decides: to all, to their team or to them, or as the second member."""
    asks = and_(
        HandOver.state == OfferState.PROPOSED,
        HandOver.organisation_id == organisation_id,
        HandOver.offered_by_id != member_id,
    )
    offered = and_(HandOver.state == OfferState.OFFERED, _is_offered_to(organisation_id, member_id))
    return or_(offered, asks)


def is_in_time(now: datetime | BindParameter[datetime]) -> Sequence[ColumnElement[bool]]:
    """Match offers on which somebody may decide at a moment (UTC)."""
    # As the index of those has it on which somebody has to decide.
    return (literal_column(IS_UNDECIDED, Boolean), HandOver.due_at > now, is_for_team())


def get_seen(session: Session, hand_over_id: int, organisation_id: int) -> HandOver:
    """Return an offer that an organisation made, or received and that has not ended; else raise NotFoundError.

    Whoever declined or came too late sees nothing of it any more, nor does the team that somebody complains about.
    """
    is_made = and_(HandOver.organisation_id == organisation_id, is_for_team())
    is_got = and_(
        HandOver.receiver_id == organisation_id,
        HandOver.organisation_id != organisation_id,
        HandOver.state.in_(_SEEN),
    )
    handed = session.scalar(select(HandOver).where(HandOver.id == hand_over_id, or_(is_made, is_got)))
    if handed is None:
        raise NotFoundError(N_("There is no such offer."))
    return handed


def get_made(session: Session, hand_over_id: int, organisation_id: int) -> HandOver:
    """Return an offer that an organisation made, as `get_seen` does; else raise NotFoundError."""
    handed = get_seen(session, hand_over_id, organisation_id)
    if handed.organisation_id != organisation_id:
        raise NotFoundError(N_("There is no such offer."))
    return handed


def is_for_team() -> ColumnElement[bool]:
    """Match offers of conversations that the team sees which made them: none of complaints about it."""
    return ~exists().where(Conversation.id == HandOver.conversation_id, Conversation.is_complaint)


def open_words(handed: HandOver, vault: Vault) -> OpenedWords:
    """Open the words of an offer."""
    of = partial(vault.open_or_none, table="hand_over", row_id=handed.id)
    return OpenedWords(
        of(handed.sealed_summary, column="sealed_summary"),
        of(handed.sealed_consent, column="sealed_consent"),
        of(handed.sealed_reason, column="sealed_reason"),
    )


def load_targets(session: Session, offers: Collection[HandOver]) -> Mapping[int, str]:
    """Return the name of whom each offer is to, by its id: an organisation, a team or a member."""
    names = load_names(session, {each.receiver_id for each in offers})
    teams = select(Team.id, Team.name).where(Team.id.in_({each.team_id for each in offers if each.team_id}))
    team_names = {row.id: row.name for row in session.execute(teams)} if any(x.team_id for x in offers) else {}
    members = load_member_names(session, {each.to_member_id for each in offers})
    return {
        each.id: members.get(each.to_member_id or 0)
        or team_names.get(each.team_id or 0)
        or names[each.receiver_id]
        for each in offers
    }


def load_receivers(session: Session, organisation_id: int) -> Mapping[int, str]:
    """Return the names of all other organisations of the instance in which somebody answers, by their ids."""
    others = load_other_organisations(session, organisation_id)
    manned = find_who_answers(session, others)
    return {key: name for key, name in others.items() if key in manned}


def find_region(session: Session, code: str | None) -> Region | None:
    """Return the region with a code."""
    return None if code is None else session.scalar(select(Region).where(Region.code == code))


def load_names(session: Session, ids: set[int]) -> Mapping[int, str]:
    """Return the names of organisations by their ids."""
    found = select(Organisation.id, Organisation.name).where(Organisation.id.in_(ids))
    return {row.id: row.name for row in session.execute(found)}


def is_of_team(organisation_id: int, team_id: int) -> ColumnElement[bool]:
    """Match conversations that a member of a team has, or that are offered to the team."""
    theirs = select(TeamMember.member_id).join(Team, Team.id == TeamMember.team_id)
    theirs = theirs.where(Team.id == team_id, Team.organisation_id == organisation_id)
    offered = select(HandOver.conversation_id).where(
        HandOver.team_id == team_id, HandOver.organisation_id == organisation_id, text(IS_UNDECIDED)
    )
    return or_(Conversation.owner_id.in_(theirs), Conversation.id.in_(offered))


def _is_offered_to(
    organisation_id: int | SQLColumnExpression[int], member_id: int | SQLColumnExpression[int]
) -> ColumnElement[bool]:
    teams = select(TeamMember.team_id).where(TeamMember.member_id == member_id)
    is_theirs = or_(HandOver.to_member_id == member_id, HandOver.team_id.in_(teams))
    within = and_(is_theirs, HandOver.offered_by_id != member_id)
    return and_(HandOver.receiver_id == organisation_id, or_(HandOver.organisation_id != organisation_id, within))
