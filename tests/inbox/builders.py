"""What people do at our senders, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.crypto import Vault
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.models import Reply
from campaigns.inbox.service import receive_inbound

#: A person on Telegram, and the account of the bot they write to.
CHAT, BOT = "77001", "5550100"


def on_telegram(happening: Happening, provider_id: str = "5550100:1", **changes: Any) -> Inbound:
    values: dict[str, Any] = {"from_handle": CHAT, "to_handle": BOT, "text": "", "channel": "telegram"}
    return Inbound(provider_id=provider_id, happening=happening, **values | changes)


def receive(session: Session, vault: Vault, inbound: Inbound, **options: Any) -> Reply:
    """Hand over what has not been handed over before, and see everything as the database has it."""
    reply = receive_inbound(session, inbound, vault, gateway="telegram", **options)
    assert reply is not None
    session.flush()
    session.expire_all()
    return reply
