"""A release of many people is asked for here and made by a worker (releasing.py): no member waits meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session, aliased

from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.core.errors import RefusedError, TransitionError
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.inbox.conversations.models import ConversationTheme
from campaigns.planning.models import Campaign, Run
from campaigns.planning.queries import counts_as_reach
from campaigns.reach.releases.models import AskedRelease, ScopeKind, View
from campaigns.reach.releases.service import Planned, Wanted, hold_budgets, room_in
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

#: A release that reads no more rows than this is counted in an instant, sooner than a worker looks.
FEW = 5_000
#: So long a list tells of a release that was not made.
TOLD_FOR = timedelta(days=7)
TAKEN_BACK = N_("It was taken back.")
RESTORED = N_(
    "The database was restored from a backup. See whether it was published before that, and ask for it again only "
    "if not."
)


def has_few(session: Session, planned: Planned) -> bool:
    """Say whether a release reads so few rows that it can be made while a member waits; counts nobody."""
    wanted, ids = planned.wanted, [each.id for each in planned.organisations]
    if wanted.view is View.THEMES:
        noted = owned(select(ConversationTheme.conversation_id), ConversationTheme, planned.scope_id)
        return _are_few(session, noted)
    runs = select(func.coalesce(func.sum(Run.planned), 0)).where(Run.organisation_id.in_(ids), counts_as_reach())
    if wanted.campaign is not None:
        runs = runs.where(Run.campaign_id == wanted.campaign.id)
    if session.scalars(runs).one() > FEW:
        return False
    is_joint = wanted.scope is ScopeKind.JOINT
    return not is_joint or _are_few(session, select(Address.id).where(Address.organisation_id.in_(ids)))


def ask_release(
    session: Session,
    organisation: Organisation,
    planned: Planned,
    *,
    reason: str,
    by: int,
    joint_id: int | None = None,
) -> AskedRelease:
    """Let a worker make a release that was planned and checked; the same one, while it waits, is asked for once.

    Raises BudgetError when a ledger has no room for it now; the worker looks again. Raises RefusedError when the
    same figures wait for another reason: readers would see the first one.
    """
    hold_budgets(session, planned.organisations)
    for each in planned.organisations:
        for year in planned.period.years:
            room_in(session, each, year)
    asked, now = session.scalar(_same(organisation, planned, joint_id)), clock.now()
    if asked is None:
        wanted: dict[str, Any] = {
            "view": planned.wanted.view,
            "scope": planned.wanted.scope,
            "period": planned.period.name,
        }
        wanted |= {"campaign_id": _campaign_id(planned), "joint_id": joint_id, "reason": reason, "member_id": by}
        asked = AskedRelease(organisation_id=organisation.id, asked_at=now, due_at=now, **wanted)
        session.add(asked)
        session.flush()
        # Of a joint one it is told who asked and who agreed.
        if joint_id is None:
            record_asked(session, "release.ask_count", asked, by=by)
    elif asked.reason != reason:
        raise RefusedError(
            N_("These figures wait to be published for another reason already. Take that back first.")
        )
    return asked


def end_asked(asked: AskedRelease, why: Sentence) -> None:
    """End what waited without a release; whoever asked reads why."""
    asked.due_at, asked.ended_at, asked.refusal = None, clock.now(), why


def record_asked(session: Session, action: str, asked: AskedRelease, *, by: int | None = None) -> None:
    """Write down what became of it, in the name of a member or of nobody."""
    what = {"view": asked.view, "scope": asked.scope, "period": asked.period}
    audit.record(session, action, subject=asked, organisation_id=asked.organisation_id, member_id=by, **what)


def take_back_asked(session: Session, asked: AskedRelease, *, by: int) -> None:
    """Let no worker make what waits; one that counts it throws its count away.

    Raises TransitionError when it is over.
    """
    session.refresh(asked, with_for_update=True)
    if asked.due_at is None:
        raise TransitionError(N_("This publication does not wait any more."))
    end_asked(asked, Sentence(TAKEN_BACK))
    record_asked(session, "release.take_back", asked, by=by)


def end_of_joint(session: Session, joint_id: int, why: Sentence) -> None:
    """End the count for which a joint release waits that is not made; whoever calls holds the request."""
    waiting = select(AskedRelease).where(AskedRelease.joint_id == joint_id, AskedRelease.due_at.is_not(None))
    for each in session.scalars(waiting.with_for_update()):
        end_asked(each, why)


def end_all_asked(session: Session) -> None:
    """End whatever waits for a count, because the database was restored."""
    over = {"due_at": None, "ended_at": clock.now(), "refusal": Sentence(RESTORED)}
    session.execute(update(AskedRelease).where(AskedRelease.due_at.is_not(None)).values(**over))


def wanted_by(session: Session, asked: AskedRelease) -> Wanted:
    """Return what was asked for."""
    view, scope = View(asked.view), ScopeKind(asked.scope)
    if asked.campaign_id is not None:
        return Wanted(view, scope, campaign=session.get_one(Campaign, asked.campaign_id))
    return Wanted(view, scope, asked.period)


def select_waiting(organisation_id: int) -> Select[AskedRelease]:
    """Select the releases of an organisation that wait for a count, the newest first."""
    waiting = owned(select(AskedRelease), AskedRelease, organisation_id).where(AskedRelease.due_at.is_not(None))
    return waiting.order_by(AskedRelease.id.desc())


def select_not_made(organisation_id: int) -> Select[AskedRelease]:
    """Select what was not made lately and not asked for again since, the newest first."""
    later, same = aliased(AskedRelease), ("organisation_id", "view", "scope", "period")
    again = select(later.id).where(
        later.id > AskedRelease.id,
        later.campaign_id.is_not_distinct_from(AskedRelease.campaign_id),
        *(getattr(later, name) == getattr(AskedRelease, name) for name in same),
    )
    not_made = owned(select(AskedRelease), AskedRelease, organisation_id).where(
        AskedRelease.refusal.is_not(None), AskedRelease.ended_at > clock.now() - TOLD_FOR, ~again.exists()
    )
    return not_made.order_by(AskedRelease.id.desc())


def find_of_joint(session: Session, joint_id: int) -> AskedRelease | None:
    """Return the count for which a joint release waits, or waited; None when it needed none."""
    of_joint = select(AskedRelease).where(AskedRelease.joint_id == joint_id)
    return session.scalar(of_joint.order_by(AskedRelease.id.desc()).limit(1))


def _same(organisation: Organisation, planned: Planned, joint_id: int | None) -> Select[AskedRelease]:
    """Select what waits already for the same figures."""
    wanted = planned.wanted
    return select_waiting(organisation.id).where(
        AskedRelease.view == wanted.view,
        AskedRelease.scope == wanted.scope,
        AskedRelease.period == planned.period.name,
        AskedRelease.campaign_id.is_not_distinct_from(_campaign_id(planned)),
        AskedRelease.joint_id.is_not_distinct_from(joint_id),
    )


def _campaign_id(planned: Planned) -> int | None:
    return planned.wanted.campaign.id if planned.wanted.campaign else None


def _are_few(session: Session, rows: Select[int]) -> bool:
    """Say whether a statement finds few rows; it is read no further."""
    some = rows.limit(FEW + 1).subquery()
    return (session.scalar(select(func.count()).select_from(some)) or 0) <= FEW
