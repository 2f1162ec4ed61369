"""Who was asked whether to go on and did not answer is left out of campaigns, unless the question never arrived.

Statements over sets: nobody's id is read.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import AskedContact, Consent, ConsentKind, Contact
from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY
from campaigns.delivery.fanout.correction_recipients import GOT
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run, RunState

#: Receipts of a message that did not arrive.
_LOST = (ReceiptState.FAILED, ReceiptState.UNDELIVERED)
#: States of a message that may arrive yet.
_MAY_COME = (SendState.CANCELLED, SendState.QUEUED, SendState.SENDING)
#: States of a run of which nothing more is sent, unless a member says so.
_OVER = (RunState.DONE, RunState.STOPPED)


def settle_questions(sessions: sessionmaker[Session], *, answer_days: int) -> int:
    """Leave out who did not answer in so many days, and let those be asked again who never got the question.

    Return how many people are left out from now on.
    """
    now = clock.now()
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if session.scalar(select(AskedContact.contact_id).limit(1)) is None:
            return 0
    with sessions.begin() as session:
        session.execute(delete(AskedContact).where(_is_lost()), execution_options=PAST_MEMORY)
        session.execute(delete(AskedContact).where(_agreed_since()), execution_options=PAST_MEMORY)
        kept = exists().where(AskedContact.contact_id == Contact.id)
        back = update(Contact).where(Contact.silent_since.is_not(None), ~kept)
        session.execute(back.values(silent_since=None), execution_options=PAST_MEMORY)
        asked = select(AskedContact.contact_id).where(_got_it(before=now - timedelta(days=answer_days)))
        silent = update(Contact).where(Contact.silent_since.is_(None), Contact.id.in_(asked))
        left_out = session.execute(silent.values(silent_since=now), execution_options=PAST_MEMORY)
        return int(left_out.rowcount)  # type: ignore[attr-defined]


def _theirs() -> ColumnElement[bool]:
    return and_(Delivery.run_id == AskedContact.run_id, Delivery.contact_id == AskedContact.contact_id)


def _arrived() -> ColumnElement[bool]:
    is_lost = Delivery.receipt_state.in_(_LOST)
    return and_(Delivery.send_state.in_(GOT), or_(Delivery.receipt_state.is_(None), ~is_lost))


def _got_it(*, before: object) -> ColumnElement[bool]:
    return exists().where(_theirs(), _arrived(), Delivery.intent_at < before)


def _is_lost() -> ColumnElement[bool]:
    """Match who did not get the question by a run that is over; what may come still is not asked twice."""
    over = exists().where(Run.id == AskedContact.run_id, Run.state.in_(_OVER))
    # A run that was stopped may go on, and its last calls end later; of one that is done some may be queued again.
    may_come = and_(Delivery.send_state.in_(_MAY_COME), Delivery.expires_at > clock.now())
    return and_(over, ~exists().where(_theirs(), or_(_arrived(), may_come)))


def _agreed_since() -> ColumnElement[bool]:
    return exists().where(
        Consent.contact_id == AskedContact.contact_id,
        Consent.kind == ConsentKind.GRANTED,
        Consent.given_at > AskedContact.asked_at,
    )
