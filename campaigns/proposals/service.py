"""These verbs propose, agree to and refuse changes; each leaves one audit entry and none commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import ApprovalError, InputError, RefusedError, TransitionError
from campaigns.core.words import N_
from campaigns.proposals.holding import hold_all, hold_subject
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.proposals.proposal_kinds import Kind
from campaigns.staff import audit
from campaigns.staff.audit import Subject
from campaigns.staff.models import Member, Membership
from campaigns.staff.permissions import may_as
from campaigns.staff.queries import owned

LONGEST_REASON = 200


def propose(
    session: Session,
    kind: Kind,
    subject: Subject,
    *,
    organisation_id: int,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    by: int,
    reason: str = "",
    topic: str = "",
    partner_id: int | None = None,
) -> Proposal:
    """Propose to make of a thing what `after` says; it overtakes what of the same kind waits for it.

    `partner_id` is whose member `by` is, if another's. Raises InputError when nothing changes or reason is long,
    and TransitionError when the thing is gone.
    """
    return propose_all(
        session,
        kind,
        [(subject, before, after)],
        organisation_id=organisation_id,
        by=by,
        reason=reason,
        topic=topic,
        partner_id=partner_id,
    )[0]


def propose_all(
    session: Session,
    kind: Kind,
    changes: Sequence[tuple[Subject, Mapping[str, Any], Mapping[str, Any]]],
    *,
    organisation_id: int,
    by: int,
    reason: str = "",
    topic: str = "",
    partner_id: int | None = None,
) -> list[Proposal]:
    """Propose changes to several things of one table, each with what it is and is to be, as `propose` does."""
    words = _checked_reason(reason)
    if any(dict(before) == dict(after) for _, before, after in changes):
        raise InputError(N_("Nothing would change."))
    if not changes:
        return []
    hold_all(session, changes[0][0].__tablename__, [subject.id for subject, _, _ in changes])
    proposals = [
        Proposal(
            organisation_id=organisation_id,
            kind=kind.name,
            subject_type=subject.__tablename__,
            subject_id=subject.id,
            topic=topic,
            before=dict(before),
            after=dict(after),
            reason=words,
            proposed_by_id=by,
            proposed_in_id=partner_id,
            proposed_at=clock.now(),
        )
        for subject, before, after in changes
    ]
    _overtake(session, proposals, by=by)
    session.add_all(proposals)
    session.flush()
    acts = [(proposal, _detail(proposal, kind)) for proposal in proposals]
    audit.record_all(session, "proposal.make", acts, organisation_id=organisation_id, member_id=by)
    return proposals


def _checked_reason(reason: str) -> str:
    words = " ".join(reason.split())
    if len(words) > LONGEST_REASON:
        raise InputError(N_("Say in at most %(limit)s characters why."), limit=LONGEST_REASON)
    return words


def _overtake(session: Session, proposals: Sequence[Proposal], *, by: int) -> None:
    """Settle what waits for the things of these proposals, which are alike but for the thing."""
    first, things = proposals[0], {proposal.subject_id for proposal in proposals}
    waiting = owned(select(Proposal), Proposal, first.organisation_id).where(
        Proposal.state == ProposalState.WAITING,
        Proposal.kind == first.kind,
        Proposal.subject_type == first.subject_type,
        Proposal.topic == first.topic,
    )
    if len(things) == 1:
        waiting = waiting.where(Proposal.subject_id == first.subject_id)
    for each in session.scalars(waiting):
        if each.subject_id in things:
            each.state, each.settled_by_id, each.settled_at = ProposalState.OVERTAKEN, by, clock.now()
    session.flush()


def agree(session: Session, proposal: Proposal, kind: Kind, *, by: int) -> str | None:
    """Do what another member proposed; return what only whoever agreed is told, if anything.

    Raises TransitionError when it does not wait any more or the thing is another one by now, ApprovalError for
    whoever proposed it, and RefusedError when they could not propose it any more.
    """
    _hold(session, proposal)
    if proposal.proposed_by_id == by:
        raise ApprovalError(N_("You proposed this yourself. Another member has to agree."))
    _check_proposer(session, proposal, kind)
    if kind.read(session, proposal) != proposal.before:
        raise TransitionError(N_("This was changed in another way since. Refuse it, or propose it anew."))
    _settle(session, proposal, ProposalState.AGREED, by=by)
    told = kind.apply(session, proposal, by)
    _record(session, "proposal.agree", proposal, kind, by=by)
    return told


def refuse(session: Session, proposal: Proposal, kind: Kind, *, by: int) -> None:
    """Decide that a proposal is not done; whoever proposed it takes it back so.

    Raises TransitionError when it does not wait any more.
    """
    _hold(session, proposal)
    is_own = proposal.proposed_by_id == by
    _settle(session, proposal, ProposalState.WITHDRAWN if is_own else ProposalState.REFUSED, by=by)
    if kind.refused is not None:
        kind.refused(session, proposal)
    _record(session, "proposal.withdraw" if is_own else "proposal.refuse", proposal, kind, by=by)


def lapse(session: Session, proposal: Proposal) -> None:
    """End a waiting proposal that nobody can agree to any more, because something else settled it."""
    proposal.state, proposal.settled_at = ProposalState.OVERTAKEN, clock.now()
    session.flush()


def _hold(session: Session, proposal: Proposal) -> None:
    """Hold what is to be changed, and the proposal as it is now: of two members who decide, one comes second."""
    hold_subject(session, proposal)
    session.refresh(proposal, with_for_update=True)
    if proposal.state != ProposalState.WAITING:
        raise TransitionError(N_("Another member has decided this already."))


def _settle(session: Session, proposal: Proposal, state: ProposalState, *, by: int) -> None:
    proposal.state, proposal.settled_by_id, proposal.settled_at = state, by, clock.now()
    session.flush()


def _check_proposer(session: Session, proposal: Proposal, kind: Kind) -> None:
    """Raise RefusedError when whoever proposed it is no member any more, or has lost the right to."""
    organisation_id = proposal.proposed_in_id or proposal.organisation_id
    theirs = owned(select(Membership), Membership, organisation_id).join(Member)
    living = theirs.where(Member.id == proposal.proposed_by_id, Member.active)
    membership = session.scalar(living.execution_options(populate_existing=True))
    if membership is None:
        raise RefusedError(N_("Whoever proposed this is no member any more. Propose it anew if it is right."))
    if not may_as(membership, kind.proposing, now=clock.now()):
        raise RefusedError(N_("Whoever proposed this may not do so any more. Propose it anew if it is right."))


def _record(session: Session, action: str, proposal: Proposal, kind: Kind, *, by: int) -> None:
    owner = {"organisation_id": proposal.organisation_id, "member_id": by}
    audit.record(session, action, subject=proposal, **owner, **_detail(proposal, kind))


def _detail(proposal: Proposal, kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "of": f"{proposal.subject_type} {proposal.subject_id}",
        "before": kind.audited(proposal.before),
        "after": kind.audited(proposal.after),
    }
