"""Administrators switch escalation by mail on, once somebody has read a test mail; none of these verbs commits."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.folding import digits_of
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.inbox.duty.roster import Roster
from campaigns.inbox.duty.targets import STEPS, Step
from campaigns.inbox.escalation.models import EscalationSwitch
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff import audit

#: For so long the code of a test mail is good, and so many wrong ones end it.
CODE_LIVES, MOST_WRONG = timedelta(hours=1), 5
#: For so long a test mail that somebody read proves that mail arrives.
PROOF_LIVES = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class RehearsedStep:
    """What would happen at a moment, and who would be told."""

    at: datetime
    step: Step
    member_ids: Sequence[int]


def rehearse(
    roster: Roster, language: str | None, *, now: datetime, unreachable: Collection[int] = ()
) -> list[RehearsedStep]:
    """Return what would happen if somebody in danger wrote now and nobody answered."""
    steps = []
    for step, wait in STEPS[Urgency.DANGER]:
        at = wait.over(now, roster.hours(language)) or now
        told = sorted(roster.told(step, Urgency.DANGER, language, at=at, unreachable=unreachable))
        steps.append(RehearsedStep(at, step, told))
    return steps


def find_switch(session: Session, organisation_id: int) -> EscalationSwitch:
    """Return an organisation's switch; one that was never touched is off."""
    found = session.get(EscalationSwitch, organisation_id)
    return found or EscalationSwitch(organisation_id=organisation_id, is_on=False, wrong_codes=0)


def send_test(session: Session, organisation_id: int, settings: Settings, *, by: int) -> None:
    """Let a worker mail a code to the administrator who asks. Raises RefusedError where no server is set."""
    check_server(settings)
    switch = _hold(session, organisation_id)
    switch.code, switch.code_for_id = f"{secrets.randbelow(10**8):08}", by
    switch.code_made_at, switch.code_state, switch.wrong_codes = clock.now(), None, 0
    session.flush()
    _record(session, "escalation.test", switch, by=by)


def prove(session: Session, organisation_id: int, code: str, *, by: int) -> None:
    """Take the code of a test mail as the proof that mail arrives; the caller commits a wrong one, too.

    Raises InputError for a wrong code, RefusedError for one that is over.
    """
    switch = _hold(session, organisation_id)
    is_over = switch.code_made_at is None or switch.code_made_at < clock.now() - CODE_LIVES
    if switch.code is None or is_over or switch.wrong_codes >= MOST_WRONG:
        raise RefusedError(N_("No test mail waits for its code any more. Send another one."))
    if not secrets.compare_digest(digits_of(code), switch.code):
        raise InputError(N_("This is not the code of the last test mail."))
    switch.proved_at, switch.code, switch.code_state = clock.now(), None, None
    session.flush()
    _record(session, "escalation.prove", switch, by=by)


def note_wrong_code(session: Session, organisation_id: int) -> None:
    """Count a wrong code: a few of them end it."""
    _hold(session, organisation_id).wrong_codes += 1


def switch_on(session: Session, organisation_id: int, settings: Settings, *, by: int) -> None:
    """Tell members by mail from now on. Raises RefusedError before a test mail was read."""
    check_server(settings)
    switch = _hold(session, organisation_id)
    if not is_proved(switch):
        raise RefusedError(N_("Send a test mail and enter its code first: nobody knows yet whether mail arrives."))
    switch.is_on = True
    session.flush()
    _record(session, "escalation.switch_on", switch, by=by)


def is_proved(switch: EscalationSwitch) -> bool:
    """Say whether somebody read a test mail, and not long ago."""
    return switch.proved_at is not None and switch.proved_at > clock.now() - PROOF_LIVES


def switch_off(session: Session, organisation_id: int, *, by: int) -> None:
    """Tell members by mail no more; every page goes on telling them."""
    switch = _hold(session, organisation_id)
    switch.is_on = False
    session.flush()
    _record(session, "escalation.switch_off", switch, by=by)


def check_server(settings: Settings) -> None:
    """Raise RefusedError where no mail server is configured."""
    if not settings.smtp_url:
        raise RefusedError(N_("No mail server is configured. Whoever runs this system sets smtp_url."))


def _hold(session: Session, organisation_id: int) -> EscalationSwitch:
    facts = {"organisation_id": organisation_id, "is_on": False, "wrong_codes": 0}
    session.execute(insert_or(session, EscalationSwitch).values(**facts).on_conflict_do_nothing())
    return session.get_one(EscalationSwitch, organisation_id, with_for_update=True, populate_existing=True)


def _record(session: Session, action: str, switch: EscalationSwitch, *, by: int) -> None:
    audit.record(session, action, subject=switch, organisation_id=switch.organisation_id, member_id=by)
