"""The worker takes the steps of each wait: every step is a row that is written once, whoever looks first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, literal, or_, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.processes.chores import do_for_each
from campaigns.core.settings import Settings
from campaigns.inbox.complaints.readers import readers_of
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.wait import began, waits, waits_over
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.duty.roster import Roster
from campaigns.inbox.duty.targets import STEPS, Step
from campaigns.inbox.duty.unreachable import load_unreachable
from campaigns.inbox.escalation.models import NOT_TAKEN, EscalationStep, EscalationSwitch, StepMail, StepTold
from campaigns.inbox.escalation.offer_mails import ask_deciders
from campaigns.inbox.escalation.on_call import find_partner
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

#: Steps of one kind that are taken at once; the others wait for the next look, and nobody more urgent for them.
MOST_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Reached:
    """A step, and how those conversations of an organisation are found that have reached it and not taken it."""

    step: Step
    urgency: Urgency
    found: Select[int]


def escalate(sessions: sessionmaker[Session], settings: Settings) -> int:
    """Take every step that is due and ask who decides on offers; return how many steps and offers these were.

    Nobody writes while there is none. What fails for one organisation is raised when the others' steps are taken.
    """
    now = clock.now()
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        waiting = session.scalars(_who_waits()).all()

    def climb(organisation_id: int) -> int:
        with sessions() as session:
            session.connection(execution_options={"read_only": True})
            organisation = session.get_one(Organisation, organisation_id)
            if not _is_due(session, organisation, settings, now):
                return 0
        with sessions.begin() as session:
            return len(take_steps(session, organisation, settings, now=now))

    told = "what waits in some organisations climbs no further"
    try:
        taken = do_for_each(waiting, climb, doing="escalating for organisation {}", told=told)
    finally:
        asked = ask_deciders(sessions, now=now)
    return taken + asked


def take_steps(
    session: Session, organisation: Organisation, settings: Settings, *, now: datetime
) -> Sequence[EscalationStep]:
    """Write down the steps that an organisation's conversations have reached by now; return those of this call.

    Where escalation is switched on, it is written down with each who is to be told of it by mail.
    """
    taken: list[EscalationStep] = []
    into = [EscalationStep.conversation_id, EscalationStep.organisation_id, EscalationStep.since]
    roster = load_roster(session, organisation, settings)
    switch = session.get(EscalationSwitch, organisation.id)
    for reached in _reached(organisation, roster, now):
        what = literal(reached.step.value), literal(now, began().type)
        rows = reached.found.with_only_columns(Conversation.id, Conversation.organisation_id, began(), *what)
        adding = insert_or(session, EscalationStep).from_select(
            [*into, EscalationStep.step, EscalationStep.taken_at],
            rows.order_by(Conversation.waiting_since, Conversation.id).limit(MOST_AT_ONCE),
        )
        # Two workers look at once: one of them writes the row.
        steps = session.scalars(adding.on_conflict_do_nothing().returning(EscalationStep)).all()
        if steps and switch is not None and switch.is_on:
            _tell(session, reached, steps, (roster, *_on_call(session, organisation, reached, settings)), now=now)
        taken += steps
    return taken


def _on_call(
    session: Session, organisation: Organisation, reached: Reached, settings: Settings
) -> Sequence[Roster]:
    """Return the roster of the partner on call where it is told with the lead, by mail that arrives."""
    if reached.step is not Step.LEAD or reached.urgency < Urgency.DANGER:
        return ()
    partner = find_partner(session, organisation.id)
    switch = session.get(EscalationSwitch, partner.id) if partner is not None else None
    if partner is None or switch is None or not switch.is_on:
        return ()
    return (load_roster(session, partner, settings),)


def _tell(
    session: Session,
    reached: Reached,
    steps: Sequence[EscalationStep],
    rosters: Sequence[Roster],
    *,
    now: datetime,
) -> None:
    """Write down who is to be told of steps of one kind: by the first roster, and whoever keeps duty by others."""
    which = select(Conversation.id, Conversation.language).where(
        Conversation.id.in_([step.conversation_id for step in steps])
    )
    languages = {row.id: row.language for row in session.execute(which)}
    everybody = [member_id for roster in rosters for member_id in roster.readers]
    facts: Any = {"at": now, "unreachable": load_unreachable(session, everybody, now=now)}
    ours, *others = rosters
    members = {
        language: {
            *ours.told(reached.step, reached.urgency, language, **facts),
            *(each for other in others for each in other.told(Step.ALERT, reached.urgency, language, **facts)),
        }
        for language in {*languages.values()}
    }
    # Of a complaint about the team those are told who read it, at every step.
    reading = readers_of(session, list(languages))
    rows = [
        {"step_id": step.id, "member_id": member_id}
        for step in steps
        for member_id in sorted(
            reading.get(step.conversation_id, members.get(languages.get(step.conversation_id), ()))
        )
    ]
    if rows:
        session.execute(insert_or(session, StepTold).on_conflict_do_nothing(), rows)


def _who_waits() -> Select[int]:
    waits = exists().where(
        Conversation.organisation_id == Organisation.id, Conversation.waiting_since.is_not(None)
    )
    return select(Organisation.id).where(waits).order_by(Organisation.id)


def _is_due(session: Session, organisation: Organisation, settings: Settings, now: datetime) -> bool:
    roster = load_roster(session, organisation, settings)
    looks = (reached.found.limit(1) for reached in _reached(organisation, roster, now))
    return any(session.scalar(look) is not None for look in looks)


def _reached(organisation: Organisation, roster: Roster, now: datetime) -> Iterator[Reached]:
    groups = roster.groups()
    for urgency, steps in STEPS.items():
        before: Step | None = None
        for step, wait in steps:
            reasons = [waits_over(urgency, wait, groups, now=now)]
            if before is not None:
                reasons.append(and_(*waits(urgency, now=now), _told_nobody(before)))
            found = owned(select(Conversation.id), Conversation, organisation.id)
            yield Reached(step, urgency, found.where(or_(*reasons), ~_is_taken(step)))
            before = step


def _is_taken(step: Step) -> ColumnElement[bool]:
    return exists().where(*_of_this_wait(step))


def _told_nobody(step: Step) -> ColumnElement[bool]:
    """Match conversations of which members were to be told by a step, and no mail of it was taken."""
    told = exists().where(StepTold.step_id == EscalationStep.id)
    refused = told.where(StepTold.mail_id == StepMail.id, StepMail.state.in_(NOT_TAKEN))
    may_arrive = told.where(or_(StepTold.mail_id.is_(None), ~_failed()))
    return exists().where(*_of_this_wait(step), refused, ~may_arrive)


def _failed() -> ColumnElement[bool]:
    return exists().where(StepMail.id == StepTold.mail_id, StepMail.state.in_(NOT_TAKEN))


def _of_this_wait(step: Step) -> list[ColumnElement[bool]]:
    return [
        EscalationStep.conversation_id == Conversation.id,
        EscalationStep.since == began(),
        EscalationStep.step == step,
    ]
