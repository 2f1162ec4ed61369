"""The pages of reach show exact totals to members, exact regions to stewards, and foreign runs to nobody."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from campaigns.audience.rules import LeftOut
from campaigns.delivery.models import RunLeftOut, RunText
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run
from campaigns.reach.counting.service import recount_run
from campaigns.staff.models import Organisation, Role
from tests.factories import a_campaign, a_delivery, a_member, a_region, a_run, add
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


Clients = Callable[..., FlaskClient]


def make_run(pages: Pages, owner: Organisation | None = None) -> Run:
    """A counted run: 24 people in Podkarpackie, 23 of them delivered to; 3 without a region; 21 left out."""
    with pages.sessions.begin() as session:
        owner = owner or pages.ours
        run = a_run(session, a_campaign(session, owner, a_member(session, owner), name="Papers"))
        region = a_region(session, names={"uk": "Підкарпатське"})
        text = add(session, RunText(run_id=run.id, language="uk", body="x")).id
        sent = {"text_id": text, "region_id": region.id, "send_state": SendState.ACCEPTED}
        for _ in range(23):
            a_delivery(session, run, **sent, receipt_state=ReceiptState.DELIVERED)
        a_delivery(session, run, **sent, receipt_state=ReceiptState.UNDELIVERED, receipt_error="30003")
        for _ in range(3):
            a_delivery(session, run, text_id=text)
        reason = LeftOut.NO_TRANSLATION
        add(session, RunLeftOut(run_id=run.id, reason=reason, region_id=region.id, language="ar", people=21))
        recount_run(session, run.id)
        return run


@pytest.mark.both_databases
def test_nothing_sent_says_what_comes(client_for: Clients) -> None:
    assert "Nothing has been sent yet." in client_for(Role.VIEWER).get("/reach/runs").text


def test_list_has_totals_of_runs_and_campaigns(pages: Pages, client_for: Clients) -> None:
    make_run(pages)
    page = client_for(Role.STEWARD).get("/reach/runs").text
    for figure in (">27<", ">24<", ">23 ", ">21<", "Messages counted as reached"):
        assert figure in page
    page = client_for(Role.VIEWER).get("/reach/runs").text
    for figure in (">30<", ">20<", ">20 "):
        assert figure in page
    for figure in (">27<", ">24<", ">23 ", ">21<"):
        assert figure not in page


def test_member_sees_rounded_totals_and_regions(pages: Pages, client_for: Clients) -> None:
    page = client_for(Role.VIEWER).get(f"/reach/runs/{make_run(pages).id}").text
    ladder, regions = page.split('id="regions-title"')
    assert ">30<" in ladder
    assert not re.search(r">27[ <]", ladder)
    assert "Rounded to tens" in regions
    assert "Podkarpackie: 20" in regions
    assert "Podkarpackie: 23" not in page


def test_steward_sees_exact_regions(pages: Pages, client_for: Clients) -> None:
    page = client_for(Role.STEWARD).get(f"/reach/runs/{make_run(pages).id}").text
    assert "Podkarpackie: 23" in page
    assert "The phone was off or out of reach: 1" in page
    assert "No text in a language they read: 21" in page


def test_map_has_a_name_and_patterns(pages: Pages, client_for: Clients) -> None:
    page = client_for(Role.STEWARD).get(f"/reach/runs/{make_run(pages).id}").text
    assert 'role="img" aria-labelledby="map-title map-description"' in page
    assert 'fill="url(#reach-step-2)"' in page
    assert " style=" not in page


def test_uncounted_run_says_so(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        run = a_run(session, a_campaign(session, pages.ours, a_member(session, pages.ours)))
    assert "Nothing is counted yet." in client_for(Role.VIEWER).get(f"/reach/runs/{run.id}").text


@pytest.mark.parametrize(("role", "figure"), [(Role.STEWARD, ',"24","23",'), (Role.ADMIN, ',"20","20",')])
def test_file_holds_what_the_page_shows(pages: Pages, client_for: Clients, role: Role, figure: str) -> None:
    answer = client_for(role).get(f"/reach/runs/{make_run(pages).id}/regions.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.data.startswith(b'\xef\xbb\xbf"region_code",')
    assert figure in answer.text


@pytest.mark.parametrize("page", ["", "/regions.csv"])
def test_foreign_run_is_not_there(pages: Pages, client_for: Clients, page: str) -> None:
    foreign = make_run(pages, pages.theirs)
    assert client_for(*Role).get(f"/reach/runs/{foreign.id}{page}").status_code == 404
