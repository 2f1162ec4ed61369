"""Signing in and out, and what ends a session."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from campaigns.core.errors import ForbiddenError
from campaigns.messages.models import GlossaryTerm
from campaigns.staff import service
from campaigns.staff.auth import Account
from campaigns.staff.models import Member, Organisation, Role
from campaigns.staff.queries import get_membership
from campaigns.staff.sign_in.passwords import hash_password
from tests.web.pages import Pages

PASSWORD = "correct horse battery"


@pytest.fixture
def member(pages: Pages) -> Member:
    return pages.member(Role.ADMIN, email="olena@example.org", password=hash_password(PASSWORD))


def sign_in(
    client: FlaskClient, email: str = "olena@example.org", password: str = PASSWORD, to: str = ""
) -> TestResponse:
    return client.post("/sign-in", data={"email": email, "password": password, "next": to})


def stored(pages: Pages, member: Member) -> Member:
    with pages.sessions() as session:
        return session.get_one(Member, member.id)


def test_right_password_opens_the_page_asked_for(pages: Pages, member: Member) -> None:
    client = pages.client()
    answer = sign_in(client, to="/settings")
    assert (answer.status_code, answer.location) == (302, "/settings")
    assert client.get("/settings").status_code == 200
    # The library found nothing to rehash: both use the same parameters of Argon2id.
    assert stored(pages, member).password == member.password


def test_every_failure_gets_one_answer(pages: Pages, member: Member) -> None:
    pages.member(email="barred@example.org", password=hash_password(PASSWORD), active=False)
    answers = [
        sign_in(pages.client(), *given)
        for given in (
            ("olena@example.org", "wrong horse battery"),
            ("nobody@example.org", PASSWORD),
            ("barred@example.org", PASSWORD),
            ("no address", PASSWORD),
        )
    ]
    bodies = {re.sub(r'value="[^"]*"', "", answer.text) for answer in answers}
    assert {answer.status_code for answer in answers} == {200}
    assert len(bodies) == 1
    assert "do not belong together" in bodies.pop()


def test_sign_in_never_leads_elsewhere(pages: Pages, member: Member) -> None:
    answer = sign_in(pages.client(), to="//evil.example/")
    assert "evil" not in (answer.location or "")


def test_signing_out_kills_a_copied_cookie(pages: Pages, member: Member) -> None:
    client, thief = pages.client(member), pages.client(member)
    assert client.post("/sign-out").status_code == 302
    assert thief.get("/settings").location.startswith("/sign-in?")


def test_any_page_that_is_open_signs_out(pages: Pages, member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pages.app.config, "WTF_CSRF_ENABLED", True)
    client = pages.client(member)
    # Its token went with the organisation in which the page was opened.
    answer = client.post("/sign-out", data={"csrf_token": "of another organisation"})
    assert (answer.status_code, answer.location) == (302, "/sign-in")
    assert client.get("/settings").location.startswith("/sign-in?")
    assert stored(pages, member).fs_uniquifier != member.fs_uniquifier
    # Also a page from before the session was over.
    assert client.post("/sign-out").location == "/sign-in"


def test_new_roles_take_effect_by_a_new_sign_in(pages: Pages, member: Member) -> None:
    client = pages.client(member)
    with pages.sessions.begin() as session:
        service.set_roles(session, get_membership(session, pages.ours.id, member.id), ["admin", "viewer"])
    assert client.get("/settings").location.startswith("/sign-in?")


@pytest.mark.both_databases
def test_temporary_password_is_changed_first(pages: Pages) -> None:
    member = pages.member(password=hash_password(PASSWORD), password_is_temporary=True)
    client = pages.client(member)
    assert client.get("/settings").location == "/settings/password"
    new = "four other long words"
    answer = client.post("/settings/password", data={"current": PASSWORD, "new": new, "again": new})
    assert answer.location == "/settings"
    assert client.get("/settings").status_code == 200
    assert stored(pages, member).fs_uniquifier != member.fs_uniquifier


def test_wrong_present_password_changes_nothing(pages: Pages, member: Member) -> None:
    new = "four other long words"
    answer = pages.client(member).post("/settings/password", data={"current": "guess", "new": new, "again": new})
    assert answer.status_code == 422
    assert stored(pages, member).password == member.password


def test_old_sign_in_gives_the_password_again(pages: Pages, member: Member) -> None:
    client = pages.client(member)
    with client.session_transaction() as cookie:
        cookie["fs_paa"] -= timedelta(minutes=6).total_seconds()
    assert client.get("/settings/members").status_code == 200
    assert client.post(f"/settings/members/{member.id}/password").location.startswith(
        f"/sign-in/again?next=/settings/members/{member.id}"
    )
    answer = client.post("/sign-in/again?next=/settings/members/add", data={"password": PASSWORD})
    assert answer.location == "/settings/members/add"
    assert client.get("/settings/members/add").status_code == 200


def test_part_of_a_page_reloads_the_whole(pages: Pages) -> None:
    answer = pages.client().get("/now/sending", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")


def token_of(pages: Pages, member: Member) -> str:
    """Make the token that the sign-in library would believe, with its own key."""
    with pages.app.app_context():
        security = pages.app.extensions["security"]
        token = {"ver": "5", "uid": member.fs_uniquifier, "fs_paa": time.time(), "exp": int(time.time()) + 600}
        return str(security.remember_token_serializer.dumps(token))


def test_nobody_gets_a_token_that_was_never_declared(pages: Pages, member: Member) -> None:
    for asked in (
        {"data": {"email": member.email, "password": PASSWORD}, "headers": {"Accept": "application/json"}},
        {"json": {"email": member.email, "password": PASSWORD}},
    ):
        answer = pages.client().post("/sign-in?include_auth_token", **asked)
        assert "authentication_token" not in answer.text
    client = pages.client(member)
    again = client.post("/sign-in/again?include_auth_token", data={"password": PASSWORD})
    assert (again.status_code, "authentication_token" in again.text) == (302, False)
    with pages.app.test_request_context(), pytest.raises(ForbiddenError):
        Account(member).get_auth_token()


def test_tokens_of_the_library_open_nothing(pages: Pages, member: Member) -> None:
    token = token_of(pages, member)
    for options in (
        {"query_string": {"auth_token": token}},
        {"headers": {"Authentication-Token": token}},
        {"headers": {"Authorization": f"Bearer {token}"}},
        {"json": {"auth_token": token}},
    ):
        answer = pages.client().get("/settings", **options)
        assert answer.status_code in (302, 415), options
        assert "Sign out" not in answer.text
    assert not Account(member).verify_auth_token({"uid": member.fs_uniquifier})


def opened(client: FlaskClient, path: str) -> dict[str, str]:
    """Open a form and return its hidden fields."""
    page = client.get(path).text
    found = {name: re.search(rf'name="{name}"[^>]*value="([^"]+)"', page) for name in ("csrf_token", "typed_mark")}
    return {name: match[1] for name, match in found.items() if match}


def of_both(pages: Pages) -> Member:
    """An author in two organisations."""
    member = pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        theirs = session.merge(pages.theirs)
        service.add_membership(session, theirs, session.get_one(Member, member.id), roles=[Role.AUTHOR])
    return member


def test_form_that_was_opened_in_one_organisation_is_not_saved_in_another(own_pages: Pages) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    client = own_pages.client(of_both(own_pages))

    def work_in(organisation: Organisation) -> None:
        wanted = {"organisation_id": organisation.id}
        assert client.post("/organisation", data=opened(client, "/settings/password") | wanted).location == "/"

    term = {"source_language": "en", "term": "border", "language": "uk", "wording": "кордон", "note": ""}
    unkept = opened(client, "/messages/glossary") | term
    kept = opened(client, "/places/new") | {"name": "Ferry", "kind": "stop"}
    work_in(own_pages.theirs)
    assert client.post("/messages/glossary", data=unkept).status_code == 400
    assert client.post("/places/new", data=kept).location == "/"
    assert "You opened this form in another organisation." in client.get("/").text
    assert "Ferry" not in client.get("/places/new").text
    with own_pages.sessions() as session:
        assert session.scalars(select(GlossaryTerm)).all() == []
    work_in(own_pages.ours)
    assert 'value="Ferry"' in client.get("/places/new").text
    # To choose the same one again ends nothing.
    unkept = opened(client, "/messages/glossary") | term
    work_in(own_pages.ours)
    assert client.post("/messages/glossary", data=unkept).status_code == 302


def test_whoever_signs_in_again_comes_back_to_the_organisation_of_the_form(own_pages: Pages) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    member, path = of_both(own_pages), "/places/new"
    client, expired = own_pages.client(member), own_pages.client()
    with client.session_transaction() as cookie:
        cookie["organisation_id"] = own_pages.theirs.id
    assert "/sign-in" in expired.post(path, data=opened(client, path) | {"name": "Ferry"}).location
    with expired.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = member.fs_uniquifier, True
    assert 'value="Ferry"' in expired.get(path).text


def test_what_is_typed_outlives_a_session_that_another_ended(own_pages: Pages) -> None:
    """As when an administrator changes their roles: the token of the form is still that of the browser."""
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    member, path = own_pages.member(Role.AUTHOR), "/places/new"
    client = own_pages.client(member)
    form = opened(client, path) | {"name": "Ferry"}
    with own_pages.sessions.begin() as session:
        service.end_sessions(session.get_one(Member, member.id))
    assert "/sign-in" in client.post(path, data=form).location
    assert 'value="Ferry"' in own_pages.client(stored(own_pages, member)).get(path).text


def test_script_of_a_form_that_stayed_open_tells_once_that_it_is_of_another_organisation(own_pages: Pages) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    client = own_pages.client(of_both(own_pages))
    kept = opened(client, "/places/new") | {"name": "Ferry", "kind": "stop"}
    wanted = {"organisation_id": own_pages.theirs.id}
    client.post("/organisation", data=opened(client, "/settings/password") | wanted)
    for typed in ("Ferry 1", "Ferry 12"):
        # As a script asks for it: it follows no redirect, and nobody sees the page behind it.
        assert client.post("/typed", data=kept | {"name": typed}).status_code != 200
    assert client.get("/").text.count("You opened this form in another organisation.") == 1
