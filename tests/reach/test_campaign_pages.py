"""The pages of a campaign say each figure with its source, hide small regions, and take in what others report."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from campaigns.core import clock
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Campaign, Run
from campaigns.reach.counting.service import count_crowd, recount_run, replace_crowd
from campaigns.reach.counting.unique_people import Crowd
from campaigns.reach.imported.models import ImportedReach, ReachFile
from campaigns.reach.models import Scope
from campaigns.reach.outcomes.models import LinkDay, Outcome
from campaigns.staff.models import Organisation, Role
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_region, a_run, an_audience
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


Clients = Callable[..., FlaskClient]
ADVERTS = (
    "Campaign name,Region,Reporting starts,Reporting ends,Reach\n" + "A,Podkarpackie,2022-03-01,2022-03-31,4000\n"
)


def make_campaign(pages: Pages, **changes: Any) -> Campaign:
    """Two runs that wrote to the same 24 people in Podkarpackie; 23 were delivered to, once each."""
    with pages.sessions.begin() as session:
        owner = pages.ours
        given = {"name": "Papers", "code": "K7", "audience": an_audience(session, owner)}
        campaign = a_campaign(session, owner, a_member(session, owner), **given | changes)
        region = a_region(session)
        for run in (a_run(session, campaign, planned=24), a_run(session, campaign, planned=24)):
            for contact_id in range(1, 25):
                receipt = ReceiptState.UNDELIVERED if contact_id == 1 else ReceiptState.DELIVERED
                sent = {"send_state": SendState.ACCEPTED, "receipt_state": receipt, "intent_at": NOON}
                a_delivery(session, run, contact_id=contact_id, region_id=region.id, **sent)
            recount_run(session, run.id)
        for crowd in (Crowd(Scope.CAMPAIGN, campaign.id), Crowd(Scope.MONTH, owner.id, "2026-03")):
            replace_crowd(session, crowd, count_crowd(session, crowd), counted_at=clock.now())
        return campaign


def hand_in(client: FlaskClient, text: str = ADVERTS, **changes: str) -> Any:
    form = {
        "source": "meta_ads",
        "exported_on": "2022-04-02",
        "campaign_id": "",
        "file": (io.BytesIO(text.encode()), "a.csv"),
    }
    return client.post("/reach/imports", data=form | changes, follow_redirects=True)


def test_people_of_two_runs_are_counted_once(pages: Pages, client_for: Clients) -> None:
    page = client_for(Role.VIEWER).get(f"/reach/campaigns/{make_campaign(pages).id}").text
    ladder, rest = page.split('id="regions-title"')
    assert ">20 " in ladder
    assert ">24 " not in ladder
    assert ">23 " not in ladder
    assert "Podkarpackie: 20" in rest
    assert "Podkarpackie: 23" not in page
    assert ' style="' not in page


def test_steward_sees_exact_regions_of_a_campaign(pages: Pages, client_for: Clients) -> None:
    page = client_for(Role.STEWARD).get(f"/reach/campaigns/{make_campaign(pages).id}").text
    assert "Podkarpackie: 23" in page
    ladder = page.split('id="regions-title"')[0]
    assert ">24 " in ladder
    assert ">23 " in ladder


def test_region_of_few_people_is_named_to_data_managers_alone(pages: Pages, client_for: Clients) -> None:
    campaign = make_campaign(pages)
    with pages.sessions.begin() as session:
        region = a_region(session, code="PL-32", name="Zachodniopomorskie")
        run = session.scalars(select(Run).where(Run.campaign_id == campaign.id)).first()
        assert run is not None
        a_delivery(session, run, contact_id=90, region_id=region.id, send_state=SendState.ACCEPTED, intent_at=NOON)
        recount_run(session, run.id)
        crowd = Crowd(Scope.CAMPAIGN, campaign.id)
        replace_crowd(session, crowd, count_crowd(session, crowd), counted_at=clock.now())
        run_id = run.id
    for path in (f"campaigns/{campaign.id}", f"campaigns/{campaign.id}/report", f"runs/{run_id}"):
        shown = [client_for(role).get(f"/reach/{path}").text for role in (Role.STEWARD, Role.VIEWER)]
        assert ["Zachodniopomorskie" in page for page in shown] == [True, False]
        assert "Elsewhere, or not known where" in shown[1]
    files = [client_for(role).get(f"/reach/runs/{run_id}/regions.csv").text for role in (Role.STEWARD, Role.ADMIN)]
    assert ["PL-32" in text for text in files] == [True, False]


def test_every_step_opens_its_provenance(pages: Pages, client_for: Clients) -> None:
    client, campaign = client_for(Role.VIEWER), make_campaign(pages)
    page = client.get(f"/reach/campaigns/{campaign.id}").text
    provenance = client.get(f"/reach/campaigns/{campaign.id}/provenance").text
    for step in (
        "platform_reported",
        "accepted",
        "delivered",
        "engaged",
        "signposted",
        "assisted",
        "regions",
        "runs",
    ):
        assert f"/provenance#{step}" in page
        assert f'id="{step}"' in provenance


@pytest.mark.parametrize("language", ["en", "uk", "ar"])
def test_report_is_there_in_every_language(pages: Pages, client_for: Clients, language: str) -> None:
    client, campaign = client_for(Role.VIEWER), make_campaign(pages)
    client.post("/language", data={"language": language})
    page = client.get(f"/reach/campaigns/{campaign.id}/report").text
    assert f'<html lang="{language}"' in page
    assert "report.css" in page


def test_months_and_comparison_have_the_people(pages: Pages, client_for: Clients) -> None:
    make_campaign(pages)
    client = client_for(Role.VIEWER)
    assert "2026-03" in client.get("/reach").text
    assert ">20<" in client.get("/reach/compare").text
    assert ">23<" in client_for(Role.STEWARD).get("/reach/compare").text


def test_only_who_handles_contacts_sees_how_many_opted_out(pages: Pages, client_for: Clients) -> None:
    make_campaign(pages)
    shown = {role: "opted out" in client_for(role).get("/reach").text for role in (Role.ADMIN, Role.STEWARD)}
    assert shown == {Role.ADMIN: False, Role.STEWARD: True}


def test_reported_reach_stands_beside_and_is_undone(pages: Pages, client_for: Clients) -> None:
    client, campaign = client_for(Role.AUTHOR), make_campaign(pages)
    page = hand_in(client, campaign_id=str(campaign.id)).text
    assert "by its name" in page
    with pages.sessions() as session:
        file = session.scalars(select(ReachFile)).one()
    client.post(f"/reach/imports/{file.id}/import")
    assert "4,000" in client.get(f"/reach/campaigns/{campaign.id}").text
    client.post(f"/reach/imports/{file.id}/undo")
    assert "4,000" not in client.get(f"/reach/campaigns/{campaign.id}").text


def test_file_is_imported_as_it_was_shown(pages: Pages, client_for: Clients) -> None:
    """Another member says of another file what a column means, between the dry run and the decision."""
    client, campaign = client_for(Role.AUTHOR), make_campaign(pages)
    text = ADVERTS.replace("Reach", "Herzen,Reach").replace("4000", "9000,4000")
    assert "4,000" in hand_in(client, text, campaign_id=str(campaign.id)).text
    hand_in(client, ADVERTS.replace("Reach", "Herzen"))
    with pages.sessions() as session:
        first, second = session.scalars(select(ReachFile.id).order_by(ReachFile.id))
    client.post(f"/reach/imports/{second}/columns", data={"column-4": "people"})
    client.post(f"/reach/imports/{first}/import")
    with pages.sessions() as session:
        assert session.scalars(select(ImportedReach.people)).one() == 4000


def test_wrong_rows_are_told_and_cannot_be_imported(pages: Pages, client_for: Clients) -> None:
    make_campaign(pages)
    client = client_for(Role.AUTHOR)
    page = hand_in(client, ADVERTS + "B,Atlantis,soon,2022-03-31,5%\n").text
    assert "Line 3, Reach: “5%” is a share" in page
    assert "Line 3, Region: “Atlantis” is no region" in page
    assert '/import"' not in page
    assert hand_in(client, "nothing").status_code == 422


@pytest.mark.both_databases
def test_partner_report_is_recorded_and_withdrawn(pages: Pages, client_for: Clients) -> None:
    client, campaign = client_for(Role.AUTHOR), make_campaign(pages)
    told = {"step": "assisted", "people": "3", "day": "2026-03-03", "partner": "Shelter", "region": "PL-18"}
    client.post(f"/reach/campaigns/{campaign.id}/outcomes", data=told)
    page = client.get(f"/reach/campaigns/{campaign.id}").text
    assert "1 entry." in page
    with pages.sessions() as session:
        outcome = session.scalars(select(Outcome)).one()
    client.post(f"/reach/outcomes/{outcome.id}/withdraw")
    assert "1 entry." not in client.get(f"/reach/campaigns/{campaign.id}").text


def test_wrong_partner_report_is_refused_beside_the_form(pages: Pages, client_for: Clients) -> None:
    client, campaign = client_for(Role.AUTHOR), make_campaign(pages)
    told = {"step": "assisted", "people": "-1", "day": "2026-03-03", "partner": "Shelter", "region": ""}
    answer = client.post(f"/reach/campaigns/{campaign.id}/outcomes", data=told)
    assert (answer.status_code, "people can be given in one entry" in answer.text) == (422, True)


def lead_there(pages: Pages, client_for: Clients, campaign: Campaign) -> None:
    """Let one member propose where the link leads, and another agree."""
    with pages.sessions.begin() as session:
        session.get_one(Organisation, pages.ours.id).link_hosts = ["help.example.org"]
    data = {"target": "https://help.example.org/"}
    answer = client_for(Role.AUTHOR).post(f"/reach/campaigns/{campaign.id}/link", data=data)
    client_for(Role.APPROVER).post(f"{answer.location}/agree")


def test_counted_link_leads_on_without_a_cookie(pages: Pages, client_for: Clients) -> None:
    campaign = make_campaign(pages)
    lead_there(pages, client_for, campaign)
    answer = pages.app.test_client().get("/go/K7/PL-18")
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://help.example.org/")
    assert "Set-Cookie" not in answer.headers
    with pages.sessions() as session:
        assert [row.openings for row in session.scalars(select(LinkDay))] == [1]
    assert pages.app.test_client().get("/go/X9").status_code == 404


def openings(pages: Pages) -> int:
    with pages.sessions() as session:
        return session.scalar(select(func.sum(LinkDay.openings))) or 0


@pytest.mark.both_databases
def test_counted_link_leads_programs_on_and_counts_people(
    pages: Pages, client_for: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.reach.public.MOST_PER_NETWORK", 2)
    campaign, anybody = make_campaign(pages), pages.app.test_client()
    lead_there(pages, client_for, campaign)
    assert anybody.head("/go/K7").status_code == 302
    for agent in ("WhatsApp/2.23.20.0 A", "TelegramBot (like TwitterBot)", "facebookexternalhit/1.1"):
        assert anybody.get("/go/K7", headers={"User-Agent": agent}).status_code == 302
    assert openings(pages) == 0
    # A Cubot is a telephone.
    agent = "Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 30) AppleWebKit/537.36 Mobile"
    for _ in range(3):
        answer = anybody.get("/go/K7", headers={"User-Agent": agent})
        assert answer.headers["Location"] == "https://help.example.org/"
    assert openings(pages) == 2
    anybody.get("/go/K7", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert openings(pages) == 3
