"""The worker takes the steps of each wait: every step is a row that is written once, whoever looks first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, literal, or_, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.settings import Settings
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.wait import began, waits_over
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.duty.roster import Roster
from campaigns.inbox.duty.targets import STEPS, Step
from campaigns.inbox.escalation.models import EscalationStep
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Reached:
    """A step, and how those conversations of an organisation are found that have reached it and not taken it."""

    step: Step
    found: Select[int]


def escalate(sessions: sessionmaker[Session], settings: Settings) -> int:
    """Take every step that is due and return how many were taken; nobody writes while there is none."""
    now = clock.now()
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        waiting = session.scalars(_who_waits()).all()
        due = [organisation for organisation in waiting if _is_due(session, organisation, settings, now)]
    taken = 0
    for organisation in due:
        with sessions.begin() as session:
            taken += len(take_steps(session, organisation, settings, now=now))
    return taken


def _who_waits() -> Select[Organisation]:
    waits = exists().where(
        Conversation.organisation_id == Organisation.id, Conversation.waiting_since.is_not(None)
    )
    return select(Organisation).where(waits).order_by(Organisation.id)


def take_steps(
    session: Session, organisation: Organisation, settings: Settings, *, now: datetime
) -> Sequence[EscalationStep]:
    """Write down the steps that an organisation's conversations have reached by now; return those of this call."""
    taken: list[EscalationStep] = []
    into = [EscalationStep.conversation_id, EscalationStep.organisation_id, EscalationStep.since]
    for reached in _reached(organisation, load_roster(session, organisation, settings), now):
        what = literal(reached.step.value), literal(now, began().type)
        rows = reached.found.with_only_columns(Conversation.id, Conversation.organisation_id, began(), *what)
        adding = insert_or(session, EscalationStep).from_select(
            [*into, EscalationStep.step, EscalationStep.taken_at], rows.order_by(Conversation.id)
        )
        # Two workers look at once: one of them writes the row.
        taken += session.scalars(adding.on_conflict_do_nothing().returning(EscalationStep))
    return taken


def _is_due(session: Session, organisation: Organisation, settings: Settings, now: datetime) -> bool:
    roster = load_roster(session, organisation, settings)
    looks = (reached.found.limit(1) for reached in _reached(organisation, roster, now))
    return any(session.scalar(look) is not None for look in looks)


def _reached(organisation: Organisation, roster: Roster, now: datetime) -> Iterator[Reached]:
    groups = roster.groups()
    for urgency, steps in STEPS.items():
        for step, wait in steps:
            over = [waits_over(urgency, wait, group, now=now) for group in groups]
            is_taken = exists().where(
                EscalationStep.conversation_id == Conversation.id,
                EscalationStep.since == began(),
                EscalationStep.step == step,
            )
            is_over = or_(*(each for each in over if each is not None))
            found = owned(select(Conversation.id), Conversation, organisation.id)
            yield Reached(step, found.where(is_over, ~is_taken))
