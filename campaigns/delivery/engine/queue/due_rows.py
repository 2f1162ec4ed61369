"""Both databases ask in the same words which rows are due, and what becomes of each that is taken.

Statements are built once: SQLAlchemy then renders each a single time, and the partial index on queued rows is used
because the state is written into the statement instead of being bound.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
)

from campaigns.audience.consent.urgent_contacts import select_urgent_since
from campaigns.audience.models import REFUSALS, Address, AddressState, Consent, Contact
from campaigns.audience.rules import UNKNOWN_ZONE
from campaigns.core.database import UTCDateTime
from campaigns.delivery.member_phones import has_said_stop, sealed_number_at
from campaigns.delivery.models import (
    OPEN_CANARY,
    AnswerService,
    CanaryDelivery,
    Delivery,
    RunAnswer,
    RunCanary,
    RunQuiet,
    RunZone,
)
from campaigns.delivery.states import SendState
from campaigns.directory.models import Service
from campaigns.directory.queries import is_taken_back
from campaigns.planning.models import Priority, Run, RunState

#: Core tables, because the mapped classes cost time on every claim.
DELIVERY = cast(Table, Delivery.__table__)
ADDRESS = cast(Table, Address.__table__)
CONTACT = cast(Table, Contact.__table__)
RUN_ZONE = cast(Table, RunZone.__table__)
RUN_QUIET = cast(Table, RunQuiet.__table__)
RUN_CANARY = cast(Table, RunCanary.__table__)
CANARY_DELIVERY = cast(Table, CanaryDelivery.__table__)
#: Written into statements, so that the partial index on queued rows is seen to apply.
QUEUED: ColumnElement[str] = literal_column(f"'{SendState.QUEUED.value}'", String())
NOW: ColumnElement[datetime] = bindparam("now", type_=UTCDateTime())
HAS_RECEIPT = DELIVERY.c.receipt_id.is_not(None)


class TakenRow(NamedTuple):
    """A row that a claim took from the queue, or closed or put off at once, as its `state` says."""

    id: int
    state: str
    address_id: int
    text_id: int
    reference: str
    #: Calls begun so far; the one that this claim begins is counted.
    attempts: int
    expires_at: datetime
    #: The ciphertext of the address; in a rehearsal its keyed hash instead.
    hidden: bytes | None
    #: The country of the address, in a rehearsal only.
    country: str | None


def select_due(*columns: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Select the next due rows of a running run and a sender, with their addresses."""
    running = select(Run.id).where(Run.id == bindparam("run"), Run.state == RunState.RUNNING).exists()
    # Asked once a claim: as long as the canary of a run is open, nothing else of it is claimed.
    canary, ahead = RUN_CANARY.c, CANARY_DELIVERY.c
    watched = (
        select(canary.run_id).where(canary.run_id == bindparam("run"), canary.state.in_(OPEN_CANARY)).exists()
    )
    goes_ahead = DELIVERY.c.id.in_(select(ahead.delivery_id).where(ahead.run_id == bindparam("run")))
    return (
        select(*columns)
        .select_from(DELIVERY.outerjoin(ADDRESS, ADDRESS.c.id == DELIVERY.c.address_id))
        .where(DELIVERY.c.run_id == bindparam("run"), DELIVERY.c.sender_id == bindparam("sender"))
        .where(DELIVERY.c.send_state == QUEUED)
        .where(DELIVERY.c.id > bindparam("after"), DELIVERY.c.id <= bindparam("through"))
        .where(DELIVERY.c.due_at <= NOW, running, or_(~watched, goes_ahead))
        .order_by(DELIVERY.c.id)
        .limit(bindparam("limit"))
    )


def is_closed(*, is_answer: bool) -> ColumnElement[bool]:
    """Match rows whose address is not written to.

    What a run says by itself needs a consent, and waits for nobody who speaks with the team about a danger by now:
    it may have been queued again since. An answer was asked for, whatever was said before it: it is closed
    by a number that is dead, and by one refusal more than the ledger had when it was written; also when a
    helpline that it names was taken back, or ended, meanwhile.
    """
    if not is_answer:
        return or_(ADDRESS.c.state != AddressState.ACTIVE.value, _is_held_back())
    refused = (
        select(func.count(Consent.id))
        .where(Consent.address_id == ADDRESS.c.id, Consent.kind.in_(REFUSALS))
        .correlate(ADDRESS)
        .scalar_subquery()
    )
    known = select(RunAnswer.refusals).where(RunAnswer.run_id == bindparam("run")).scalar_subquery()
    named = select(AnswerService.service_id).join(Service).where(AnswerService.run_id == bindparam("run"))
    taken_back = named.where(is_taken_back()).exists()
    dead, stopped = ADDRESS.c.state == AddressState.INVALID.value, has_said_stop(DELIVERY.c.address_id)
    return or_(dead, refused > known, taken_back, stopped)


def _is_held_back() -> ColumnElement[bool]:
    """Match rows whose person speaks with the team about a danger, unless the run corrects something."""
    campaign = select(Run.id).where(Run.id == bindparam("run"), Run.corrects_id.is_(None)).exists()
    since = bindparam("urgent_since", type_=UTCDateTime())
    # Few are: they are read once a claim.
    return and_(campaign, DELIVERY.c.contact_id.in_(select_urgent_since(since)))


def next_state(closed: ColumnElement[Any], quiet_until: ColumnElement[Any]) -> ColumnElement[str]:
    """Return what becomes of a row that is taken: called, put off as it is, or `closed` at once."""
    return case(
        # Its provider has it, although we queued it again: an earlier call was accepted after all.
        (HAS_RECEIPT, SendState.ACCEPTED.value),
        (quiet_until.is_not(None), SendState.QUEUED.value),
        (DELIVERY.c.expires_at <= NOW, SendState.EXPIRED.value),
        (closed, SendState.SUPPRESSED.value),
        else_=SendState.SENDING.value,
    )


def end_of_quiet() -> ColumnElement[datetime]:
    """Return when quiet hours end for the person of a row that could be called; NULL: it is not quiet there.

    Nobody's zone is looked up while it is quiet in none of the run's. A number of a country that had nobody in its
    zone when the run was planned, because the person moved or another sender took over, goes by all of that zone.
    """
    quiet, zone = RUN_QUIET.c, RUN_ZONE.c
    time_zone, country = func.coalesce(CONTACT.c.time_zone, UNKNOWN_ZONE), func.coalesce(ADDRESS.c.country, "")
    is_now = and_(quiet.run_id == bindparam("run"), quiet.begins_at <= NOW, quiet.ends_at > NOW)
    waits = select(Run.id).where(Run.id == quiet.run_id, Run.priority < Priority.FIRST).exists()
    anywhere = select(quiet.run_id).where(is_now, waits).exists()
    is_planned = (
        select(zone.run_id)
        .where(zone.run_id == bindparam("run"), zone.time_zone == time_zone, zone.country == country)
        .correlate(CONTACT, ADDRESS)
        .exists()
    )
    until = (
        select(func.max(quiet.ends_at))
        .join_from(CONTACT, RUN_QUIET, quiet.time_zone == time_zone)
        .where(CONTACT.c.id == DELIVERY.c.contact_id, is_now, or_(quiet.country == country, ~is_planned))
        .correlate(DELIVERY, ADDRESS)
        .scalar_subquery()
    )
    could_be_called = and_(ADDRESS.c.state == AddressState.ACTIVE.value, DELIVERY.c.expires_at > NOW)
    return case((and_(anywhere, could_be_called), until))


def not_after_its_end(moment: ColumnElement[datetime]) -> ColumnElement[datetime]:
    """Return the moment, or when a delivery expires if that is sooner: the next claim closes it then."""
    return case((DELIVERY.c.expires_at < moment, DELIVERY.c.expires_at), else_=moment)


def hidden_columns(is_rehearsal: bool, is_answer: bool) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return what is read of an address: a rehearsal does not even read the handle."""
    if is_rehearsal:
        return ADDRESS.c.lookup, ADDRESS.c.country
    nothing = literal_column("NULL", String())
    if is_answer:
        # What has no contact goes to the phone of a member.
        return func.coalesce(ADDRESS.c.ciphertext, sealed_number_at(DELIVERY.c.address_id)), nothing
    return ADDRESS.c.ciphertext, nothing
