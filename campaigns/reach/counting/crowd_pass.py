"""One pass over the deliveries of an organisation counts its people once, in each of its crowds.

What a delivery came to is worked out once, in a table that lives as long as the transaction. Whoever had one
message counts the same in every crowd and part, so all of them come from one grouping; the others are compared
crowd by crowd. `unique_people.py` has a statement for each crowd and part, which nightly comparisons use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session

from campaigns.audience.models import Contact
from campaigns.core.database import UTCDateTime
from campaigns.delivery.models import Delivery, RunText
from campaigns.inbox.models import Reply
from campaigns.places.models import Place, PlaceCell
from campaigns.planning.models import Run
from campaigns.reach.counting.unique_people import (
    CLIMB,
    ENGAGING,
    SENT,
    STAYING,
    Crowd,
    Measure,
    Part,
    count_by_turn,
    count_once,
    counts_for,
    height,
    select_engaged,
    sent_at,
)
from campaigns.reach.models import Scope

#: People of a crowd by part, key and measure.
Counts = Counter[tuple[Part, str | None, Measure]]
#: A row of people_reach.
Counted = dict[str, Any]

_COLUMNS = (
    *(("contact_id", BigInteger), ("campaign_id", BigInteger), ("period", String), ("channel", String)),
    *(("language", String), ("region_id", BigInteger), ("sent_at", UTCDateTime), ("delivery_id", BigInteger)),
    *(("height", Integer), ("reached", Integer)),
)
#: By what people who had one message are alike.
_ALIKE = ("campaign_id", "period", "region_id", "channel", "language", "height", "reached")


def count_crowds(session: Session, organisation_id: int, crowds: Sequence[Crowd]) -> dict[Crowd, list[Counted]]:
    """Return the rows of people_reach of crowds of one organisation, as its deliveries are now.

    The session ends by rolling back: what it writes lies in tables of its own.
    """
    steps, others = (_made(session, name) for name in ("crowd_step", "crowd_step_of_others"))
    _fill(session, steps, organisation_id, [crowd for crowd in crowds if crowd.period])
    counts: dict[Crowd, Counts] = {crowd: Counter() for crowd in crowds}
    _add_single(session, steps, counts)
    several = select(steps.c.contact_id).group_by(steps.c.contact_id).having(func.count() > 1)
    rows = select(steps).where(steps.c.contact_id.in_(several))
    session.execute(insert(others).from_select(others.c.keys(), rows))
    if session.scalar(select(others.c.contact_id).limit(1)) is not None:
        for crowd, found in counts.items():
            _add_others(session, others, crowd, found)
    is_anybody_heard = _has_replies(session, organisation_id)
    for crowd, found in counts.items():
        if crowd.scope is Scope.CAMPAIGN:
            _add(found, Part.PLACE, SENT, session.execute(_at_places(steps, crowd)))
        if is_anybody_heard:
            _add(found, Part.REGION, (Measure.ENGAGED,), session.execute(select_engaged(crowd)))
    return {crowd: _rows(crowd, found) for crowd, found in counts.items()}


def _made(session: Session, name: str) -> Table:
    table = Table(name, MetaData(), *(Column(*column) for column in _COLUMNS), prefixes=["TEMPORARY"])
    table.create(session.connection())
    return table


def _fill(session: Session, steps: Table, organisation_id: int, months: Sequence[Crowd]) -> None:
    """Write what each delivery of the organisation came to, and in which of the months."""
    period = case(*((and_(*month.holds(sent_at())), literal(month.period)) for month in months), else_="")
    values = {
        "contact_id": Delivery.contact_id,
        "campaign_id": Run.campaign_id,
        "period": period if months else literal(""),
        "channel": Delivery.channel,
        "language": func.coalesce(RunText.language, ""),
        "region_id": Delivery.region_id,
        "sent_at": sent_at(),
        "delivery_id": Delivery.id,
        "height": height(),
        "reached": counts_for(Measure.REACHED),
    }
    rows = (
        select(*(values[name] for name, _ in _COLUMNS))
        .select_from(Delivery)
        .join(Run, Run.id == Delivery.run_id)
        .outerjoin(RunText, RunText.id == Delivery.text_id)
        .where(Delivery.run_id.in_(Crowd(Scope.ORGANISATION, organisation_id).runs()))
    )
    session.execute(insert(steps).from_select(steps.c.keys(), rows))


def _add_single(session: Session, steps: Table, counts: dict[Crowd, Counts]) -> None:
    """Count those who had one message in all, who stand where it stands."""
    only = (func.max(steps.c[name]).label(name) for name in _ALIKE)
    single = select(*only).group_by(steps.c.contact_id).having(func.count() == 1).subquery("single")
    key = [single.c[name] for name in _ALIKE]
    for row in session.execute(select(*key, func.count().label("people")).group_by(*key)):
        measures = _measures_of(row)
        for crowd, found in counts.items():
            if _holds(crowd, row):
                for part, key_of_part in (
                    (Part.REGION, str(row.region_id)),
                    (Part.CHANNEL, row.channel),
                    (Part.LANGUAGE, row.language),
                ):
                    for measure in measures:
                        found[part, key_of_part, measure] += row.people


def _measures_of(row: Any) -> list[Measure]:
    reached = [Measure.REACHED] if row.reached else []
    return [Measure.PLANNED, *CLIMB[: row.height], *reached]


def _holds(crowd: Crowd, row: Any) -> bool:
    if crowd.scope is Scope.CAMPAIGN:
        return bool(row.campaign_id == crowd.scope_id)
    return not crowd.period or row.period == crowd.period


def _add_others(session: Session, others: Table, crowd: Crowd, found: Counts) -> None:
    """Count those who had several messages, each once."""
    steps = select(others).where(*_within(others, crowd)).subquery("step")
    _add(found, Part.REGION, SENT, session.execute(count_by_turn(steps)))
    for part, key in ((Part.CHANNEL, steps.c.channel), (Part.LANGUAGE, steps.c.language)):
        _add(found, part, SENT, session.execute(_once(key, steps.c, select(steps.c.contact_id))))


def _within(steps: Table, crowd: Crowd) -> list[ColumnElement[bool]]:
    if crowd.scope is Scope.CAMPAIGN:
        return [steps.c.campaign_id == crowd.scope_id]
    return [steps.c.period == crowd.period] if crowd.period else []


def _at_places(steps: Table, crowd: Crowd) -> Select[*tuple[Any, ...]]:
    """Count the people of a campaign at each hotspot and stop where they are."""
    rows = (
        select(steps.c.contact_id)
        .join(Contact, Contact.id == steps.c.contact_id)
        .join(PlaceCell, PlaceCell.cell == Contact.cell)
        .join(Place, and_(Place.id == PlaceCell.place_id, Place.organisation_id == Contact.organisation_id))
        .where(Place.kind.in_(STAYING), *_within(steps, crowd))
    )
    return _once(cast(PlaceCell.place_id, String), steps.c, rows)


def _once(key: ColumnElement[Any], step: Any, rows: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return count_once(key, rows, person=step.contact_id, height=step.height, reached=step.reached)


def _has_replies(session: Session, organisation_id: int) -> bool:
    theirs = select(Reply.id).join(Contact, Contact.id == Reply.contact_id)
    heard = theirs.where(Contact.organisation_id == organisation_id, Reply.kind.in_(ENGAGING)).limit(1)
    return session.scalar(heard) is not None


def _add(found: Counts, part: Part, measures: Sequence[Measure], rows: Iterable[Any]) -> None:
    for key, *people in rows:
        for measure, count in zip(measures, people, strict=True):
            found[part, key, measure] += count or 0


def _rows(crowd: Crowd, found: Counts) -> list[Counted]:
    of_crowd = {"scope": crowd.scope, "scope_id": crowd.scope_id, "period": crowd.period}
    return [
        of_crowd | {"part": part, "key": key, "measure": measure, "people": people}
        for (part, key, measure), people in found.items()
        if people
    ]
