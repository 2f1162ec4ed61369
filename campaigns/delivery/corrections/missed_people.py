"""People on hold got a wrong message and no correction: a member settles the hold and tells them.

A hold keeps a correction away, since it may have been a stop. Whom it keeps it from still has the wrong number in
their hand, so they are listed: as long as the hold is open, and after a member ended it, because nothing is sent
anew. The few people on hold are looked up among the messages, never the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, select
from sqlalchemy.orm import Session, aliased

from campaigns.audience.models import Address, AddressState, Consent, ConsentKind
from campaigns.delivery.fanout.correction_recipients import find_wrong_runs, may_have_got, was_corrected_with
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.planning.models import Campaign, Run
from campaigns.staff.queries import owned

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Missed:
    """A contact whom a correction did not reach; `is_held`: whose hold nobody has settled."""

    contact_id: int
    is_held: bool


@dataclass(frozen=True, slots=True)
class MissedPage:
    """One page of them, by contact id."""

    people: list[Missed]
    #: Contact id after which the next page begins, or None.
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Missing:
    """A correction that people on hold missed."""

    run_id: int
    campaign: str
    people: int


def read_missed(session: Session, correction: Run, *, after: int = 0) -> MissedPage:
    """Read a page of the contacts whom a correction missed for a hold, those behind the contact `after`."""
    wrong = find_wrong_runs(session, session.get_one(Run, correction.corrects_id))
    missed = (Address.contact_id > after, _got(Delivery.run_id.in_(wrong)), ~_is_corrected(correction.id))
    found = dict[int, bool]()
    # Whoever is on hold again counts as on hold.
    for people, is_held in ((_released_since(correction), False), (_held(correction.organisation_id), True)):
        ids = people.where(*missed).distinct().order_by(Address.contact_id).limit(PER_PAGE + 1)
        found |= dict.fromkeys(session.scalars(ids), is_held)
    shown = sorted(found)[:PER_PAGE]
    return MissedPage([Missed(each, found[each]) for each in shown], shown[-1] if len(found) > PER_PAGE else None)


def count_missing(session: Session, organisation_id: int, *, limit: int) -> list[Missing]:
    """Return the corrections that people missed who are on hold now, the newest first."""
    correction, first, wrong = aliased(Run), aliased(Run), aliased(Run)
    rows = (
        _held(organisation_id)
        .with_only_columns(correction.id, Campaign.name, func.count(Address.contact_id.distinct()))
        .join(correction, correction.organisation_id == Address.organisation_id)
        .join(Campaign, Campaign.id == correction.campaign_id)
        .join(first, first.id == correction.corrects_id)
        .join(wrong, was_corrected_with(wrong, first))
        .where(_got(Delivery.run_id == wrong.id), ~_is_corrected(correction.id))
        .group_by(correction.id, Campaign.name)
        .order_by(correction.id.desc())
        .limit(limit)
    )
    return [Missing(*row) for row in session.execute(rows)]


def _held(organisation_id: int) -> Select[int]:
    """Select the contacts on hold; the state is written out, so that its partial index applies."""
    is_held: ColumnElement[bool] = Address.state == literal_column(f"'{AddressState.HELD.value}'")
    return owned(select(Address.contact_id), Address, organisation_id).where(is_held)


def _released_since(correction: Run) -> Select[int]:
    """Select the contacts whose hold a member ended after the correction was made."""
    return (
        owned(select(Address.contact_id), Address, correction.organisation_id)
        .join(Consent, Consent.address_id == Address.id)
        .where(Consent.kind == ConsentKind.RELEASED, Consent.recorded_at > correction.created_at)
        .where(Address.state.in_((AddressState.ACTIVE, AddressState.PENDING)))
    )


def _got(of_runs: ColumnElement[bool]) -> ColumnElement[bool]:
    """Match addresses to which one of the wrong runs wrote."""
    got = and_(Delivery.contact_id == Address.contact_id, Delivery.address_id == Address.id)
    return select(Delivery.id).where(of_runs, got, may_have_got()).exists()


def _is_corrected(correction_id: Any) -> ColumnElement[bool]:
    """Match contacts who have the correction or will get it; a hold that came before its call suppressed it."""
    own = aliased(Delivery)
    theirs = and_(own.run_id == correction_id, own.contact_id == Address.contact_id)
    return select(own.id).where(theirs, own.send_state != SendState.SUPPRESSED).exists()
