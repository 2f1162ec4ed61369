"""A version of a message that turned out wrong is withdrawn here, and one can ask whether it was.

Every page that shows a message's text to anybody outside asks here first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.messages.models import Message, MessageVersion, Withdrawal


def withdraw_version(
    session: Session, message: Message, version: int, *, by: int, reason: str, alike: Collection[int] = ()
) -> bool:
    """Withdraw one version of a message, with those that are `alike`; say whether it was not withdrawn before.

    Leaves no audit entry: it is part of a correction, which does.
    """
    known = set(session.scalars(select(Withdrawal.version).where(Withdrawal.message_id == message.id)))
    if version in known:
        return False
    values = {"member_id": by, "reason": reason, "withdrawn_at": clock.now()}
    wrong = sorted({version, *alike} - known)
    session.add_all(Withdrawal(message_id=message.id, version=each, **values) for each in wrong)
    session.flush()
    return True


def keep_withdrawn(session: Session, message: Message, before: int) -> None:
    """Withdraw a message's present version as the one `before` was, whose words it did not change."""
    kept = find_withdrawal(session, message.id, before)
    if kept is not None:
        values = {"member_id": kept.member_id, "reason": kept.reason, "withdrawn_at": kept.withdrawn_at}
        session.add(Withdrawal(message_id=message.id, version=message.version, **values))
        session.flush()


def find_saying(
    session: Session, message_id: int, texts: Mapping[str, Any], wordings: Mapping[str, Any]
) -> set[int]:
    """Return the kept versions of a message with these words, in each of their languages that they have.

    A version is raised by a text in any language, also by one that is not sent yet.
    """
    columns = (MessageVersion.version, MessageVersion.texts, MessageVersion.wordings)
    kept = session.execute(select(*columns).where(MessageVersion.message_id == message_id))
    return {
        version
        for version, said, own in kept
        if (shared := said.keys() & texts.keys())
        and all((said[each], own.get(each) or {}) == (texts[each], wordings.get(each) or {}) for each in shared)
    }


def find_withdrawal(session: Session, message_id: int, version: int) -> Withdrawal | None:
    """Return when and why a version was withdrawn, or None when it stands."""
    return session.get(Withdrawal, (message_id, version))


def is_withdrawn() -> ColumnElement[bool]:
    """Match messages whose present version was withdrawn."""
    here = (Withdrawal.message_id == Message.id, Withdrawal.version == Message.version)
    return select(Withdrawal.message_id).where(*here).correlate(Message).exists()
