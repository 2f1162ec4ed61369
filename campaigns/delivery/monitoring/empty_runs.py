"""Runs that ended lately without a message to anybody, with what left people out."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from campaigns.delivery.models import RunLeftOut
from campaigns.delivery.monitoring.progress import select_runs
from campaigns.planning.models import EMPTY, Run
from campaigns.staff.queries import owned


def find_empty_runs(
    session: Session, organisation_id: int, *, since: datetime, most: int
) -> list[tuple[Run, dict[str, int]]]:
    """Return an organisation's runs that ended without a message since then, of each campaign the last one.

    With each come the people whom it left out, by reason, most first; the newest run comes first.
    """
    ended = text(EMPTY), Run.finished_at > since, Run.is_rehearsal.is_(False), Run.campaign_id.is_not(None)
    last = owned(select(func.max(Run.id)), Run, organisation_id).where(*ended).group_by(Run.campaign_id)
    runs = session.scalars(select_runs(organisation_id).where(Run.id.in_(last)).limit(most)).all()
    reasons = select(RunLeftOut.run_id, RunLeftOut.reason, func.sum(RunLeftOut.people).label("people"))
    reasons = reasons.where(RunLeftOut.run_id.in_([run.id for run in runs]))
    left_out: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for row in session.execute(
        reasons.group_by(RunLeftOut.run_id, RunLeftOut.reason).order_by(text("people DESC"))
    ):
        left_out[row.run_id][row.reason] = row.people
    return [(run, left_out[run.id]) for run in runs]
