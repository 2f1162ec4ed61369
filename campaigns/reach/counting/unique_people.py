"""One statement for each part counts people once: in a campaign, a month, an organisation, the instance.

Nobody's row is kept. Only counts leave the database, and pages read only what is stored of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    select,
)

from campaigns.audience.models import Channel, Contact
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.models import Place, PlaceCell, PlaceKind
from campaigns.planning.models import Run
from campaigns.planning.queries import counts_as_reach
from campaigns.reach.counting.ladder import CAME_TO, REACHED, Rung, rung_of
from campaigns.reach.counting.same_person import select_same_person
from campaigns.reach.models import Scope


class Measure(StrEnum):
    """What people are counted for."""

    PLANNED = "planned"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    REACHED = "reached"
    #: Wrote back (no stop, no start), counted where they had their last message before it from.
    ENGAGED = "engaged"


class Part(StrEnum):
    """By what people of a scope are told apart."""

    #: Where the first delivery that reached them found them; the only parts that add up to the total.
    REGION = "region"
    CHANNEL = "channel"
    #: Of the text.
    LANGUAGE = "language"
    #: Hotspots and stops: who last said they were there.
    PLACE = "place"


#: By what is counted, for what, and the statement: its key, then people in the order of the measures.
Counting = tuple[Part, Sequence[Measure], Select[*tuple[Any, ...]]]
#: Measures that rest on deliveries.
SENT = tuple(measure for measure in Measure if measure is not Measure.ENGAGED)
#: Measures of which each includes the next: who read it was delivered to.
CLIMB = (Measure.ACCEPTED, Measure.DELIVERED, Measure.READ)
#: Replies that are engagement; the others say something about consent.
ENGAGING = (
    *(ReplyKind.TEXT, ReplyKind.HELP, ReplyKind.INFO, ReplyKind.YES),
    *(ReplyKind.LOCATION, ReplyKind.MOVED),
)
#: Places at which people are counted who stay there.
STAYING = (PlaceKind.HOTSPOT, PlaceKind.STOP)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Among whom people are counted once."""

    scope: Scope
    #: Campaign or organisation; 0: the instance.
    scope_id: int
    #: "2026-03"; '' for all time.
    period: str = ""

    def runs(self) -> Select[int]:
        """Select the runs that it is about; a rehearsal reached nobody."""
        runs = select(Run.id).where(counts_as_reach())
        if self.scope is Scope.CAMPAIGN:
            return runs.where(Run.campaign_id == self.scope_id)
        return runs if self.scope is Scope.INSTANCE else runs.where(Run.organisation_id == self.scope_id)

    def holds(self, moment: ColumnElement[datetime]) -> list[ColumnElement[bool]]:
        """Return the conditions on when a message was sent (UTC)."""
        if not self.period:
            return []
        year, month = map(int, self.period.split("-"))
        start = datetime(year, month, 1, tzinfo=UTC)
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        return [moment >= start, moment < end]


def sent_at() -> ColumnElement[datetime]:
    """Write when a delivery was (or is to be) sent."""
    return func.coalesce(Delivery.intent_at, Delivery.due_at)


@cache
def states_of(measure: Measure) -> tuple[str, ...]:
    """Return channel/send state/receipt state of every delivery that counts for a measure, by asking `rung_of`."""
    return tuple(
        f"{channel}/{sent}/{receipt or ''}"
        for channel, sent, receipt in product(Channel, SendState, (None, *ReceiptState))
        if rung_of(channel, None, send_state=sent, receipt_state=receipt) in _rungs(measure, channel)
    )


def _rungs(measure: Measure, channel: Channel) -> frozenset[Rung]:
    return REACHED[channel] if measure is Measure.REACHED else CAME_TO[Rung(measure.value)]


def counts_for(measure: Measure) -> ColumnElement[int]:
    """Write 1 for a delivery that counts for a measure, else 0."""
    return literal(1) if measure is Measure.PLANNED else case((_state().in_(states_of(measure)), 1), else_=0)


def _state() -> ColumnElement[Any]:
    return Delivery.channel + "/" + Delivery.send_state + "/" + func.coalesce(Delivery.receipt_state, "")


def height() -> ColumnElement[int]:
    """Write how high a delivery came: its place in CLIMB, or 0. Each measure of CLIMB holds for all before it."""
    found = [(_state().in_(states_of(measure)), at) for at, measure in enumerate(CLIMB, start=1)]
    return case(*reversed(found), else_=0)


def _people(best: Subquery) -> list[ColumnElement[int]]:
    """Write the people of each of SENT among rows that hold everybody's `height` and `reached` once."""
    heights = {
        measure: func.sum(case((best.c.height >= at, 1), else_=0)) for at, measure in enumerate(CLIMB, start=1)
    }
    all_ = heights | {Measure.PLANNED: func.count(), Measure.REACHED: func.sum(best.c.reached)}
    return [all_[measure] for measure in SENT]


def selects_of(crowd: Crowd) -> list[Counting]:
    """Return a statement for each part: its key, then the people of each measure in their order."""
    found: list[Counting] = [(Part.REGION, SENT, _by_region(crowd))]
    if crowd.scope is not Scope.INSTANCE:
        rows = _deliveries(crowd)
        texts = rows.outerjoin(RunText, RunText.id == Delivery.text_id)
        found.append((Part.CHANNEL, SENT, _by(cast(Delivery.channel, String), rows)))
        found.append((Part.LANGUAGE, SENT, _by(func.coalesce(RunText.language, ""), texts)))
        found.append((Part.REGION, (Measure.ENGAGED,), select_engaged(crowd)))
    if crowd.scope is Scope.CAMPAIGN:
        found.append((Part.PLACE, SENT, _by(cast(PlaceCell.place_id, String), _at_places(crowd))))
    return found


def _deliveries(crowd: Crowd) -> Select[*tuple[Any, ...]]:
    """Select the deliveries of a crowd."""
    return select(Delivery.id).where(Delivery.run_id.in_(crowd.runs()), *crowd.holds(sent_at()))


def _by_region(crowd: Crowd) -> Select[*tuple[Any, ...]]:
    """Count each person in one region for every measure, so that regions are parts of the total."""
    same = select_same_person() if crowd.scope is Scope.INSTANCE else None
    person: list[Any] = [Delivery.contact_id]
    if same is not None:
        # Whose addresses are erased is nobody else.
        person = [same.c.lookup, case((same.c.lookup.is_(None), Delivery.contact_id), else_=0)]
    reached = counts_for(Measure.REACHED)
    first = func.row_number().over(partition_by=person, order_by=(reached.desc(), sent_at(), Delivery.id))
    best = [
        func.max(each).over(partition_by=person).label(name)
        for name, each in (("height", height()), ("reached", reached))
    ]
    rows = select(Delivery.region_id, first.label("turn"), *best)
    rows = rows.where(Delivery.run_id.in_(crowd.runs()), *crowd.holds(sent_at()))
    if same is not None:
        rows = rows.outerjoin(same, same.c.contact_id == Delivery.contact_id)
    ranked = rows.subquery("ranked")
    counted = select(cast(ranked.c.region_id, String), *_people(ranked))
    return counted.where(ranked.c.turn == 1).group_by(ranked.c.region_id)


def _by(key: ColumnElement[Any], rows: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Count people once within each key; who stands under two keys counts under both."""
    return count_once(key, rows, person=Delivery.contact_id, height=height(), reached=counts_for(Measure.REACHED))


def count_once(
    key: ColumnElement[Any],
    rows: Select[*tuple[Any, ...]],
    *,
    person: Any,
    height: ColumnElement[int],
    reached: ColumnElement[int],
) -> Select[*tuple[Any, ...]]:
    """Count the people of some rows once within each key, by the highest that any of theirs came to."""
    whose = (key.label("key"), person)
    came_to = (func.max(height).label("height"), func.max(reached).label("reached"))
    best = rows.with_only_columns(*whose, *came_to, maintain_column_froms=True).group_by(*whose).subquery("best")
    return select(best.c.key, *_people(best)).group_by(best.c.key)


def count_by_turn(steps: Subquery) -> Select[*tuple[Any, ...]]:
    """Count people in the region of the first message that reached them, or else of their first one."""
    order = (steps.c.reached.desc(), steps.c.sent_at, steps.c.delivery_id)
    first = func.row_number().over(partition_by=steps.c.contact_id, order_by=order)
    best = [
        func.max(steps.c[name]).over(partition_by=steps.c.contact_id).label(name) for name in ("height", "reached")
    ]
    ranked = select(steps.c.region_id, first.label("turn"), *best).subquery("ranked")
    counted = select(cast(ranked.c.region_id, String), *_people(ranked))
    return counted.where(ranked.c.turn == 1).group_by(ranked.c.region_id)


def _at_places(crowd: Crowd) -> Select[*tuple[Any, ...]]:
    """Select the deliveries of a crowd once for each hotspot and stop at which their person is."""
    return (
        _deliveries(crowd)
        .join(Contact, Contact.id == Delivery.contact_id)
        .join(PlaceCell, PlaceCell.cell == Contact.cell)
        .join(Place, and_(Place.id == PlaceCell.place_id, Place.organisation_id == Contact.organisation_id))
        .where(Place.kind.in_(STAYING))
    )


def select_engaged(crowd: Crowd) -> Select[*tuple[Any, ...]]:
    """Count who wrote back, each once, in the region of the last message before their first reply."""
    ours = select(Run.id).where(counts_as_reach())
    if crowd.scope is Scope.CAMPAIGN:
        owner = select(Run.organisation_id).where(Run.campaign_id == crowd.scope_id)
        ours = ours.where(Run.organisation_id.in_(owner))
    else:
        ours = ours.where(Run.organisation_id == crowd.scope_id)
    latest = func.row_number().over(partition_by=Reply.id, order_by=(sent_at().desc(), Delivery.id.desc()))
    heard = (
        select(
            Reply.id.label("reply_id"),
            Reply.contact_id,
            Delivery.run_id,
            Delivery.region_id,
            sent_at().label("sent_at"),
            latest.label("turn"),
        )
        .join(Delivery, and_(Delivery.contact_id == Reply.contact_id, Delivery.run_id.in_(ours)))
        .where(Reply.kind.in_(ENGAGING), sent_at() <= Reply.received_at, counts_for(Measure.ACCEPTED) == 1)
        .subquery("heard")
    )
    turn = func.row_number().over(partition_by=heard.c.contact_id, order_by=heard.c.reply_id)
    answers = select(heard.c.region_id, turn.label("first"))
    answers = answers.where(heard.c.turn == 1, heard.c.run_id.in_(crowd.runs()), *crowd.holds(heard.c.sent_at))
    people = answers.subquery("people")
    return (
        select(cast(people.c.region_id, String), func.count())
        .where(people.c.first == 1)
        .group_by(people.c.region_id)
    )
