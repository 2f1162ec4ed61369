"""What recurs without end is told to the audit trail at once, then once an hour with how often it happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.staff.audit import verify_chain
from campaigns.staff.models import AuditEntry, RecurringEvent
from campaigns.staff.recurring import TOLD_EVERY, Event, is_anything_due, note, tell_rest
from tests.factories import NOON, an_organisation

WRONG = Event("stranger.refuse_sign_in", "member", 0)


def told(session: Session) -> list[tuple[str, dict[str, object]]]:
    entries = session.execute(select(AuditEntry.action, AuditEntry.detail).order_by(AuditEntry.id))
    return [(action, detail) for action, detail in entries]


def test_first_one_is_told_at_once_and_the_rest_after_an_hour(session: Session) -> None:
    for minute in range(60):
        note(session, WRONG, now=NOON + timedelta(minutes=minute))
    assert told(session) == [(WRONG.action, {"times": 1})]
    note(session, WRONG, now=NOON + TOLD_EVERY)
    assert told(session)[1:] == [(WRONG.action, {"times": 60})]
    assert verify_chain(session) is None


def test_rest_is_told_although_it_never_happens_again(session: Session) -> None:
    for _ in range(3):
        note(session, WRONG, now=NOON)
    assert not is_anything_due(session, now=NOON + TOLD_EVERY - timedelta(seconds=1))
    assert is_anything_due(session, now=NOON + TOLD_EVERY)
    assert tell_rest(session, now=NOON + TOLD_EVERY) == 1
    assert told(session)[1:] == [(WRONG.action, {"times": 2})]
    assert not is_anything_due(session, now=NOON + 2 * TOLD_EVERY)
    assert tell_rest(session, now=NOON + 2 * TOLD_EVERY) == 0


def test_kinds_are_told_apart(session: Session) -> None:
    ours = an_organisation(session)
    page = replace(WRONG, organisation_id=ours.id, member_id=7, what="members.index")
    for event in (WRONG, page, replace(page, what="staff.audit_trail"), replace(page, member_id=8), page):
        note(session, event, now=NOON)
    assert len(told(session)) == 4
    entry = session.scalars(select(AuditEntry).where(AuditEntry.member_id == 7).order_by(AuditEntry.id)).first()
    assert entry is not None
    assert (entry.organisation_id, entry.detail) == (ours.id, {"times": 1, "what": "members.index"})


def test_kinds_that_ceased_are_forgotten(session: Session) -> None:
    note(session, WRONG, now=NOON)
    after = NOON + timedelta(days=1)
    assert is_anything_due(session, now=after)
    tell_rest(session, now=after)
    assert session.scalar(select(func.count()).select_from(RecurringEvent)) == 0
