"""The worker takes the steps of each wait: every step is a row that is written once, whoever looks first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, literal, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.settings import Settings
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.duty.duty_hours import DutyHours
from campaigns.inbox.duty.targets import STEPS, Step
from campaigns.inbox.escalation.models import EscalationStep
from campaigns.inbox.escalation.waits import began, waits_since
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
    for reached in _reached(organisation, settings, now):
        what = literal(reached.step.value), literal(now, began().type)
        rows = reached.found.with_only_columns(Conversation.id, Conversation.organisation_id, began(), *what)
        adding = insert_or(session, EscalationStep).from_select(
            [*into, EscalationStep.step, EscalationStep.taken_at], rows.order_by(Conversation.id)
        )
        # Two workers look at once: one of them writes the row.
        taken += session.scalars(adding.on_conflict_do_nothing().returning(EscalationStep))
    return taken


def _is_due(session: Session, organisation: Organisation, settings: Settings, now: datetime) -> bool:
    return any(
        session.scalar(reached.found.limit(1)) is not None for reached in _reached(organisation, settings, now)
    )


def _reached(organisation: Organisation, settings: Settings, now: datetime) -> Iterator[Reached]:
    hours = DutyHours.daily(settings.duty_from, settings.duty_until, organisation.time_zone)
    for urgency, steps in STEPS.items():
        for step, wait in steps:
            since = wait.over_since(now, hours)
            if since is None:
                continue
            found = owned(select(Conversation.id), Conversation, organisation.id)
            is_taken = exists().where(
                EscalationStep.conversation_id == Conversation.id,
                EscalationStep.since == began(),
                EscalationStep.step == step,
            )
            yield Reached(step, found.where(*waits_since(urgency, since, now=now), ~is_taken))
