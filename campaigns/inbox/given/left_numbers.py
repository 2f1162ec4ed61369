"""Answers that were left for whoever reported something without a name, and that name a number dead by now.

Nothing is sent to them: where they come by their code, a line beside the answer says not to rely on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, tuple_, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.directory.models import CheckOutcome, Service, ServiceCheck
from campaigns.inbox.conversations.models import Answer, LeftAnswerService

#: Answers of one transaction.
LEFT_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class LeftNumber:
    """A number that an answer named which was left in a report."""

    answer_id: int
    service_id: int
    conversation_id: int
    service: str


def load_left(session: Session) -> Sequence[LeftNumber]:
    """Return answers that were left and name a service whose number was found dead since."""
    rows = (
        select(Answer.id, Service.id, Answer.conversation_id, Service.name)
        .join(LeftAnswerService, LeftAnswerService.answer_id == Answer.id)
        .join(Service, Service.id == LeftAnswerService.service_id)
        .join(ServiceCheck, ServiceCheck.service_id == Service.id)
        .where(
            LeftAnswerService.died_at.is_(None),
            ServiceCheck.outcome != CheckOutcome.ANSWERS,
            ServiceCheck.recorded_at > LeftAnswerService.named_at,
        )
        .distinct()
    )
    return [LeftNumber(*row) for row in session.execute(rows.order_by(Answer.id, Service.id).limit(LEFT_AT_ONCE))]


def hold_left(session: Session, left: Sequence[LeftNumber]) -> Sequence[LeftNumber]:
    """Return those of these answers that nobody has marked, locked: another worker may have found them, too."""
    alive = select(LeftAnswerService.answer_id, LeftAnswerService.service_id)
    alive = alive.where(_is_among(left), LeftAnswerService.died_at.is_(None)).with_for_update()
    ordered = alive.order_by(LeftAnswerService.answer_id, LeftAnswerService.service_id)
    held = {(row.answer_id, row.service_id) for row in session.execute(ordered)}
    return [each for each in left if (each.answer_id, each.service_id) in held]


def mark_left(session: Session, left: Sequence[LeftNumber]) -> None:
    """Mark that they name a dead number, so that their readers are told and nobody waits for it again."""
    marking = update(LeftAnswerService).where(_is_among(left)).values(died_at=clock.now())
    session.execute(marking, execution_options={"synchronize_session": False})


def _is_among(left: Sequence[LeftNumber]) -> ColumnElement[bool]:
    keys = [(each.answer_id, each.service_id) for each in left]
    return tuple_(LeftAnswerService.answer_id, LeftAnswerService.service_id).in_(keys)
