"""The cap finds who had as many messages lately as the instance allows, from all campaigns and organisations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union, union_all
from sqlalchemy.orm import Session, aliased

from campaigns.audience.consent.pairs import join_phone
from campaigns.audience.kept.counting import Row, Span, select_span
from campaigns.audience.models import Address
from campaigns.audience.walk import between
from campaigns.delivery.models import Delivery
from campaigns.delivery.one_person.shared_numbers import has_shared
from campaigns.delivery.states import SendState
from campaigns.planning.campaign_content import Cap
from campaigns.planning.models import Priority, Run, RunState
from campaigns.planning.queries import counts_as_reach

#: States of a message that was called for, and that the person got or may have got.
CALLED = (SendState.SENDING, SendState.ACCEPTED, SendState.UNKNOWN, SendState.UNCONFIRMED)
#: Names PostgreSQL's lock of all fan-outs that count.
_TURN = 0x636170


@dataclass(frozen=True, slots=True)
class Window:
    """Whose messages of which time a chunk counts."""

    #: Contact ids in (after, through]; None: no bound.
    after: int | None
    through: int | None
    #: Aware UTC.
    since: datetime
    now: datetime


def await_turn(session: Session, run_id: int) -> None:
    """Wait until no other fan-out counts messages, until the end of the transaction; SQLite has one writer anyway.

    Else two runs planned at the same moment would each count a person's messages without the other's, or both tell
    them the same. An urgent run waits, too: it is not capped, but others count what it sends, and another one of
    its campaign may be due at the same instant. What goes before all others is not held up. Called before the run
    is held, so that nobody who stops it waits too.
    """
    if session.get_bind().dialect.name == "postgresql" and _takes_turns(session, run_id):
        session.execute(select(func.pg_advisory_xact_lock(_TURN)))


def select_capped(
    session: Session, run: Run, cap: Cap, *, now: datetime, after: int, through: int
) -> Select[int] | None:
    """Select the ids, in (after, through], of contacts who had `cap.messages` or more; None: nobody can have.

    A person is a contact of the run's organisation together with the contacts of others who share an address of
    theirs. A rehearsal is capped like the real run, and never counted itself.
    """
    if run.priority > Priority.ORDINARY:
        return None
    window = Window(after=after, through=through, since=now - timedelta(days=cap.days), now=now)
    return _select_capped(session, run.organisation_id, cap, window, run_id=run.id)


def count_capped(session: Session, values: Mapping[str, Any], span: Span) -> Iterable[Row]:
    """Count those people of a question who a run of now would leave out, in one statement.

    By language, sender and country of their number; the question is `audience.kept.people_questions.ask_capped`.
    """
    cap = Cap(values["messages"], values["days"])
    since = span.now - timedelta(days=cap.days)
    window = Window(after=span.after, through=span.through, since=since, now=span.now)
    capped = _select_capped(session, span.organisation_id, cap, window)
    if capped is None:
        return []
    found = select_span(values, span).subquery("people")
    key = (found.c.language, found.c.sender_id, found.c.number_country)
    enough = select(*key, func.count()).where(found.c.reason.is_(None), found.c.contact_id.in_(capped))
    return (tuple(row) for row in session.execute(enough.group_by(*key)))


def _select_capped(
    session: Session, organisation_id: int, cap: Cap, window: Window, *, run_id: int | None = None
) -> Select[int] | None:
    """Select the ids of the window's contacts who had enough over all runs but `run_id`; None: nobody can have."""
    if not cap.messages:
        return None
    own, foreign = _open_runs(session, organisation_id, window.since, run_id=run_id)
    if not foreign and len(own) < cap.messages:
        return None
    counts = [_own_messages(own, window)]
    mine, same = aliased(Address), aliased(Address)
    if foreign:
        is_foreign = same.organisation_id != organisation_id
        counts.append(_messages_to_twins(mine, same, is_foreign, foreign, organisation_id, window))
    if own and has_shared(session, after=window.after, through=window.through):
        is_ours = and_(mine.is_shared, same.organisation_id == organisation_id, same.contact_id != mine.contact_id)
        counts.append(_messages_to_twins(mine, same, is_ours, own, organisation_id, window))
    found = union_all(*counts).subquery("lately")
    return (
        select(found.c.contact_id).group_by(found.c.contact_id).having(func.sum(found.c.messages) >= cap.messages)
    )


def _takes_turns(session: Session, run_id: int) -> bool:
    of_campaign = select(Run).where(Run.id == run_id, Run.priority < Priority.FIRST)
    run = session.scalar(of_campaign.where(Run.state == RunState.PLANNING, Run.is_rehearsal.is_(False)))
    return run is not None and (run.schedule_id is not None or bool(run.frozen.get("cap_messages")))


def _open_runs(
    session: Session, organisation_id: int, since: datetime, *, run_id: int | None
) -> tuple[list[int], list[int]]:
    """Return the ids of other runs that may have sent something since then: the organisation's, and others'."""
    was_open = or_(Run.finished_at.is_(None), Run.finished_at > since)
    others = select(Run.id, Run.organisation_id).where(
        was_open, Run.id != (run_id or 0), counts_as_reach(), Run.state != RunState.HELD
    )
    own: list[int] = []
    foreign: list[int] = []
    for other_id, owner_id in session.execute(others.order_by(Run.id)):
        (own if owner_id == organisation_id else foreign).append(other_id)
    return own, foreign


def _own_messages(runs: list[int], window: Window) -> Select[*tuple[Any, ...]]:
    """Select (contact_id, messages) within the organisation, along UNIQUE(run, contact)."""
    return (
        select(Delivery.contact_id, func.count().label("messages"))
        .where(_counted(runs, window), *between(Delivery.contact_id, window.after, window.through))
        .group_by(Delivery.contact_id)
    )


def _messages_to_twins(
    mine: Any, same: Any, are_twins: ColumnElement[bool], runs: list[int], organisation_id: int, window: Window
) -> Select[*tuple[Any, ...]]:
    """Select (contact_id, messages) that these runs sent to people of ours as other contacts, by their phones."""
    pairs = select(mine.contact_id, same.contact_id.label("twin_id")).select_from(mine)
    is_mine = (mine.organisation_id == organisation_id, *between(mine.contact_id, window.after, window.through))
    twins = union(*(each.where(*is_mine) for each in join_phone(pairs, mine, same, are_twins))).subquery()
    # Counted for each twin: joined, SQLite may read all deliveries of the runs for each chunk.
    messages = (
        select(func.count())
        .where(_counted(runs, window), Delivery.contact_id == twins.c.twin_id)
        .scalar_subquery()
    )
    return select(twins.c.contact_id, messages.label("messages"))


def _counted(runs: list[int], window: Window) -> ColumnElement[bool]:
    """Match messages of these runs that people got lately, or will get as long as they do not expire."""
    called = and_(Delivery.send_state.in_(CALLED), Delivery.intent_at > window.since)
    waits = and_(Delivery.send_state == SendState.QUEUED, Delivery.expires_at > window.now)
    return and_(Delivery.run_id.in_(runs), or_(called, waits))
