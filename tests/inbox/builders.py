"""What people do at our senders, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.incoming.receivers import Account
from campaigns.inbox.models import Reply
from campaigns.inbox.service import receive_inbound
from campaigns.staff.models import Organisation

#: A sender of ours and somebody who writes to it by SMS.
OURS, THEM = "+48500100100", "+380670000001"
#: A person on Telegram, and the account of the bot they write to.
CHAT, BOT = "77001", "5550100"


_numbers = count(1)


def write(
    session: Session, vault: Vault, organisation_id: int, text: str, *, options: Mapping[str, Any], **changes: Any
) -> Reply | None:
    """Let somebody write to an organisation, by SMS to `OURS` unless `changes` say otherwise of the message."""
    values: dict[str, Any] = {"from_handle": THEM, "to_handle": OURS, "channel": "sms"}
    values["provider_id"] = f"SM{next(_numbers):032}"
    inbound = Inbound(text=text, **values | changes)
    account = came_over(session, owners=[organisation_id])
    return receive_inbound(session, inbound, vault, account=account, **options)


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
