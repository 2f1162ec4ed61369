"""Answers that were left for whoever reported something without a name, and that name a number dead by now.

Nothing is sent to them: where they come by their code, a line beside the answer says not to rely on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

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

    @property
    def key(self) -> tuple[int, int]:
        """Key of its row."""
        return self.answer_id, self.service_id


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
