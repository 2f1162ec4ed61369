"""A release reads true counts only here: each person once, where a delivery first reached them, or who wrote.

Nothing of what is read here may be shown, logged or stored before `disclose.py` has put noise on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, outerjoin, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.inbox.conversations.models import ConversationTheme
from campaigns.inbox.conversations.noting_themes import told_by_people
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.places.models import Region
from campaigns.planning.models import Run
from campaigns.planning.queries import counts_as_reach
from campaigns.reach.counting.ladder import REACHED, rung_of
from campaigns.reach.counting.same_person import select_same_person
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Group:
    """People whose first delivery of the period has the same region, channel and language."""

    #: None: nobody knows.
    region: str | None
    #: The region's parent.
    above: str | None
    country: str | None
    channel: str
    language: str
    people: int
    #: Of people who wrote: what about.
    theme: str = ""


def count_people(
    session: Session,
    *,
    organisation_ids: Sequence[int],
    start: datetime,
    end: datetime,
    campaign_id: int | None = None,
) -> Iterator[Group]:
    """Yield the people reached from `start` up to `end` (UTC), each counted once, perhaps in several groups a key.

    Several organisations count a person once who has the same phone or account with them, by its keyed hash.
    """
    runs = select(Run.id).where(Run.organisation_id.in_(organisation_ids), counts_as_reach())
    if campaign_id is not None:
        runs = runs.where(Run.campaign_id == campaign_id)
    is_joint = len(organisation_ids) > 1
    first = _first_reached(runs, start, end, organisation_ids if is_joint else ()).subquery("first")
    keys = (Region.code, Region.parent_code, Region.country, first.c.channel, func.coalesce(RunText.language, ""))
    grouped = (
        select(*keys, func.count())
        .select_from(first)
        .outerjoin(Region, Region.id == first.c.region_id)
        .outerjoin(RunText, RunText.id == first.c.text_id)
        .where(first.c.turn == 1)
        .group_by(*keys)
    )
    for row in session.execute(grouped):
        yield Group(*row)


def count_writers(session: Session, organisation_id: int, *, start: datetime, end: datetime) -> Iterator[Group]:
    """Yield the people who wrote to an organisation from `start` up to `end` (UTC), each counted once.

    That is under the first theme that was noted in the period, the gravest one of that day. Reports without a name
    are not counted: one person can send any number of them.
    """
    gravity = case({theme: rank for rank, theme in enumerate(Theme)}, value=ConversationTheme.theme)
    turn = func.row_number().over(
        partition_by=ConversationTheme.conversation_id, order_by=(ConversationTheme.on_day, gravity)
    )
    days = ConversationTheme.on_day >= start.date(), ConversationTheme.on_day < end.date()
    noted = select(ConversationTheme.region_id, ConversationTheme.theme, turn.label("turn"))
    noted = noted.where(*days, told_by_people())
    first = owned(noted, ConversationTheme, organisation_id).subquery("first")
    keys = (Region.code, Region.parent_code, Region.country, first.c.theme)
    grouped = (
        select(*keys, func.count())
        .select_from(first)
        .outerjoin(Region, Region.id == first.c.region_id)
        .where(first.c.turn == 1)
        .group_by(*keys)
    )
    for code, above, country, theme, people in session.execute(grouped):
        yield Group(code, above, country, "", "", people, theme)


def is_reached() -> ColumnElement[bool]:
    """Write what counts as reached (ladder.py) as SQL over a delivery, by asking it for every combination."""
    found = [
        f"{channel}/{sent}/{receipt or ''}"
        for channel, sent, receipt in product(Channel, SendState, (None, *ReceiptState))
        if rung_of(channel, None, send_state=sent, receipt_state=receipt) in REACHED[channel]
    ]
    receipt = func.coalesce(Delivery.receipt_state, "")
    return (Delivery.channel + "/" + Delivery.send_state + "/" + receipt).in_(found)


def _first_reached(
    runs: Select[int], start: datetime, end: datetime, joint_ids: Sequence[int]
) -> Select[*tuple[Any, ...]]:
    """Select the deliveries that reached somebody; `turn` is 1 for the first one of each person."""
    sent_at = func.coalesce(Delivery.intent_at, Delivery.due_at)
    columns = (Delivery.region_id, Delivery.channel, Delivery.text_id)
    reached = (Delivery.run_id.in_(runs), is_reached(), sent_at >= start, sent_at < end)
    if not joint_ids:
        turn = func.row_number().over(partition_by=Delivery.contact_id, order_by=(sent_at, Delivery.id))
        return select(*columns, turn.label("turn")).where(*reached)
    same = select_same_person(joint_ids)
    # Whose addresses are erased is nobody else.
    alone = case((same.c.lookup.is_(None), Delivery.contact_id), else_=0)
    turn = func.row_number().over(partition_by=(same.c.lookup, alone), order_by=(sent_at, Delivery.id))
    joined = outerjoin(Delivery, same, same.c.contact_id == Delivery.contact_id)
    return select(*columns, turn.label("turn")).select_from(joined).where(*reached)
