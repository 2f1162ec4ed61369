"""What a worker asks every few seconds, and what members look through, is found by an index."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import CompoundSelect, Select, event, func, select, text
from sqlalchemy.orm import Session

from campaigns.audience.consent.pairs import mark_paired
from campaigns.audience.consent.urgent_contacts import select_urgent, select_urgent_since
from campaigns.audience.models import Address, Contact
from campaigns.delivery.engine.ports import Result
from campaigns.delivery.engine.queue.results import writing
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import in_state
from campaigns.delivery.states import SendState
from tests.factories import NOON


def prepare(session: Session) -> str:
    """Make what the database will plan depend on its indexes alone; return its word for asking."""
    if session.get_bind().dialect.name == "postgresql":
        # What other tests left in the table and its statistics decides nothing here; it is back with the rollback.
        session.execute(text("TRUNCATE delivery"))
        session.execute(text("DELETE FROM pg_statistic WHERE starelid = 'delivery'::regclass"))
        # A table of a few rows is always read whole.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        return "EXPLAIN"
    return "EXPLAIN QUERY PLAN"


def plan_of(session: Session, statement: Select[*tuple[Any, ...]]) -> str:
    """Return how the database would look for it."""
    explain, dialect = prepare(session), session.get_bind().dialect
    written = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return " ".join(str(row) for row in session.execute(text(f"{explain} {written}")))


@pytest.mark.parametrize("state", [SendState.SENDING, SendState.UNKNOWN])
def test_doubtful_calls_are_found_by_index(session: Session, state: SendState) -> None:
    doubtful = select(Delivery.id).where(in_state(state), Delivery.intent_at < NOON)
    assert "ix_delivery_open" in plan_of(session, doubtful)


@pytest.mark.parametrize(
    "state", [SendState.FAILED, SendState.SUPPRESSED, SendState.EXPIRED, SendState.UNCONFIRMED]
)
def test_closed_ones_are_found_by_index(session: Session, state: SendState) -> None:
    closed = select(Delivery.id).where(Delivery.run_id == 1, in_state(state)).order_by(Delivery.id).limit(50)
    assert "ix_delivery_closed" in plan_of(session, closed)


@pytest.mark.parametrize("state", [state for state in SendState if state is not SendState.ACCEPTED])
def test_states_of_a_run_are_counted_by_indexes_without_what_went_well(session: Session, state: SendState) -> None:
    count = select(func.count()).where(Delivery.run_id == 1, in_state(state))
    assert re.search("ix_delivery_(queued|open|closed|cancelled)", plan_of(session, count))


def test_undelivered_ones_are_found_by_cause(session: Session) -> None:
    caused = select(Delivery.id).where(Delivery.run_id == 1, Delivery.receipt_error == "30003")
    assert "ix_delivery_undelivered" in plan_of(session, caused.order_by(Delivery.id).limit(50))


@pytest.mark.parametrize("state", [SendState.ACCEPTED, SendState.FAILED])
def test_results_find_their_rows_by_id(session: Session, state: SendState) -> None:
    # By the index of open calls each group would wade through what is left there of all that was sent before.
    connection, asked = session.connection(), list[Any]()
    event.listen(connection, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
    statement, rows = writing([Result(1, "t" * 32, state, 1)], connection.dialect.name)
    connection.execute(statement, {"rows": rows})
    written, given = asked[0]
    explain = prepare(session)
    plan = " ".join(str(row) for row in connection.exec_driver_sql(f"{explain} {written}", given))
    assert "ix_delivery_open" not in plan
    assert "pk_delivery" in plan or "INTEGER PRIMARY KEY" in plan


@pytest.mark.parametrize("urgent", [select_urgent_since(NOON), select_urgent(now=NOON, after=0, through=50_000)])
def test_who_shares_a_phone_with_somebody_in_danger_is_found_by_index(
    session: Session, urgent: CompoundSelect[int]
) -> None:
    # Asked with each claim and each chunk: nobody else's numbers may be read for it.
    plan = plan_of(session, select(Contact.id).where(Contact.id.in_(urgent)))
    # PostgreSQL, of so few, may go through all who share a number.
    assert re.search("ix_address_(number|is_shared)", plan)
    assert not re.search("Seq Scan on address|SCAN address", plan)
    assert not re.search("organisation_id=|contact_id>", re.sub("SEARCH urgent_contact [^']*", "", plan))


def test_who_has_a_handle_of_a_file_and_the_other_of_its_pair_is_found_by_index(session: Session) -> None:
    """A file of a million is looked up once, and not for each pair; nor is everybody read for one pair."""
    connection, asked = session.connection(), list[Any]()
    event.listen(connection, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
    mark_paired(session, select(Address.number).where(Address.organisation_id == 1, Address.id >= 1000))
    looked_up, given = asked[0]
    plan = " ".join(str(row) for row in connection.exec_driver_sql(f"{prepare(session)} {looked_up}", given))
    assert "ix_address_number" in plan
    assert not re.search("SubPlan|SCAN address|SEARCH address_[0-9]+ [^']*organisation_id=", plan)
