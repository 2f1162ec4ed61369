"""Who is one person in the figures of several organisations: whose phone it is says so, on any channel."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Subquery, case, func, select

from campaigns.audience.consent.models import PairedHandle
from campaigns.audience.models import Address, Channel

#: Which address of a person the same person has elsewhere: the first of these that they have.
_KNOWN_BY = (Channel.SMS, Channel.WHATSAPP, Channel.TELEGRAM)


def select_same_person(organisation_ids: Sequence[int] | None = None) -> Subquery:
    """Select for each contact, of some organisations or all, the hash by which the same person is known elsewhere.

    What WhatsApp calls somebody stands for their number, where they were shown with both.
    """
    rank = case({channel: rank for rank, channel in enumerate(_KNOWN_BY)}, value=Address.channel)
    turn = func.row_number().over(partition_by=Address.contact_id, order_by=rank)
    # A row of an earlier version may not have its number's hash yet.
    person = func.coalesce(PairedHandle.number, Address.number, Address.lookup).label("lookup")
    ranked = select(Address.contact_id, person, turn.label("turn")).outerjoin(
        PairedHandle, PairedHandle.lookup == Address.number
    )
    if organisation_ids is not None:
        ranked = ranked.where(Address.organisation_id.in_(organisation_ids))
    first = ranked.subquery("ranked")
    return select(first.c.contact_id, first.c.lookup).where(first.c.turn == 1).subquery("same")
