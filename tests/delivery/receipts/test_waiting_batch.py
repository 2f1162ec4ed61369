"""Two workers merge at once on PostgreSQL: each receipt counts once, and none is lost between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.database import make_sessions
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.receipts import merge
from campaigns.delivery.receipts.merge import apply_receipts, store
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.gateways.callbacks import StatusUpdate
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_run, an_organisation
from tests.postgres import empty_tables


@pytest.fixture
def told(postgres_engine: Engine) -> Iterator[sessionmaker[Session]]:
    """One message of which two receipts wait: it was sent, then delivered."""
    sessions = make_sessions(postgres_engine)
    with sessions.begin() as session:
        organisation = an_organisation(session)
        run = a_run(session, a_campaign(session, organisation, a_member(session, organisation)))
        reference = a_delivery(session, run, send_state=SendState.ACCEPTED).reference
        said = [StatusUpdate(reference, "SM1", status, None) for status in ("sent", "delivered")]
        store(session, said, gateway="twilio")
    yield sessions
    empty_tables(postgres_engine)


def outcome(sessions: sessionmaker[Session]) -> tuple[ReceiptState | None, list[tuple[str, bool]]]:
    """Return what the delivery says, and of each receipt whether it was merged."""
    with sessions() as session:
        receipts = session.scalars(select(Receipt).order_by(Receipt.id))
        found = [(row.status, row.applied_at is not None) for row in receipts]
        return session.scalars(select(Delivery.receipt_state)).one(), found


def test_what_another_worker_holds_is_left_to_it(told: sessionmaker[Session]) -> None:
    with told.begin() as one, told.begin() as other:
        assert [apply_receipts(one, 1), apply_receipts(other, 10)] == [1, 0]
    assert outcome(told) == (ReceiptState.SENT, [("sent", True), ("delivered", False)])


@pytest.mark.parametrize("taken", [1, 2])
def test_what_another_worker_merged_meanwhile_is_merged_once(
    told: sessionmaker[Session], postgres_engine: Engine, taken: int
) -> None:
    """The other one commits when this one has read what waits, and before it holds the delivery."""

    def merge_other() -> None:
        with told.begin() as other:
            assert apply_receipts(other, taken) == taken

    with told.begin() as session:
        connection = session.connection()
        with paused_before_it_locks(postgres_engine, connection.connection.dbapi_connection, merge_other):
            apply_receipts(session, 10)
    assert outcome(told) == (ReceiptState.DELIVERED, [("sent", True), ("delivered", True)])


INSERT_MANY = """
    INSERT INTO receipt (gateway, reference, provider_id, status, raw, received_at, applied_at)
    SELECT 'twilio', 'r' || n, 'SM' || n, 'sent', '{}', now(), now() FROM generate_series(1, 3000) AS n
"""


def test_a_long_queue_is_marked_by_its_places(postgres_engine: Engine) -> None:
    """PostgreSQL knows of a time when nothing waited; each place would be compared with all that waits now."""
    with make_sessions(postgres_engine)() as session:
        for statement in (INSERT_MANY, "ANALYZE receipt", "UPDATE receipt SET applied_at = NULL"):
            session.execute(text(statement))
        places = session.scalar(text("SELECT CAST(array_agg(ctid) AS text) FROM receipt WHERE applied_at IS NULL"))
        asked = list[Any]()
        event.listen(session.connection(), "before_cursor_execute", lambda *said: asked.append(said[2:4]))
        session.execute(merge._mark_applied(), {"places": places, "last_id": 10**9, "now": NOON})
        written, given = asked[0]
        plan = " ".join(map(str, session.connection().exec_driver_sql(f"EXPLAIN {written}", given)))
        assert "Tid Scan" in plan
        assert "ix_receipt_waiting" not in plan
        session.rollback()


@contextmanager
def paused_before_it_locks(engine: Engine, connection: Any, act: Callable[[], None]) -> Iterator[None]:
    """Let a connection's next statement take its snapshot, do an act, and let it go on: as a cursor does."""
    acts = [act]

    def execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        if cursor.connection is not connection or not acts:
            return False
        cursor.execute(f"DECLARE taking NO SCROLL CURSOR FOR {statement}", parameters)
        acts.pop()()
        cursor.execute("FETCH ALL FROM taking")
        return True

    event.listen(engine, "do_execute", execute)
    yield
    event.remove(engine, "do_execute", execute)
    assert not acts
