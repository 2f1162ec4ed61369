"""What people write about is published: every organisation of the instance reads it, and nothing else of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date

import hxl
import pytest
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import ConversationTheme
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.reach.releases.documents.document import read_document
from campaigns.reach.releases.documents.files import explained
from campaigns.reach.releases.models import Release, ScopeKind, View
from campaigns.reach.releases.queries import first_theme_at
from campaigns.reach.releases.readers.service import sign_link
from campaigns.reach.releases.service import Wanted, make_release, plan_release
from campaigns.staff.models import Organisation, Role
from campaigns.staff.tokens import ApiScope, issue_token
from tests.factories import a_member, a_reader
from tests.reach.releases.reached import MARCH, SETTLED, a_done_run, no_noise, regions
from tests.reach.releases.test_pages import make_march
from tests.reach.themes.noted import note
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

Clients = Callable[..., FlaskClient]
DAY = date(2026, 3, 9)


@pytest.fixture(autouse=True)
def in_april() -> Iterator[None]:
    with clock.running_on(lambda: SETTLED):
        yield


def publish(pages: Pages, owner: Organisation) -> Release:
    """Publish March: 22 wrote of shelter, 14 of food, few of health and elsewhere; nobody twice."""
    with pages.sessions.begin() as session:
        places = regions(session)
        both = note(session, owner, Theme.SHELTER, places["PL-18"], 12, on=DAY)
        note(session, owner, Theme.SHELTER, places["PL-06"], 10, on=DAY)
        note(session, owner, Theme.FOOD, places["PL-06"], 14, on=DAY)
        note(session, owner, Theme.HEALTH, places["PL-06"], 6, on=DAY)
        note(session, owner, Theme.MONEY, places["PL-06"], 5, on=DAY)
        note(session, owner, Theme.PAPERS, places["UA-46"], 9, on=DAY)
        note(session, owner, Theme.FAMILY, places["PL-18"], 40, on=date(2026, 4, 1))
        # The same people later, of something graver; and the same day, of something less grave.
        for theme, day in ((Theme.VIOLENCE, DAY.replace(day=20)), (Theme.WORK, DAY)):
            facts = {"theme": theme, "on_day": day, "region_id": places["PL-18"].id, "organisation_id": owner.id}
            session.add_all(ConversationTheme(conversation_id=each, **facts) for each in both)
        by = a_member(session, owner).id
        wanted = Wanted(View.THEMES, ScopeKind.ORGANISATION, MARCH)
        return make_release(session, owner, wanted, by=by, below=no_noise())


def figures_of(release: Release) -> dict[str, int | None]:
    rows = read_document(release.body)["rows"]
    return {row["key"]: row["people"] for row in rows if row["people"] is not None or row["kind"] == "rest"}


@pytest.mark.both_databases
def test_person_counts_once_and_few_are_folded(pages: Pages) -> None:
    release = publish(pages, pages.ours)
    # Of health and money together 11 wrote, of papers in another country too few to be told.
    assert figures_of(release) == {"PL/shelter": 20, "PL/food": 15, "PL": 10, "*": None}
    document = read_document(release.body)
    assert (document["measure"], document["total"]) == ("people who wrote", 45)
    leaves = [row for row in document["rows"] if row["kind"] == "leaf"]
    assert len(leaves) % len(Theme) == 0
    assert {row["theme"] for row in leaves} == set(Theme)
    assert not {"channel", "language"} & set(leaves[0])


@pytest.mark.both_databases
def test_reports_without_a_name_are_nobody(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        note(session, pages.ours, Theme.SHELTER, None, 60, on=DAY, without_name=True)
        assert first_theme_at(session, pages.ours.id) is None
    release = publish(pages, pages.ours)
    assert figures_of(release) == {"PL/shelter": 20, "PL/food": 15, "PL": 10, "*": None}
    assert "Reports without a name are left out." in explained(read_document(release.body))[0]
    page = client_for(Role.VIEWER).get(f"/reach/publications/{release.id}").text
    assert "Reports without a name are not counted as people" in page


def test_files_tell_themes(pages: Pages, client_for: Clients) -> None:
    release, viewer = publish(pages, pages.ours), client_for(Role.VIEWER)
    page = viewer.get(f"/reach/publications/{release.id}").text
    assert "People who wrote" in page
    assert "People reached" not in page
    assert "A place to sleep" in page
    content = {
        name: viewer.get(f"/reach/publications/{release.id}/{name}").data for name in ("csv", "hxl", "xlsx")
    }
    columns, *rows = csv.reader(io.StringIO(content["csv"].decode("utf-8-sig")))
    assert columns[5:7] == ["theme", "people_who_wrote"]
    assert {len(row) for row in rows} == {len(columns)}
    assert [row[5:7] for row in rows if row[1] == "POL" and row[6]] == [
        ["shelter", "20"],
        ["food", "15"],
        ["", "10"],
    ]
    source = hxl.data(io.BytesIO(content["hxl"]), hxl.InputOptions(allow_local=True))
    assert hxl.validate(source, hxl.schema())["is_valid"]
    assert "#x_theme+code" in source.display_tags
    assert CalamineWorkbook.from_filelike(io.BytesIO(content["xlsx"])).sheet_names == ["Themes", "About"]
    assert viewer.get(f"/reach/publications/{release.id}/geojson").status_code == 404


@pytest.mark.both_databases
def test_partners_read_the_published_themes_and_nothing_else(pages: Pages, vault: Vault) -> None:
    themes, reach = publish(pages, pages.ours), make_march(pages, pages.ours, reason="-")
    partner = pages.client(pages.member(Role.RESPONDER, organisation=pages.theirs))
    assert f"/reach/publications/{themes.id}" in (listed := partner.get("/reach/publications").text)
    assert f'/reach/publications/{reach.id}"' not in listed
    assert "A place to sleep" in partner.get(f"/reach/publications/{themes.id}").text
    assert partner.get(f"/reach/publications/{themes.id}/csv").status_code == 200
    assert partner.get(f"/reach/publications/{reach.id}").status_code == 404
    assert partner.get(f"/reach/publications/{reach.id}/csv").status_code == 404
    assert "Nothing can be shown yet." in partner.get("/reach/themes").text
    with pages.sessions.begin() as session:
        theirs = session.merge(pages.theirs)
        by = a_member(session, theirs, Role.ADMIN)
        token = issue_token(session, theirs.id, name="Them", scopes=ApiScope, days=30, by=by.id)[1]
        reader = a_reader(session, theirs, by, vault)
        link = "/publications/" + sign_link(pages.app.config["SECRET_KEY"], reader.id)
    asked = {"headers": {"Authorization": f"Bearer {token}"}}
    stranger = pages.client()
    assert stranger.get("/api/v1/releases", **asked).get_json()["items"] == []
    items = stranger.get("/api/v1/releases?of_partners=true", **asked).get_json()["items"]
    assert [item["id"] for item in items] == [themes.id]
    assert stranger.get(f"/api/v1/releases/{themes.id}/csv", **asked).status_code == 200
    assert stranger.get(f"/api/v1/releases/{reach.id}/csv", **asked).status_code == 404
    # Whoever reads the partner's reports by a link reads the partner's own.
    assert stranger.get(link).status_code == 200
    assert stranger.get(f"{link}/{themes.id}").status_code == 404


def test_readers_of_the_organisation_read_them(pages: Pages, vault: Vault) -> None:
    release = publish(pages, pages.ours)
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        reader = a_reader(session, ours, a_member(session, ours, Role.ADMIN), vault)
        link = "/publications/" + sign_link(pages.app.config["SECRET_KEY"], reader.id)
    page = pages.client().get(f"{link}/{release.id}").text
    assert "A place to sleep" in page
    assert "under the first theme" in page


def test_themes_are_of_one_organisation(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        campaign = a_done_run(session, ours).campaign
        for wanted, sentence in (
            (Wanted(View.THEMES, ScopeKind.CAMPAIGN, campaign=campaign), "whole organisation only"),
            (Wanted(View.THEMES, ScopeKind.JOINT, "2026-Q1"), "by region only"),
        ):
            with pytest.raises(InputError, match=sentence):
                plan_release(session, ours, wanted)


def test_only_data_managers_publish(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        note(session, pages.ours, Theme.SHELTER, regions(session)["PL-18"], 3, on=DAY)
    asked = {"view": "themes", "scope": "organisation", "period": MARCH}
    assert "March 2026" in client_for(Role.STEWARD).get("/reach/publications/new").text
    preview = client_for(Role.STEWARD).get("/reach/publications/preview", query_string=asked).text
    assert "Every organisation of this system can read it" in preview
    assert client_for(Role.RESPONDER).post("/reach/publications/make", data=asked).status_code == 403
    made = client_for(Role.STEWARD).post("/reach/publications/make", data=asked, follow_redirects=True)
    assert "Its figures stay as they are now." in made.text
