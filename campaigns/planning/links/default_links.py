"""A text that asks for a link leads to what our own pages say of its theme, where the plan names no other page."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.messages.models import Message


def default_link(session: Session, code: str, message_id: int, pages: str) -> str | None:
    """Return the counted address of the campaign `code` if its message asks for a link, else None.

    `pages` is what addresses of our own pages begin with; '' while they are closed to everybody.
    """
    message = session.get(Message, message_id) if pages else None
    is_asked = message is not None and any("((link" in each.text for each in message.translations)
    return f"{pages}/go/{code}" if is_asked else None
