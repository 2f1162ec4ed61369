"""A text that asks for a link leads to what our own pages say of its theme, where the plan names no other page."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.messages.filled_text import is_counted
from campaigns.messages.models import Message
from campaigns.messages.text.placeholders import asks_for
from campaigns.planning.models import Campaign


def counted_address(pages: str, code: str) -> str:
    """Return the counted address of the campaign `code`; `pages` is what addresses of our own pages begin with."""
    return f"{pages}/go/{code}"


def own_address(campaign: Campaign) -> str | None:
    """Return the link of a campaign if it is its own counted address."""
    return campaign.link if is_counted(campaign.link, campaign.code) else None


def default_link(session: Session, code: str, message_id: int, pages: str) -> str | None:
    """Return the counted address of the campaign `code` if its message asks for a link, else None.

    `pages` is what addresses of our own pages begin with; '' while they are closed to everybody.
    """
    message = session.get(Message, message_id) if pages else None
    is_asked = message is not None and any(asks_for(each.text, "link") for each in message.translations)
    return counted_address(pages, code) if is_asked else None
