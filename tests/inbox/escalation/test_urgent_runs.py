"""Every page of whoever answers asks for the urgent runs, so they are found without reading the others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from campaigns.inbox.escalation.urgent_runs import select_urgent_ids
from campaigns.planning.models import Priority
from tests.factories import a_campaign, a_member, a_run, an_organisation


def test_urgent_runs_are_found_by_an_index_of_theirs(session: Session) -> None:
    ours = an_organisation(session)
    campaign = a_campaign(session, ours, a_member(session, ours))
    urgent = a_run(session, campaign, priority=Priority.URGENT)
    a_run(session, campaign)
    connection, asked = session.connection(), list[Any]()
    event.listen(connection, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
    assert session.scalars(select_urgent_ids([ours.id])).all() == [urgent.id]
    written, given = asked[0]
    explain = "EXPLAIN QUERY PLAN"
    if connection.dialect.name == "postgresql":
        # What other tests left in the table and its statistics decides nothing here; it is back with the rollback.
        session.execute(text("TRUNCATE run CASCADE"))
        session.execute(text("DELETE FROM pg_statistic WHERE starelid = 'run'::regclass"))
        # A table of a few rows is always read whole.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN"
    plan = " ".join(str(row) for row in connection.exec_driver_sql(f"{explain} {written}", given))
    assert "ix_run_urgent" in plan
