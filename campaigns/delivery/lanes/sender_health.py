"""The engine and receipts write here how senders fare, and over which account.

Only a member takes a sender out of its pause.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import SenderAccount
from campaigns.planning.models import Health, Sender

#: Why a sender is paused that this server cannot open: its credential is missing or not whole, or another
#: organisation's; anything else.
NO_CREDENTIAL, NOT_OWNED, NOT_OPENED = "no_credential", "not_owned", "not_opened"


def may_be_used() -> ColumnElement[bool]:
    """Match senders over which people may be written to: switched on, and not to be mended by a member."""
    return and_(Sender.active, Sender.health != Health.PAUSED)


def write_health(session: Session, sender_ids: Collection[int], health: Health, *, code: str) -> None:
    """Note how senders fare and the code behind it; those that are paused stay so."""
    session.execute(
        update(Sender)
        .where(Sender.id.in_(sender_ids), Sender.health.not_in((health, Health.PAUSED)))
        .values(health=health, health_code=code[:40], health_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def note_account(session: Session, line: Line, account: str) -> None:
    """Note that a line is served over an account of its provider from now on, unless it was before."""
    last = session.scalar(
        select(SenderAccount.account)
        .where(SenderAccount.sender_id == line.sender_id, SenderAccount.is_rehearsal == line.is_rehearsal)
        .order_by(SenderAccount.id.desc())
        .limit(1)
    )
    if account and last != account:
        session.add(
            SenderAccount(
                sender_id=line.sender_id, is_rehearsal=line.is_rehearsal, account=account, since=clock.now()
            )
        )
        session.flush()
