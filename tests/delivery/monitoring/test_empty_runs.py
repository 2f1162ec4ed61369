"""A run that ended without a message says what left people out, as far as a member may know, and where to look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from campaigns.audience.rules import LeftOut
from campaigns.core import clock
from campaigns.delivery.models import RunLeftOut
from campaigns.delivery.monitoring.empty_runs import find_empty_runs
from campaigns.delivery.states import SendState
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.staff.models import Role
from tests.factories import a_campaign, a_contact, a_delivery, a_run, a_schedule
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

Clients = Callable[..., FlaskClient]
EMPTY, FEW = "the audience means nobody.", "or too few people to say"


def an_empty_run(pages: Pages, campaign: Campaign | None = None, **changes: Any) -> Run:
    """A run that ended a moment ago without a message; `left_out` are people by reason."""
    left_out = changes.pop("left_out", {})
    values = {"state": RunState.DONE, "finished_at": clock.now()} | changes
    member = pages.member()
    with pages.sessions.begin() as session:
        campaign = campaign or a_campaign(session, pages.ours, member)
        run = a_run(session, session.merge(campaign), **values)
        for reason, people in left_out.items():
            session.add(RunLeftOut(run_id=run.id, reason=reason, region_id=0, language="uk", people=people))
        return run


def page_of(client: FlaskClient, run: Run) -> str:
    return client.get(f"/delivery/runs/{run.id}").text


def test_chief_reason_is_told_with_where_to_look(pages: Pages, client_for: Clients) -> None:
    run = an_empty_run(pages, left_out={LeftOut.NO_TRANSLATION: 21, LeftOut.OPTED_OUT: 40})
    steward, author = client_for(Role.STEWARD), client_for(Role.AUTHOR)
    for client, where in ((steward, "/audience/contacts"), (author, f"/campaigns/{run.campaign_id}")):
        page = page_of(client, run)
        assert "What left out most people of the audience: Opted out." in page
        assert f'<a class="target" href="{where}">See the' in page
        assert "No message was made in this run." not in page
        assert "What left out most people of the audience: Opted out." in client.get("/").text


@pytest.mark.parametrize(("people", "told"), [(0, EMPTY), (3, "audience: No text in a language they read")])
def test_few_people_are_told_of_to_data_managers_alone(
    pages: Pages, client_for: Clients, people: int, told: str
) -> None:
    run = an_empty_run(pages, left_out={LeftOut.NO_TRANSLATION: people} if people else {})
    assert told in page_of(client_for(Role.STEWARD), run)
    for page in (page_of(author := client_for(Role.AUTHOR), run), author.get("/").text):
        assert FEW in page
        assert told not in page


def test_messages_that_none_took_are_told_by_what_became_of_them(pages: Pages, client_for: Clients) -> None:
    run = an_empty_run(pages, planned=2)
    with pages.sessions.begin() as session:
        run = session.merge(run)
        for state in (SendState.EXPIRED, SendState.EXPIRED, SendState.SUPPRESSED):
            a_delivery(session, run, contact_id=a_contact(session, pages.ours).id, send_state=state)
    page = page_of(client_for(Role.STEWARD), run)
    assert "Nobody got a message. What became of most of them: " in page
    assert f"/delivery/runs/{run.id}/deliveries?state=expired" in page
    # For few people that would tell what became of each.
    assert "Nobody got a message" not in page_of(client_for(Role.AUTHOR), run)


@pytest.mark.both_databases
def test_last_empty_run_of_each_campaign_is_found(pages: Pages) -> None:
    member, now = pages.member(), clock.now()
    with pages.sessions.begin() as session:
        campaign = a_campaign(session, pages.ours, member)
        other = a_campaign(session, pages.theirs, member)
        again = a_schedule(session, campaign)
    first, last = an_empty_run(pages, campaign), an_empty_run(pages, campaign, left_out={"held": 1, "capped": 2})
    an_empty_run(pages, is_rehearsal=True)
    an_empty_run(pages, finished_at=now - timedelta(days=4))
    an_empty_run(pages, planned=1)
    an_empty_run(pages, other)
    an_empty_run(pages, state=RunState.STOPPED, schedule=again)
    with pages.sessions() as session:
        found = find_empty_runs(session, pages.ours.id, since=now - timedelta(days=3), most=9)
    assert first.id < last.id
    assert [(run.id, list(left_out.items())) for run, left_out in found] == [
        (last.id, [("capped", 2), ("held", 1)])
    ]
