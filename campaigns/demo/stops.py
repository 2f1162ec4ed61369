"""Some people say stop while the run goes on, over every channel: by a word, or by blocking the bot."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Channel
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.demo import scenario
from campaigns.demo.sandbox_control import SandboxControl


def let_some_stop(control: SandboxControl, session: Session, vault: Vault, run_id: int) -> dict[Channel, int]:
    """Let people of a run say stop on each channel, and return how many did.

    Half of them have the message already, half wait for it at the end of the queue.
    """
    said: dict[Channel, int] = {}
    for facts in scenario.SENDERS:
        count = _share(session, run_id, facts.channel)
        received = [str(message["to"]) for message in control.accepted(facts.channel)[: count // 2]]
        waiting = _waiting(session, vault, run_id, facts.channel, limit=count - len(received))
        people = [*received, *(one for one in waiting if one not in received)]
        for person, act in zip(people, cycle(_acts(facts.channel, facts.identity)), strict=False):
            control.act(person, opt_out=True, **act)
        said[facts.channel] = len(people)
    return said


def _share(session: Session, run_id: int, channel: Channel) -> int:
    people = session.scalar(
        select(func.count(Delivery.id)).where(Delivery.run_id == run_id, Delivery.channel == channel)
    )
    return max(round((people or 0) * scenario.STOP_SHARE), scenario.FEWEST_STOPS)


def _waiting(session: Session, vault: Vault, run_id: int, channel: Channel, *, limit: int) -> list[str]:
    last = session.execute(
        select(Address.id, Address.ciphertext)
        .join(Delivery, Delivery.address_id == Address.id)
        .where(Delivery.run_id == run_id, Delivery.channel == channel)
        .order_by(Delivery.id.desc())
        .limit(limit)
    )
    return [
        scenario.PREFIXES[channel] + vault.open(sealed, table="address", column="ciphertext", row_id=address_id)
        for address_id, sealed in last
    ]


def _acts(channel: Channel, identity: str) -> list[dict[str, Any]]:
    if channel is Channel.TELEGRAM:
        return [act for word in scenario.STOP_WORDS for act in ({"text": word}, {"block": True})]
    return [{"to": scenario.PREFIXES[channel] + identity, "text": word} for word in scenario.STOP_WORDS]
