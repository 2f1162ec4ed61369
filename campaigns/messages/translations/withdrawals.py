"""A version of a message that turned out wrong is withdrawn here, and one can ask whether it was.

Every page that shows a message's text to anybody outside asks here first.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.messages.models import Message, Withdrawal


def withdraw_version(session: Session, message: Message, version: int, *, by: int, reason: str) -> bool:
    """Withdraw one version of a message; say whether it was not withdrawn before.

    Leaves no audit entry: it is part of a correction, which does.
    """
    if find_withdrawal(session, message.id, version) is not None:
        return False
    session.add(
        Withdrawal(message_id=message.id, version=version, member_id=by, reason=reason, withdrawn_at=clock.now())
    )
    session.flush()
    return True


def find_withdrawal(session: Session, message_id: int, version: int) -> Withdrawal | None:
    """Return when and why a version was withdrawn, or None when it stands."""
    return session.get(Withdrawal, (message_id, version))


def is_withdrawn() -> ColumnElement[bool]:
    """Match messages whose present version was withdrawn."""
    here = (Withdrawal.message_id == Message.id, Withdrawal.version == Message.version)
    return select(Withdrawal.message_id).where(*here).correlate(Message).exists()
