"""PostgreSQL counts a run by going through its deliveries once, without putting them in an order."""

from __future__ import annotations

from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session

from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.reach.counting.service import select_counts
from tests.delivery.builders import a_running_run
from tests.factories import a_sender

PEOPLE = 2000


def test_deliveries_are_not_sorted_to_be_counted(postgres_engine: Engine, vault: Vault) -> None:
    with Session(postgres_engine) as session:
        run = a_running_run(session, vault, count=PEOPLE, sender=a_sender(session, identity="PLANNED"))
        session.execute(
            update(Delivery)
            .where(Delivery.run_id == run.id)
            .values(
                send_state=SendState.ACCEPTED, receipt_state=ReceiptState.DELIVERED, region_id=Delivery.id % 12
            )
        )
        session.execute(text("ANALYZE"))
        # What is sorted where there are many: as many groups as it expects here do not fit.
        session.execute(text("SET LOCAL work_mem = '64kB'"))
        written = select_counts(run.id).compile(
            dialect=postgres_engine.dialect, compile_kwargs={"literal_binds": True}
        )
        plan = [row[0] for row in session.execute(text(f"EXPLAIN {written}"))]
        session.rollback()
    assert not any("Sort" in step for step in plan), "\n".join(plan)
