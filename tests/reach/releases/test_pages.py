"""The pages of releases: a preview that spends nothing, figures from frozen bytes, and a budget that ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, event, func, select

from campaigns.core import clock
from campaigns.reach.releases.models import LedgerEntry, Release, ScopeKind, View
from campaigns.reach.releases.service import Wanted, make_release
from campaigns.staff.models import AuditEntry, Organisation, Role
from campaigns.web import forms
from campaigns.web.session import database
from tests.factories import a_campaign, a_member
from tests.reach.releases.reached import MARCH, SETTLED, a_done_run, no_noise, reach, regions
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

Clients = Callable[..., FlaskClient]
ASKED = {"view": "regions", "scope": "organisation", "period": MARCH}


@pytest.fixture(autouse=True)
def in_april() -> Iterator[None]:
    with clock.running_on(lambda: SETTLED):
        yield


def make_march(pages: Pages, owner: Organisation | None = None, people: int = 20, reason: str = "") -> Release:
    """Release March of an organisation: people of Podkarpackie, without noise."""
    owner = owner or pages.ours
    with pages.sessions.begin() as session:
        places = regions(session) if not reason else {}
        if places:
            reach(session, a_done_run(session, owner), places["PL-18"], people)
        by, wanted = a_member(session, owner).id, Wanted(View.REGIONS, ScopeKind.ORGANISATION, MARCH)
        return make_release(session, owner, wanted, reason=reason, by=by, below=no_noise())


def test_nothing_released_says_what_comes(client_for: Clients) -> None:
    assert "Nothing is published yet." in client_for(Role.VIEWER).get("/reach/publications").text
    assert "Nothing can be published yet." in client_for(Role.STEWARD).get("/reach/publications/new").text


def test_of_many_campaigns_the_newest_are_listed_and_others_are_found(
    pages: Pages, client_for: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MOST_LISTED", 1)
    with pages.sessions.begin() as session:
        for name in ("Older", "Newest"):
            campaign = a_campaign(session, pages.ours, a_member(session, pages.ours), name=name)
            a_done_run(session, pages.ours, campaign=campaign)
    steward, path = client_for(Role.STEWARD), "/reach/publications/new"
    page = steward.get(path).text
    assert ("Older (" in page, "Newest (" in page, "1 of 2 can be chosen here" in page) == (False, True, True)
    sent = {"view": "channels", "scope": "campaign", "campaign_id": str(campaign.id), "words": "older"}
    page = steward.get(path, query_string=sent).text
    assert '<input type="radio" name="view" value="channels" checked>' in page
    assert '<input type="radio" name="scope" value="campaign" checked>' in page
    assert "Older (" in page
    assert f'<option value="{campaign.id}" selected>Newest (' in page
    assert "0 of 2 can be chosen here" in steward.get(path, query_string={"words": "none"}).text


def test_preview_spends_nothing_and_shows_no_figure(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        reach(session, a_done_run(session, pages.ours), regions(session)["PL-18"], 777)
    steward = client_for(Role.STEWARD)
    assert "March 2026" in steward.get("/reach/publications/new").text
    page = steward.get("/reach/publications/preview", query_string=ASKED).text
    assert "which has 8 left" in page
    # What is hidden in a page, such as a mark, may have any digits.
    assert "777" not in re.sub("<[^>]*>", " ", page)
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(LedgerEntry)) == 0


def test_steward_releases_and_everybody_reads(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        reach(session, a_done_run(session, pages.ours), regions(session)["PL-18"], 500)
    answer = client_for(Role.STEWARD).post("/reach/publications/make", data=ASKED, follow_redirects=True)
    assert "Its figures stay as they are now." in answer.text
    viewer = client_for(Role.VIEWER)
    listed = viewer.get("/reach/publications").text
    assert "7 of 8 publications left" in listed
    assert "March 2026" in listed
    assert "March 2026" in viewer.get("/reach/publications/ledger?year=2026").text
    with pages.sessions() as session:
        acts = session.scalars(select(AuditEntry.action)).all()
    assert acts == ["release.make"]


def test_people_are_counted_before_anything_is_written(pages: Pages, client_for: Clients) -> None:
    """Where one writes at a time, the engine sends meanwhile."""
    with pages.sessions.begin() as session:
        reach(session, a_done_run(session, pages.ours), regions(session)["PL-18"], 20)
    writes: list[bool] = []

    def note(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if "row_number()" in statement:
            writes.append(not connection.get_execution_options().get("read_only"))

    with pages.app.app_context():
        engine = database.engine
    event.listen(engine, "before_cursor_execute", note)
    assert client_for(Role.STEWARD).post("/reach/publications/make", data=ASKED).status_code == 302
    event.remove(engine, "before_cursor_execute", note)
    assert writes == [False]


def test_figures_stand_with_margin_and_country(pages: Pages, client_for: Clients) -> None:
    page = client_for(Role.VIEWER).get(f"/reach/publications/{make_march(pages).id}").text
    assert ">20</td>" in page
    assert "± 6" in page
    assert "Fewer than 10 each, counted in “Everything else”:" in page
    assert 'role="img"' in page
    assert " style=" not in page


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("csv", "text/csv"),
        ("hxl", "text/csv"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("geojson", "application/geo+json"),
        ("json", "application/json"),
    ],
)
def test_file_comes_with_its_tag(pages: Pages, client_for: Clients, name: str, kind: str) -> None:
    viewer, address = client_for(Role.VIEWER), f"/reach/publications/{make_march(pages).id}/{name}"
    answer = viewer.get(address)
    assert answer.mimetype == kind
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="reach-')
    again = viewer.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"period": "2026-04"}, 409, "still move"),
        ({"period": "next month"}, 422, "is not a period"),
        ({"view": "names"}, 422, "Choose what is published"),
        ({"scope": "campaign"}, 422, "Choose the campaign."),
        ({"scope": "campaign", "campaign_id": "999999"}, 404, "does not exist"),
        ({"scope": "joint", "period": "2026-Q1"}, 422, "A joint publication needs"),
    ],
)
def test_wrong_wishes_are_told(client_for: Clients, changes: dict[str, str], status: int, sentence: str) -> None:
    answer = client_for(Role.STEWARD).get("/reach/publications/preview", query_string=ASKED | changes)
    assert answer.status_code == status
    assert sentence in answer.text


def test_second_release_of_a_period_asks_for_a_reason(pages: Pages, client_for: Clients) -> None:
    make_march(pages)
    steward = client_for(Role.STEWARD)
    assert "This is published already." in steward.get("/reach/publications/preview", query_string=ASKED).text
    answer = steward.post("/reach/publications/make", data=ASKED)
    assert answer.status_code == 409
    assert "say what it corrects" in answer.text
    again = steward.post(
        "/reach/publications/make", data=ASKED | {"reason": "Late receipts"}, follow_redirects=True
    )
    assert "Late receipts" in again.text
    assert again.text.count("Corrected publication, no. 2") == 1
    assert "Publication no. 2" in again.text


@pytest.mark.parametrize("form", ["csv", "hxl", "xlsx"])
def test_file_of_a_correction_is_named_so(pages: Pages, client_for: Clients, form: str) -> None:
    releases, viewer = [make_march(pages), make_march(pages, reason="Late receipts")], client_for(Role.VIEWER)
    names = [
        viewer.get(f"/reach/publications/{each.id}/{form}").headers["Content-Disposition"] for each in releases
    ]
    assert ["corrected-no2" in name for name in names] == [False, True]
    assert all(f"-{each.id}." in name for each, name in zip(releases, names, strict=True))


def test_correction_that_is_sent_twice_is_made_once(pages: Pages, client_for: Clients) -> None:
    """Each costs of the yearly limit and tells more: a second tap on a slow line is none that anybody wants."""
    make_march(pages)
    steward = client_for(Role.STEWARD)
    preview = steward.get("/reach/publications/preview", query_string=ASKED).text
    assert '<input type="hidden" name="revisions" value="1">' in preview
    correction = ASKED | {"reason": "A late import of receipts.", "revisions": "1"}
    answers = [steward.post("/reach/publications/make", data=correction) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 409]
    assert "is published already" in answers[1].text
    with pages.sessions() as session:
        assert session.scalar(select(func.count(Release.id))) == 2


def test_ninth_release_is_refused_on_the_page(pages: Pages, client_for: Clients) -> None:
    make_march(pages)
    for number in range(7):
        make_march(pages, reason=f"Correction {number}")
    steward = client_for(Role.STEWARD)
    assert "The yearly limit is used up" in steward.get("/reach/publications/preview", query_string=ASKED).text
    answer = steward.post("/reach/publications/make", data=ASKED | {"reason": "Ninth"})
    assert answer.status_code == 409
    assert "The yearly limit of Ours for 2026 is used up" in answer.text


@pytest.mark.both_databases
def test_joint_releases_are_joined_and_left(pages: Pages, client_for: Clients) -> None:
    steward = client_for(Role.STEWARD)
    assert (
        "takes part in joint"
        in steward.post("/reach/publications/joint", data={"takes_part": "yes"}, follow_redirects=True).text
    )
    left = steward.post("/reach/publications/joint", data={"takes_part": "no"}, follow_redirects=True).text
    assert "takes no part" in left


@pytest.mark.parametrize("page", ["", "/csv"])
def test_foreign_release_is_not_there(pages: Pages, client_for: Clients, page: str) -> None:
    foreign = make_march(pages, pages.theirs)
    assert client_for(*Role).get(f"/reach/publications/{foreign.id}{page}").status_code == 404
