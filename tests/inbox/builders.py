"""What people do at our senders, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.incoming.receivers import Account
from campaigns.inbox.models import Reply
from campaigns.inbox.service import receive_inbound
from campaigns.staff.models import Organisation

#: A person on Telegram, and the account of the bot they write to.
CHAT, BOT = "77001", "5550100"


def on_telegram(happening: Happening, provider_id: str = "5550100:1", **changes: Any) -> Inbound:
    values: dict[str, Any] = {"from_handle": CHAT, "to_handle": BOT, "text": "", "channel": "telegram"}
    return Inbound(provider_id=provider_id, happening=happening, **values | changes)


def receive(session: Session, vault: Vault, inbound: Inbound, **options: Any) -> Reply:
    """Hand over what has not been handed over before, and see everything as the database has it."""
    options.setdefault("account", came_over(session, "telegram", name=BOT))
    reply = receive_inbound(session, inbound, vault, **options)
    assert reply is not None
    session.flush()
    session.expire_all()
    return reply


def came_over(
    session: Session, gateway: str = "twilio", *, owners: Collection[int] | None = None, **facts: Any
) -> Account:
    """The account that something came over: without `owners` the only organisation's, or that of `Pages.ours`."""
    if owners is None:
        known = {row.slug: row.id for row in session.execute(select(Organisation.slug, Organisation.id))}
        owners = known.values() if len(known) == 1 else [known["ours"]] if "ours" in known else ()
    return Account(gateway, **{"name": "AC0", "secret_names": (), "owners": frozenset(owners)} | facts)
