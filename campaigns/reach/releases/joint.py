"""Joint releases: one organisation asks, each of the others agrees or refuses, and only then is anybody counted.

Every ledger pays for exactly what its own data manager agreed to: a quarter, who takes part, and which revision.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import BudgetError, RefusedError, TransitionError
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.proposals.proposal_kinds import Kind, Line, Shown
from campaigns.proposals.service import lapse, propose
from campaigns.reach.releases import queries
from campaigns.reach.releases.asked_releases import (
    TAKEN_BACK,
    ask_release,
    end_all_asked,
    end_of_joint,
    has_few,
)
from campaigns.reach.releases.models import JointRequest, Release, ScopeKind, View
from campaigns.reach.releases.periods import period_named
from campaigns.reach.releases.privacy.noise import Below
from campaigns.reach.releases.service import (
    Planned,
    Wanted,
    check_revision,
    freeze_release,
    hold_budgets,
    plan_release,
    room_in,
)
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.permissions import Permission

#: Revisions of one quarter: the release and one correction, so that epsilon on its people is 1.0 at most.
MOST_REVISIONS = 2
OTHERS_BY_NOW = N_("Other organisations take part by now, or the quarter was published meanwhile. Ask anew.")


def ask_for_joint(
    session: Session, organisation: Organisation, wanted: Wanted, *, reason: str, by: int
) -> JointRequest:
    """Ask every other organisation that takes part to agree to a joint release; nobody is counted yet.

    Raises what `plan_release` raises, AlreadyReleasedError for a correction without a reason, RefusedError while
    the quarter is asked for already by all who take part now, and BudgetError when a ledger or the quarter has no
    room for it.
    """
    planned = plan_release(session, organisation, wanted)
    _end_outdated(session, planned)
    hold_budgets(session, planned.organisations)
    planned, words = plan_release(session, organisation, wanted), reason.strip()
    check_revision(planned, words)
    _check_room(session, planned)
    if session.scalar(_waiting().where(JointRequest.period == planned.period.name)) is not None:
        raise RefusedError(N_("The others were asked for this quarter already, and have not all answered."))
    request = JointRequest(
        organisation_id=organisation.id,
        organisation_ids=sorted(each.id for each in planned.organisations),
        period=planned.period.name,
        revision=planned.revisions + 1,
        reason=words,
        asked_by_id=by,
        asked_at=clock.now(),
    )
    session.add(request)
    session.flush()
    for each in planned.organisations:
        if each.id != organisation.id:
            _propose(session, request, each.id, by=by)
    _record(session, "release.ask", request, by, organisations=request.organisation_ids, period=request.period)
    return request


def take_back(session: Session, request: JointRequest, *, by: int) -> None:
    """Ask for a joint release no longer. Raises TransitionError when it is settled."""
    _hold(session, request)
    _demand_waiting(request)
    request.state = ProposalState.WITHDRAWN
    end_of_joint(session, request.id, Sentence(TAKEN_BACK))
    _end_rest(session, request)
    _record(session, "release.take_back", request, by, period=request.period)


def publish_when_agreed(
    session: Session,
    request: JointRequest,
    *,
    by: int,
    below: Below = secrets.randbelow,
    true: Counter[str] | None = None,
) -> Release | None:
    """Make the joint release when nobody has to agree any more; None while somebody has to, or people are counted.

    `by` is the member who agreed last, `true` what a worker counted of it; without, many people are left to one.
    Raises RefusedError when the organisations or the revision are others by
    now, and BudgetError when a ledger has no room any more.
    """
    _hold(session, request)
    _demand_waiting(request)
    if any(each.state != ProposalState.AGREED for each in proposals_of(session, request)):
        return None
    hold_budgets(session, plan_joint(session, request).organisations)
    planned = plan_joint(session, request)
    _check_room(session, planned)
    asker = session.get_one(Organisation, request.organisation_id)
    if true is None and not has_few(session, planned):
        ask_release(session, asker, planned, reason=request.reason, by=by, joint_id=request.id)
        return None
    release = freeze_release(session, asker, planned, reason=request.reason, by=by, below=below, true=true)
    request.state, request.release_id = ProposalState.AGREED, release.id
    session.flush()
    return release


def plan_joint(session: Session, request: JointRequest) -> Planned:
    """Say what the release would be that was asked for; reads no true count.

    Raises RefusedError when the organisations or the revision are others by now than those that agreed.
    """
    asker = session.get_one(Organisation, request.organisation_id)
    planned = plan_release(session, asker, Wanted(View.REGIONS, ScopeKind.JOINT, request.period))
    _check_same(request, planned)
    return planned


def give_up(session: Session, request: JointRequest) -> None:
    """End a request that could not be made although everybody had agreed: the quarter may be asked for anew."""
    _hold(session, request)
    if request.state == ProposalState.WAITING:
        request.state = ProposalState.OVERTAKEN


def end_all_waiting(session: Session) -> None:
    """End whatever waits to be published, because the database was restored: it may have been after the backup.

    Published again it would have other noise, and tell more of its people than its ledger paid for.
    """
    for request in session.scalars(select(JointRequest).where(JointRequest.state == ProposalState.WAITING)):
        request.state = ProposalState.OVERTAKEN
        _end_rest(session, request)
    end_all_asked(session)


def proposals_of(session: Session, request: JointRequest) -> Sequence[Proposal]:
    """Return what each of the other organisations has to agree to, as it is now."""
    return session.scalars(_theirs(request).execution_options(populate_existing=True)).all()


def find_agreed(session: Session, request: JointRequest, member_id: int) -> Proposal | None:
    """Return what a member agreed to for their organisation."""
    return next((each for each in proposals_of(session, request) if each.settled_by_id == member_id), None)


def answers_of(session: Session, request: JointRequest) -> list[tuple[str, ProposalState]]:
    """Return name and answer of each other organisation."""
    rows = proposals_of(session, request)
    asked = select(Organisation).where(Organisation.id.in_([row.organisation_id for row in rows]))
    names = {each.id: each.name for each in session.scalars(asked)}
    return [(names[row.organisation_id], row.state) for row in rows]


def select_asked(organisation_id: int) -> Select[JointRequest]:
    """Select the joint releases that an organisation asks for and that wait, the newest first."""
    return _waiting().where(JointRequest.organisation_id == organisation_id).order_by(JointRequest.id.desc())


def _theirs(request: JointRequest) -> Select[Proposal]:
    of_request = (Proposal.subject_type == JointRequest.__tablename__, Proposal.subject_id == request.id)
    return select(Proposal).where(Proposal.kind == JOINT_RELEASE.name, *of_request).order_by(Proposal.id)


def _waiting() -> Select[JointRequest]:
    return select(JointRequest).where(JointRequest.state == ProposalState.WAITING)


def _propose(session: Session, request: JointRequest, organisation_id: int, *, by: int) -> None:
    propose(
        session,
        JOINT_RELEASE,
        request,
        organisation_id=organisation_id,
        before={"revision": request.revision - 1},
        after={"revision": request.revision},
        by=by,
        partner_id=request.organisation_id,
    )


def _end_outdated(session: Session, planned: Planned) -> None:
    """End what waits for a quarter and can never be made: others take part by now, or it was published since.

    It comes before the budgets, as where it is made: so neither waits for the other.
    """
    waiting = _waiting().where(JointRequest.period == planned.period.name).with_for_update()
    request = session.scalar(waiting.execution_options(populate_existing=True))
    if request is not None and not _is_of(request, planned):
        request.state = ProposalState.OVERTAKEN
        end_of_joint(session, request.id, Sentence(OTHERS_BY_NOW))
        _end_rest(session, request)
        session.flush()


def _is_of(request: JointRequest, planned: Planned) -> bool:
    """Say whether a request is for what would be made now, by the same organisations."""
    ids = sorted(each.id for each in planned.organisations)
    return (ids, planned.revisions + 1) == (request.organisation_ids, request.revision)


def _check_same(request: JointRequest, planned: Planned) -> None:
    if not _is_of(request, planned):
        raise RefusedError(OTHERS_BY_NOW)


def _check_room(session: Session, planned: Planned) -> None:
    if planned.revisions >= MOST_REVISIONS:
        raise BudgetError(
            N_(
                "%(period)s is published and corrected: another joint publication would tell too much about its "
                "people."
            ),
            period=planned.period.name,
        )
    for each in planned.organisations:
        for year in planned.period.years:
            room_in(session, each, year)


def _end_rest(session: Session, request: JointRequest) -> None:
    """End what other organisations cannot agree to any more: whoever holds the request holds these too."""
    waiting = _theirs(request).where(Proposal.state == ProposalState.WAITING)
    for each in session.scalars(waiting.execution_options(populate_existing=True)):
        lapse(session, each)


def _demand_waiting(request: JointRequest) -> None:
    if request.state != ProposalState.WAITING:
        raise TransitionError(N_("This joint publication is decided already."))


def _hold(session: Session, request: JointRequest) -> None:
    """Lock a request: of two organisations that agree at the same moment, the second one sees the first."""
    session.refresh(request, with_for_update=True)


def _record(session: Session, action: str, request: JointRequest, by: int, **detail: Any) -> None:
    audit.record(session, action, subject=request, organisation_id=request.organisation_id, member_id=by, **detail)


def _request_of(session: Session, proposal: Proposal) -> JointRequest:
    return session.get_one(JointRequest, proposal.subject_id)


def _read(session: Session, proposal: Proposal) -> Mapping[str, Any] | None:
    """Return how often the quarter was released jointly; None when nothing is asked any more."""
    request = session.get_one(JointRequest, proposal.subject_id, populate_existing=True)
    if request.state != ProposalState.WAITING:
        return None
    return {"revision": queries.count_revisions(session, ScopeKind.JOINT, 0, View.REGIONS, request.period)}


def _apply(session: Session, proposal: Proposal, by: int) -> None:
    publish_when_agreed(session, _request_of(session, proposal), by=by)


def _refused(session: Session, proposal: Proposal) -> None:
    request = _request_of(session, proposal)
    _hold(session, request)
    if request.state == ProposalState.WAITING:
        request.state = ProposalState.REFUSED
        _end_rest(session, request)


def _show(session: Session, proposal: Proposal) -> Shown:
    request = _request_of(session, proposal)
    names = session.scalars(
        select(Organisation.name).where(Organisation.id.in_(request.organisation_ids)).order_by(Organisation.name)
    )
    lines = [Line(N_("Whose people"), "", tuple(names))]
    if request.reason:
        lines.append(Line(N_("What it corrects"), "", request.reason))
    if proposal.state == ProposalState.WAITING:
        for year in period_named(request.period).years:
            left = queries.budget_of(session, proposal.organisation_id, year).left
            lines.append(
                Line(N_("Publications left to your organisation"), f"{year}: {left}", f"{year}: {left - 1}")
            )
    return Shown(request.period, lines, "releases.list_releases")


JOINT_RELEASE = Kind(
    "joint_release",
    N_("Joint publication"),
    Permission.HANDLE_CONTACTS,
    _read,
    _apply,
    _show,
    refused=_refused,
    told=N_("Your organisation agrees. The publication is made as soon as every organisation has agreed."),
    proposing=Permission.HANDLE_CONTACTS,
)
KINDS = (JOINT_RELEASE,)
