"""Occurrences of a campaign that come to one instant: whoever gets the text by one run does not get it by another.

Quiet hours move every hour of a night to its end, and a gap of the clocks moves two hours to one. Each occurrence
still has its run, so that nothing is unexplained; who has the same text of another run due at that very instant is
left out of it and counted. Only a run that sends is relied on: what waits in one that is paused or stopped may
never be sent, and then nobody would be told. Where a run that was relied on halts afterwards, an alarm over both
says how many people get the text by neither.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.audience.rules import LeftOut
from campaigns.delivery.counts import Tally
from campaigns.delivery.fanout.correction_recipients import find_said_versions
from campaigns.delivery.fanout.frequency_cap import CALLED
from campaigns.delivery.models import Delivery, RunLeftOut, RunZone
from campaigns.delivery.queries import in_state
from campaigns.delivery.states import SendState
from campaigns.planning.lifecycle import MOVING, SENDING
from campaigns.planning.models import Run, RunState

#: States of a run whose queue is not sent unless a member says so.
_HALTED = (RunState.PAUSED, RunState.STOPPED)
#: States of a message that nobody got and that waits for such a run.
_WAITS = (SendState.QUEUED, SendState.CANCELLED)


def is_told_then(session: Session, run: Run, people: Table) -> ColumnElement[bool] | None:
    """Match those of `people` (of a fan-out) to whom another run says the same at the same instant; None: nobody.

    The zones of `run` must be written.
    """
    if run.schedule_id is None:
        return None
    twins = session.execute(_select_twins(session, run, Run.id, Run.state)).all()
    if not twins:
        return None
    relied_on = [twin.id for twin in twins if twin.state in MOVING | SENDING]
    is_called = Delivery.send_state.in_(CALLED)
    comes = or_(is_called, and_(Delivery.send_state == SendState.QUEUED, Delivery.run_id.in_(relied_on)))
    mine, theirs = aliased(RunZone), aliased(RunZone)
    same_zone = and_(mine.time_zone == people.c.time_zone, mine.country == people.c.number_country)
    return (
        select(Delivery.id)
        .join(theirs, theirs.run_id == Delivery.run_id)
        .join(mine, and_(_is_same_time(mine, theirs), mine.run_id == run.id, same_zone))
        .where(Delivery.run_id.in_([twin.id for twin in twins]), Delivery.contact_id == people.c.contact_id, comes)
        .correlate(people)
        .exists()
    )


def count_untold(session: Session, run: Run, tally: Tally) -> int:
    """Say how many people, at most, a run left out for another one that halted: they get the text by neither.

    `run` may be either of them. A run that is stopped relies on nobody: a member took back what it says.
    """
    if run.schedule_id is None:
        return 0
    if run.state in _HALTED:
        waiting = sum(tally.by_state.get(state, 0) for state in _WAITS)
        others = _select_twins(session, run, Run.id).where(Run.state != RunState.STOPPED) if waiting else None
        return 0 if others is None else min(waiting, _count_merged(session, RunLeftOut.run_id.in_(others)))
    merged = _count_merged(session, RunLeftOut.run_id == run.id)
    return merged if merged and _waits_for_halted(session, run) else 0


def _count_merged(session: Session, of_runs: ColumnElement[bool]) -> int:
    merged = select(func.sum(RunLeftOut.people)).where(of_runs, RunLeftOut.reason == LeftOut.MERGED)
    return session.scalar(merged) or 0


def _waits_for_halted(session: Session, run: Run) -> bool:
    """Say whether a run that halted has messages for an instant of `run`."""
    halted = _select_twins(session, run, Run.id).where(Run.state.in_(_HALTED))
    waiting = (select(Delivery.id).where(Delivery.run_id.in_(halted), in_state(state)) for state in _WAITS)
    return any(session.scalar(each.limit(1)) is not None for each in waiting)


def _select_twins(session: Session, run: Run, *columns: Any) -> Select[Any]:
    """Select `columns` of the campaign's other runs that say the same and have people due at the same instants."""
    others = set(session.scalars(_select_at_same_time(run, Run.message_version)))
    # Hardly ever another version is among them: only then are the words of all of them read.
    alike = find_said_versions(session, run) if others - {run.message_version} else {run.message_version}
    return _select_at_same_time(run, *columns).where(Run.message_version.in_(alike))


def _select_at_same_time(run: Run, *columns: Any) -> Select[Any]:
    """Select `columns` of the campaign's other runs of its message that have people due at the same instants."""
    mine, theirs = aliased(RunZone), aliased(RunZone)
    same_message = Run.frozen["message_id"].as_integer() == int(run.frozen.get("message_id", 0))
    return (
        select(*columns)
        .join(theirs, theirs.run_id == Run.id)
        .join(mine, and_(_is_same_time(mine, theirs), mine.run_id == run.id))
        .where(Run.campaign_id == run.campaign_id, Run.id != run.id, Run.schedule_id.is_not(None), same_message)
        .distinct()
    )


def _is_same_time(mine: Any, theirs: Any) -> ColumnElement[bool]:
    return and_(theirs.time_zone == mine.time_zone, theirs.country == mine.country, theirs.due_at == mine.due_at)
