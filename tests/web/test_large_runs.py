"""The page of a run that a worker counts follows it to its end, and what was counted earlier is no news."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, update

from campaigns.delivery.counts import LARGE_RUN
from campaigns.delivery.models import Delivery
from campaigns.delivery.monitoring.models import RunTally
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState
from campaigns.staff.models import Role
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_run
from tests.moments import standing_at
from tests.web.counting import count_runs, counting
from tests.web.pages import Pages


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite only: what a worker counts is counted on both databases."""
    return sqlite_engine


@pytest.fixture
def everything(waiting: Pages) -> FlaskClient:
    return waiting.client(waiting.member(*Role))


@pytest.fixture
def run(waiting: Pages) -> Run:
    """A run that is being sent, too large to be counted while a member waits."""
    with waiting.sessions.begin() as session:
        organisation = session.merge(waiting.ours)
        campaign = a_campaign(session, organisation, a_member(session, organisation))
        run = a_run(session, campaign, planned=LARGE_RUN + 1)
        for state in SendState:
            a_delivery(session, run, send_state=state, error="21614")
        return run


@pytest.mark.parametrize("sees_single_people", [True, False])
def test_page_that_is_open_shows_the_end_of_its_run(waiting: Pages, run: Run, sees_single_people: bool) -> None:
    """Who sees rounded numbers is shown them anew at the next minute, and waits for them."""
    roles = [each for each in Role if sees_single_people or each is not Role.STEWARD]
    client, address = waiting.client(waiting.member(*roles)), f"/delivery/runs/{run.id}"

    def renewed_at(seconds: float) -> tuple[str, bool]:
        with standing_at(NOON + timedelta(seconds=seconds)):
            answer = client.get(f"{address}/progress")
            count_runs(waiting)
            return answer.text, "HX-Refresh" in answer.headers

    renewed_at(0)
    assert "hx-get" in renewed_at(1)[0]
    with waiting.sessions.begin() as session:
        session.execute(update(Run).values(state=RunState.DONE, finished_at=NOON + timedelta(seconds=2)))
        session.execute(update(Delivery).values(send_state=SendState.EXPIRED))
    page, is_over = renewed_at(3)
    assert "Waiting to be counted." in page
    assert not is_over
    page, is_over = renewed_at(4)
    assert ("hx-get" in page, is_over) == ((False, True) if sees_single_people else (True, False))
    page, is_over = renewed_at(62)
    assert is_over
    assert "hx-get" not in page


@pytest.mark.parametrize("address", ["/delivery", "/now/sending"])
def test_run_that_is_prepared_shows_how_far_it_was_when_it_was_counted(
    waiting: Pages, run: Run, everything: FlaskClient, address: str
) -> None:
    """It grows while it is prepared: what came since is not sent."""
    with waiting.sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=SendState.QUEUED))
        session.execute(update(Run).values(state=RunState.PLANNING))
    count_runs(waiting)
    with waiting.sessions.begin() as session:
        session.execute(update(Run).values(planned=10 * run.planned))
    assert f'<progress max="{run.planned}"' in everything.get(address).text


def test_page_of_a_large_run_reads_once_what_is_kept_of_it(
    waiting: Pages, run: Run, everything: FlaskClient
) -> None:
    count_runs(waiting)
    with counting(waiting, re.compile("FROM run_tally")) as found:
        everything.get(f"/delivery/runs/{run.id}")
    assert len(found) == 1


def test_late_comparison_is_waited_for(waiting: Pages, run: Run, everything: FlaskClient) -> None:
    checks = f"/delivery/runs/{run.id}/checks"
    with waiting.sessions.begin() as session:
        session.execute(update(Run).values(state=RunState.DONE, finished_at=NOON))

    def checked_at(seconds: int) -> str:
        with standing_at(NOON + timedelta(seconds=seconds)):
            page = everything.get(checks, headers={"HX-Request": "true"}).text
            count_runs(waiting)
            return page

    assert "hx-get" in checked_at(0)
    assert "hx-get" not in checked_at(1)
    old = checked_at(200)
    assert "are being compared" in old
    assert "No message was accepted twice" in old
    assert "hx-get" in old
    assert "hx-get" not in checked_at(201)


def test_worker_that_found_something_is_heard_over_an_earlier_look(
    waiting: Pages, run: Run, everything: FlaskClient
) -> None:
    with waiting.sessions.begin() as session:
        session.execute(update(Run).values(planned=9))
    with standing_at(NOON):
        assert "No message was accepted twice" in everything.get(f"/delivery/runs/{run.id}/checks").text
    with waiting.sessions.begin() as session:
        session.add(RunTally(run_id=run.id, doubled=2, compared_at=NOON + timedelta(minutes=1)))
    with standing_at(NOON + timedelta(minutes=2)):
        assert "2 messages were accepted by the provider more than once." in everything.get("/delivery").text


def test_count_that_is_waited_for_long_says_so(waiting: Pages, run: Run, everything: FlaskClient) -> None:
    address = f"/delivery/runs/{run.id}"
    with standing_at(NOON):
        everything.get(address)
        count_runs(waiting)
    for seconds, is_long in ((20, False), (200, True)):
        with standing_at(NOON + timedelta(seconds=seconds)):
            assert ("It has waited since" in everything.get(address).text) is is_long
