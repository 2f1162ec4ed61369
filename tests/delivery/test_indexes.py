"""What a worker asks every few seconds, and what members look through, is found by an index."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import in_state
from campaigns.delivery.states import SendState
from tests.factories import NOON


def plan_of(session: Session, statement: Select[*tuple[Any, ...]]) -> str:
    """Return how the database would look for it."""
    dialect = session.get_bind().dialect
    explain = "EXPLAIN" if dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    if dialect.name == "postgresql":
        # What other tests left in the table and its statistics decides nothing here; it is back with the rollback.
        session.execute(text("TRUNCATE delivery"))
        session.execute(text("DELETE FROM pg_statistic WHERE starelid = 'delivery'::regclass"))
        # A table of a few rows is always read whole.
        session.execute(text("SET LOCAL enable_seqscan = off"))
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


def test_undelivered_ones_are_found_by_cause(session: Session) -> None:
    caused = select(Delivery.id).where(Delivery.run_id == 1, Delivery.receipt_error == "30003")
    assert "ix_delivery_undelivered" in plan_of(session, caused.order_by(Delivery.id).limit(50))
