"""The table of a run adds up: planned is the sum of its states, regions and languages are parts of the total."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.audience.rules import LeftOut
from campaigns.core import clock
from campaigns.delivery.models import RunLeftOut, RunText
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run, RunState
from campaigns.reach.counting.ladder import Rung
from campaigns.reach.counting.queries import (
    SETTLES_AFTER,
    RunTable,
    select_runs_to_count,
    table_of_run,
    totals_of_campaigns,
    totals_of_runs,
)
from campaigns.reach.counting.service import recount_run
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_region, a_run, add, an_organisation

pytestmark = pytest.mark.one_database

SENT = {"send_state": SendState.ACCEPTED}


@pytest.fixture
def run(session: Session) -> Run:
    organisation = an_organisation(session)
    return a_run(session, a_campaign(session, organisation, a_member(session, organisation)))


@pytest.fixture
def table(session: Session, run: Run) -> RunTable:
    """Seven people in two regions and none, and three who were left out."""
    poland, ukraine = a_region(session), a_region(session, code="UA-46", country="UA", name="Lviv")
    text = add(session, RunText(run_id=run.id, language="uk", body="x")).id
    here = {"region_id": poland.id, "text_id": text}
    a_delivery(session, run, **here, **SENT, receipt_state=ReceiptState.DELIVERED)
    a_delivery(session, run, **here, **SENT, receipt_state=ReceiptState.READ)
    a_delivery(session, run, **here, **SENT, receipt_state=ReceiptState.UNDELIVERED, receipt_error="30003")
    a_delivery(session, run, **here, send_state=SendState.FAILED, error="21614")
    a_delivery(session, run, **here, send_state=SendState.UNKNOWN)
    a_delivery(session, run, text_id=text, region_id=ukraine.id, send_state=SendState.SUPPRESSED)
    a_delivery(session, run, text_id=text, **SENT)
    for reason, people in ((LeftOut.OPTED_OUT, 2), (LeftOut.NO_ADDRESS, 1)):
        add(session, RunLeftOut(run_id=run.id, reason=reason, region_id=poland.id, language="uk", people=people))
    recount_run(session, run.id)
    return table_of_run(session, run)


def test_planned_is_the_sum_of_states(table: RunTable) -> None:
    for counts in (table.total, *(line.counts for line in table.regions), *table.by_language.values()):
        assert counts.planned == sum(counts.by_rung.values())
        assert counts.planned >= counts.accepted >= counts.delivered >= counts.read
    assert table.total.planned == 7


def test_regions_and_languages_are_parts_of_the_total(table: RunTable) -> None:
    for parts in ([line.counts for line in table.regions], list(table.by_language.values())):
        for figure in ("planned", "accepted", "delivered", "failed", "not_sent", "open", "all_left_out"):
            assert sum(getattr(counts, figure) for counts in parts) == getattr(table.total, figure)


def test_accepted_counts_what_failed_afterwards(table: RunTable) -> None:
    poland = table.regions[0].counts
    assert (poland.planned, poland.accepted, poland.delivered, poland.read) == (5, 3, 2, 1)
    assert poland.by_cause == {"21614": 1, "30003": 1}
    assert poland.left_out == {LeftOut.OPTED_OUT: 2, LeftOut.NO_ADDRESS: 1}


def test_unknown_region_comes_last(table: RunTable) -> None:
    assert [line.region and line.region.code for line in table.regions] == ["PL-18", "UA-46", None]


def test_uncounted_run_is_empty_not_wrong(session: Session, run: Run) -> None:
    table = table_of_run(session, run)
    assert (table.total.planned, table.regions, table.counted_at) == (0, [], None)


def test_totals_agree_with_the_table(session: Session, run: Run, table: RunTable) -> None:
    second = a_run(session, run.campaign)
    a_delivery(session, second, **SENT, receipt_state=ReceiptState.DELIVERED)
    recount_run(session, second.id)
    totals = totals_of_runs(session, [run, second])
    assert totals[run.id] == table.total
    (campaign,) = totals_of_campaigns(session, [run])
    assert (campaign.runs, campaign.planned, campaign.reached) == (2, 8, 3)


@pytest.mark.both_databases
def test_each_channel_is_reached_by_its_own_measure(session: Session, run: Run) -> None:
    a_delivery(session, run, **SENT)
    a_delivery(session, run, **SENT, receipt_state=ReceiptState.DELIVERED)
    for _ in range(3):
        a_delivery(session, run, **SENT, channel=Channel.TELEGRAM)
    recount_run(session, run.id)
    total = table_of_run(session, run).total
    assert (total.planned, total.accepted, total.delivered, total.reached) == (5, 5, 1, 4)
    assert totals_of_runs(session, [run])[run.id] == total


def test_campaigns_of_no_run_have_no_totals(session: Session, table: RunTable) -> None:
    assert totals_of_campaigns(session, []) == []


def test_runs_are_counted_while_they_move(session: Session, run: Run) -> None:
    def due(after: timedelta) -> bool:
        return run.id in session.scalars(select_runs_to_count(NOON + after, fresh_for=timedelta(seconds=15))).all()

    assert due(timedelta(0))
    with clock.running_on(lambda: NOON):
        recount_run(session, run.id)
    assert not due(timedelta(seconds=5))
    assert due(timedelta(hours=1))
    run.state, run.finished_at = RunState.DONE, NOON - 2 * SETTLES_AFTER
    session.flush()
    assert not due(timedelta(days=9))


def test_cancelled_people_stay_planned(session: Session, run: Run) -> None:
    a_delivery(session, run, send_state=SendState.CANCELLED)
    recount_run(session, run.id)
    counts = table_of_run(session, run).total
    assert (counts.planned, counts.not_sent) == (1, 1)
    assert counts.by_rung == {Rung.CANCELLED: 1}
