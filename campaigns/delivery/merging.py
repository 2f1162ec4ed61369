"""Occurrences of a campaign that come to one instant: whoever gets the text by one run does not get it by another.

Quiet hours move every hour of a night to its end, and a gap of the clocks moves two hours to one. Each occurrence
still has its run, so that nothing is unexplained; who has the same text of another run due at that very instant is
left out of it and counted.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, select
from sqlalchemy.orm import Session, aliased

from campaigns.delivery.capping import CALLED
from campaigns.delivery.models import Delivery, RunZone
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState

#: States of a message that the person got, may have got or will get.
_COMES = (SendState.QUEUED, *CALLED)


def is_told_then(session: Session, run: Run, people: Table) -> ColumnElement[bool] | None:
    """Match those of `people` (of a fan-out) to whom another run says the same at the same instant; None: nobody.

    The zones of `run` must be written.
    """
    twins = _find_twins(session, run)
    if not twins:
        return None
    mine, theirs = aliased(RunZone), aliased(RunZone)
    same_zone = and_(mine.time_zone == people.c.time_zone, mine.country == people.c.number_country)
    return (
        select(Delivery.id)
        .join(theirs, theirs.run_id == Delivery.run_id)
        .join(mine, and_(_is_same_time(mine, theirs), mine.run_id == run.id, same_zone))
        .where(Delivery.run_id.in_(twins), Delivery.contact_id == people.c.contact_id)
        .where(Delivery.send_state.in_(_COMES))
        .correlate(people)
        .exists()
    )


def _find_twins(session: Session, run: Run) -> list[int]:
    """Return the campaign's other runs that say the same and have people due at the same instants."""
    if run.schedule_id is None:
        return []
    mine, theirs = aliased(RunZone), aliased(RunZone)
    same_words = and_(
        Run.message_version == run.message_version,
        Run.frozen["message_id"].as_integer() == int(run.frozen.get("message_id", 0)),
    )
    found = (
        select(Run.id)
        .join(theirs, theirs.run_id == Run.id)
        .join(mine, and_(_is_same_time(mine, theirs), mine.run_id == run.id))
        .where(Run.campaign_id == run.campaign_id, Run.id != run.id, Run.schedule_id.is_not(None), same_words)
        .where(Run.state != RunState.STOPPED)
        .distinct()
    )
    return list(session.scalars(found))


def _is_same_time(mine: Any, theirs: Any) -> ColumnElement[bool]:
    return and_(theirs.time_zone == mine.time_zone, theirs.country == mine.country, theirs.due_at == mine.due_at)
