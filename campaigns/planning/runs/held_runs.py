"""An occurrence that is due does not start by itself where it differs from what was approved, or is in doubt."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns.continuity.latch import find_released
from campaigns.core.sentences import Count, People, Sentence
from campaigns.core.words import N_
from campaigns.messages.gates import COPIED, STILL_SAID, WITHDRAWN, about
from campaigns.messages.translations.withdrawals import find_withdrawal
from campaigns.messages.translations.withdrawn_copies import find_still_said, find_suspect
from campaigns.planning import queries
from campaigns.planning.gates.approved_numbers import (
    approved_numbers,
    as_approved,
    find_unapproved,
    numbers_reason,
)
from campaigns.planning.gates.assessment import Assessment
from campaigns.planning.models import Approval, Schedule

#: A run is held when more of its people than this share, or this many, were not in the approved audience.
MOST_STRANGERS_PERCENT = 5
MOST_STRANGERS = 500
LATE = N_("It is %(late)s minutes late; %(allowed)s are allowed. Is it still true and useful?")
OLD = N_("It was approved more than %(days)s days ago and never sent since. Is it still right?")
STRANGERS = N_(
    "Others than those of the approved audience would get it: %(strangers)s of %(people)s people were not in it."
)
RESTORED = N_("It was due before this system was restored from a backup. Was it sent already, before that?")
NOT_BEGUN = N_("It was stopped before it began, so its checks are asked again.")
CHANGED = N_("The campaign changed since it was approved. Have it approved again, then let this run start.")


def reason_to_hold(
    session: Session,
    schedule: Schedule,
    start: Assessment,
    approval: Approval | None,
    now: datetime,
    *,
    valid_days: int,
) -> Sentence | None:
    """Return why a due occurrence may not start by itself, or None when it may."""
    fire_at = schedule.next_fire_at
    if approval is None or approval.digest != as_approved(start.content, approval).digest:
        return Sentence(CHANGED)
    released_at = find_released(session)
    if fire_at is not None and released_at is not None and fire_at <= released_at:
        return Sentence(RESTORED)
    if fire_at is not None and now > fire_at + timedelta(minutes=schedule.grace_minutes):
        late = int((now - fire_at).total_seconds() // 60)
        return Sentence(LATE, {"late": Count(late), "allowed": Count(schedule.grace_minutes)})
    if now > approval.decided_at + timedelta(days=valid_days) and not queries.was_sent_since(session, approval):
        return Sentence(OLD, {"days": Count(valid_days)})
    if find_withdrawal(session, start.content.message_id, start.content.message_version) is not None:
        return Sentence(WITHDRAWN)
    said = find_still_said(session, start.content.message_id, start.content.texts)
    if said is not None and said.withdrawal.withdrawn_at >= approval.decided_at:
        return about(STILL_SAID, {}, said.languages)
    suspect = find_suspect(session, start.content.message_id)
    if suspect is not None and suspect.withdrawal.withdrawn_at >= approval.decided_at:
        return Sentence(COPIED, {"partner": suspect.partner})
    unapproved = find_unapproved(start, approved_numbers(approval))
    if unapproved:
        return numbers_reason(unapproved)
    strangers, people = start.tally.strangers, start.tally.people
    if strangers > MOST_STRANGERS or strangers * 100 > people * MOST_STRANGERS_PERCENT:
        return Sentence(STRANGERS, {"strangers": People.of(strangers), "people": People.of(people)})
    return start.faults if start.red else None
