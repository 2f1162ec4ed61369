"""The API gives partners' programs releases and places, to those who hold a good token and to nobody else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from campaigns.core import clock
from campaigns.places.models import PlaceKind
from campaigns.staff import service
from campaigns.staff.models import AuditEntry, Member, Role
from campaigns.staff.queries import get_membership
from campaigns.staff.tokens import ApiScope, issue_token, revoke_token
from tests.factories import a_member, a_place, a_region
from tests.reach.releases.reached import SETTLED
from tests.reach.releases.test_pages import make_march
from tests.web.pages import Pages

Ask = Callable[..., TestResponse]


@pytest.fixture(autouse=True)
def in_april() -> Iterator[None]:
    with clock.running_on(lambda: SETTLED):
        yield


def a_token(pages: Pages, *scopes: ApiScope) -> str:
    with pages.sessions.begin() as session:
        by = a_member(session, pages.ours, Role.ADMIN).id
        return issue_token(session, pages.ours.id, name="Partner", scopes=scopes or ApiScope, days=30, by=by)[1]


@pytest.fixture
def ask(pages: Pages) -> Ask:
    """`ask("/releases")`: what the API answers to a program that may do everything."""
    token = a_token(pages)

    def get(path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return pages.client().get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"} | named)

    return get


def test_releases_are_listed_without_figures(pages: Pages, ask: Ask) -> None:
    release = make_march(pages)
    make_march(pages, pages.theirs, reason="theirs")
    listed = ask("/releases").get_json()
    assert (listed["total"], listed["pages"], listed["page"]) == (1, 1, 1)
    assert listed["items"][0]["sha256"] == release.sha256
    assert ask("/releases?period=2026-02").get_json()["items"] == []
    assert ask("/releases?view=regions&scope=organisation&period=2026-03").get_json()["total"] == 1


def test_files_are_the_frozen_bytes(pages: Pages, ask: Ask) -> None:
    release = make_march(pages)
    files = ask(f"/releases/{release.id}").get_json()["files"]
    assert {each["format"] for each in files} == {"csv", "xlsx", "hxl", "geojson", "json"}
    for each in files:
        answer = ask(f"/releases/{release.id}/{each['format']}")
        assert hashlib.sha256(answer.data).hexdigest() == each["sha256"]
        assert answer.headers["ETag"] == f'"{each["sha256"]}"'
    assert ask(f"/releases/{release.id}/json").data == release.body


def test_known_bytes_are_not_sent_again(pages: Pages, ask: Ask) -> None:
    address = f"/releases/{make_march(pages).id}/json"
    for path in (address, "/releases"):
        again = ask(path, If_None_Match=ask(path).headers["ETag"])
        assert (again.status_code, again.data) == (304, b"")


def test_lists_come_in_pages_with_links(pages: Pages, ask: Ask) -> None:
    make_march(pages)
    for number in range(2):
        make_march(pages, reason=f"Correction {number}")
    first = ask("/releases?per_page=2")
    assert [each["revision"] for each in first.get_json()["items"]] == [3, 2]
    assert first.headers["Link"] == '</api/v1/releases?per_page=2&page=2>; rel="next"'
    assert ask("/releases?per_page=2&page=2").headers["Link"].endswith('rel="prev"')
    assert ask("/releases?page=9").get_json()["items"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("per_page=100000", "/per_page"),
        ("page=0", "/page"),
        ("page=one", "/page"),
        ("view=names", "/view"),
        ("colour=red", "/colour"),
    ],
)
def test_wrong_values_are_told_as_a_problem(ask: Ask, query: str, pointer: str) -> None:
    answer = ask(f"/releases?{query}")
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.get_json()["status"] == 422
    assert [each["pointer"] for each in answer.get_json()["errors"]] == [pointer]


@pytest.mark.parametrize("path", ["/releases/999999", "/releases/999999/csv", "/nothing", "/releases/1/exe"])
def test_what_is_not_there_is_a_problem(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_foreign_release_is_not_there(pages: Pages, ask: Ask) -> None:
    foreign = make_march(pages, pages.theirs)
    for path in ("", "/csv"):
        assert ask(f"/releases/{foreign.id}{path}").status_code == 404


@pytest.mark.both_databases
def test_places_have_no_coordinates(pages: Pages, ask: Ask) -> None:
    with pages.sessions.begin() as session:
        region = a_region(session, names={"uk": "Підкарпатське"})
        a_place(session, pages.ours, region_id=region.id, note="shelter behind the station")
        a_place(session, pages.ours, kind=PlaceKind.CORRIDOR)
        a_place(session, pages.theirs)
    answer = ask("/places")
    assert [(each["name"], each["region"]) for each in answer.get_json()["items"]] == [("Medyka", "PL-18")]
    assert "22.9" not in answer.text
    assert "shelter" not in answer.text
    assert ask("/regions?country=PL").get_json()["items"][0]["names"] == {"uk": "Підкарпатське"}
    assert ask("/regions?country=UA").get_json()["items"] == []


def test_token_opens_what_it_allows_and_nothing_else(pages: Pages) -> None:
    token, client = a_token(pages, ApiScope.READ_PLACES), pages.client()
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/places", headers=headers).status_code == 200
    refused = client.get("/api/v1/releases", headers=headers)
    assert (refused.status_code, refused.mimetype) == (403, "application/problem+json")
    assert "releases:read" in refused.get_json()["detail"]


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer fp_wrong", "Basic abc", "Bearer fp_" + "x" * 5000])
def test_without_a_token_nothing_is_read(pages: Pages, header: str) -> None:
    answer = pages.client().get("/api/v1/releases", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_session_of_a_member_is_no_token(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    assert client_for(*Role).get("/api/v1/releases").status_code == 401


@pytest.mark.parametrize("is_revoked", [True, False])
def test_stale_token_opens_nothing(pages: Pages, is_revoked: bool) -> None:
    with pages.sessions.begin() as session:
        by = a_member(session, pages.ours, Role.ADMIN).id
        row, token = issue_token(session, pages.ours.id, name="P", scopes=ApiScope, days=1, by=by)
        if is_revoked:
            revoke_token(session, row, by=by)
    later = SETTLED if is_revoked else SETTLED + timedelta(days=1)
    with clock.running_on(lambda: later):
        answer = pages.client().get("/api/v1/releases", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def end_of_bar(session: Session, member: Member, pages: Pages) -> None:
    other = a_member(session, pages.ours, Role.ADMIN)
    service.set_active(session, get_membership(session, pages.ours.id, member.id), False, by=other.id)


def end_of_role(session: Session, member: Member, pages: Pages) -> None:
    a_member(session, pages.ours, Role.ADMIN)
    service.set_roles(session, get_membership(session, pages.ours.id, member.id), ["viewer"])


def end_of_membership(session: Session, member: Member, pages: Pages) -> None:
    session.delete(get_membership(session, pages.ours.id, member.id))


@pytest.mark.both_databases
@pytest.mark.parametrize("end", [end_of_bar, end_of_role, end_of_membership])
def test_tokens_die_with_the_standing_of_who_made_them(
    pages: Pages, end: Callable[[Session, Member, Pages], None]
) -> None:
    """Whoever made a token has seen it, and may have kept it."""
    with pages.sessions.begin() as session:
        member, other = (a_member(session, pages.ours, Role.ADMIN) for _ in range(2))
        tokens = [
            issue_token(session, pages.ours.id, name="P", scopes=ApiScope, days=30, by=each.id)[1]
            for each in (member, other)
        ]

    def statuses() -> list[int]:
        headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
        return [pages.client().get("/api/v1/releases", headers=each).status_code for each in headers]

    assert statuses() == [200, 200]
    with pages.sessions.begin() as session:
        end(session, session.get_one(Member, member.id), pages)
    assert statuses() == [401, 200]


def test_member_who_is_let_in_again_makes_tokens_anew(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        member = a_member(session, pages.ours, Role.ADMIN)
        token = issue_token(session, pages.ours.id, name="P", scopes=ApiScope, days=30, by=member.id)[1]
        end_of_bar(session, member, pages)
        member.active = True
    answer = pages.client().get("/api/v1/releases", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_use_of_tokens_is_told_to_the_audit_once_an_hour(pages: Pages, ask: Ask) -> None:
    for _ in range(5):
        assert ask("/releases").status_code == 200
    with pages.sessions() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "token.use"))
    assert (entry.organisation_id, entry.detail) == (
        pages.ours.id,
        {"times": 1, "what": "api_releases.list_releases"},
    )


def test_wrong_method_names_the_right_one(pages: Pages) -> None:
    answer = pages.client().delete("/api/v1/releases")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_description_is_openapi_and_a_page(pages: Pages) -> None:
    client = pages.client()
    document = client.get("/api/v1/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/releases", "/api/v1/places"} <= set(document["paths"])
    page = client.get("/api").text
    assert "/api/v1/releases/{release_id}" in page
    assert "<script" not in page
