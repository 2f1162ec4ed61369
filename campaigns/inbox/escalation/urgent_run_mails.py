"""Whoever is on duty is told by mail that an urgent run is under way: once each, and nothing of what it says.

Such a mail goes out like those about people who wait (`member_mails.py`), and to no more members than they do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from campaigns.core.database import insert_or
from campaigns.core.settings import Settings
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.duty.roster import Roster
from campaigns.inbox.duty.targets import Step
from campaigns.inbox.duty.unreachable import load_unreachable
from campaigns.inbox.escalation.models import EscalationSwitch, StepMail, UrgentRunTold
from campaigns.inbox.escalation.urgent_runs import select_urgent_runs
from campaigns.inbox.urgency.levels import Urgency
from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Run
from campaigns.staff.models import Organisation


def find_untold(session: Session, settings: Settings, now: datetime) -> Iterator[tuple[int, Run]]:
    """Yield the id of who is on duty and no mail tells of an urgent run of theirs, with the run."""
    switched_on = select(EscalationSwitch.organisation_id).where(EscalationSwitch.is_on)
    runs = session.scalars(select_urgent_runs(switched_on)).all()
    told = select(UrgentRunTold).where(UrgentRunTold.run_id.in_([run.id for run in runs]))
    known = {(row.run_id, row.member_id) for row in session.scalars(told)} if runs else set()
    duties = {each: _load_duty(session, each, settings, now) for each in {run.organisation_id for run in runs}}
    for run in runs:
        for member_id in _on_duty(run, *duties[run.organisation_id], now):
            if (run.id, member_id) not in known:
                yield member_id, run


def settle(session: Session, mail: StepMail, run_ids: Collection[int], *, now: datetime) -> bool:
    """Put urgent runs into a mail; say whether there was one of which no other mail tells its member."""
    rows = [{"run_id": each, "member_id": mail.member_id, "mail_id": mail.id, "told_at": now} for each in run_ids]
    added = insert_or(session, UrgentRunTold).on_conflict_do_nothing().returning(UrgentRunTold.run_id)
    return bool(session.scalars(added, rows).all())


def is_under_way() -> ColumnElement[bool]:
    """Match mails that tell of an urgent run that is still under way."""
    told = exists().where(UrgentRunTold.mail_id == StepMail.id, Run.id == UrgentRunTold.run_id)
    return told.where(Run.state.in_(IN_FLIGHT))


def is_of_run() -> ColumnElement[bool]:
    """Match mails that tell of urgent runs."""
    return exists().where(UrgentRunTold.mail_id == StepMail.id)


def tells_of_run(session: Session, mail: StepMail) -> bool:
    """Say whether a mail tells of urgent runs."""
    told = select(UrgentRunTold.run_id).where(UrgentRunTold.mail_id == mail.id)
    return session.scalar(told.limit(1)) is not None


def _load_duty(
    session: Session, organisation_id: int, settings: Settings, now: datetime
) -> tuple[Roster, Collection[int]]:
    """Return an organisation's roster, and whom of it no mail reaches."""
    roster = load_roster(session, session.get_one(Organisation, organisation_id), settings)
    return roster, load_unreachable(session, list(roster.readers), now=now)


def _on_duty(run: Run, roster: Roster, silent: Collection[int], now: datetime) -> list[int]:
    """Return the members who would be told of a conversation that waits, in whatever language of the run."""
    languages = run.frozen.get("texts") or {"": ""}
    told = {
        member_id
        for language in languages
        for member_id in roster.told(Step.ALERT, Urgency.DAY, language, at=now, unreachable=silent)
    }
    return sorted(told)
