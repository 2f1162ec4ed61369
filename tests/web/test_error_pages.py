"""Each named error has its status, a sentence, and leaks nothing."""

from __future__ import annotations

import pytest
from flask import render_template_string
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from campaigns.core import errors
from campaigns.core.errors import FingerpostError
from campaigns.front.peer_limits import USUAL_BODY
from campaigns.staff.models import Organisation, Role
from campaigns.web.error_pages import status_of
from campaigns.web.guards.bodies import LARGEST_CALLBACK, body_limit_of
from tests.factories import a_member, a_message
from tests.web.pages import Pages, make_pages, page_settings


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.GeometryError, 422),
        (errors.ForbiddenError, 403),
        (errors.GateError, 409),
        (errors.NotFoundError, 404),
        (errors.SignatureError, 403),
        (errors.UnavailableError, 503),
        (errors.BusyError, 503),
        (errors.DamagedDataError, 500),
        (errors.SettingsError, 500),
    ],
)
def test_nearest_class_decides_the_status(kind: type[FingerpostError], status: int) -> None:
    assert status_of(kind("…")) == status


def failing(pages: Pages, error: Exception, path: str = "/fail") -> None:
    def fail() -> str:
        raise error

    pages.app.add_url_rule(path, path, fail)


def test_named_error_is_a_page_with_its_sentence(own_pages: Pages) -> None:
    failing(own_pages, errors.ScheduleError("The time lies in the past."))
    answer = own_pages.client(own_pages.member()).get("/fail")
    assert answer.status_code == 422
    assert "The time lies in the past." in answer.text


def test_programs_get_the_same_as_problem_json(own_pages: Pages) -> None:
    failing(own_pages, errors.ScheduleError("The time lies in the past."))
    answer = own_pages.client().get("/fail", headers={"Accept": "application/json"})
    assert answer.content_type == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Something is not right yet",
        "status": 422,
        "detail": "The time lies in the past.",
    }


def test_who_comes_at_a_busy_moment_is_told_to_come_again(own_pages: Pages) -> None:
    failing(own_pages, errors.BusyError("Wait a few seconds and try again."))
    answer = own_pages.client().get("/fail")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Wait a few seconds and try again." in answer.text


@pytest.mark.parametrize("error", [RuntimeError("secret +380501234567"), errors.DamagedDataError("secret row 7")])
def test_unexpected_errors_tell_nothing(own_pages: Pages, error: Exception) -> None:
    failing(own_pages, error)
    answer = own_pages.client(own_pages.member()).get("/fail")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Nothing was changed." in answer.text


@pytest.mark.both_databases
def test_whoever_pressed_twice_is_not_told_that_nothing_was_done(own_pages: Pages) -> None:
    with own_pages.sessions() as session:
        a_member(session, own_pages.ours, email="secret@example.org")
        with pytest.raises(IntegrityError) as twice:
            a_member(session, own_pages.ours, email="secret@example.org")
    for path in ("/fail", "/hooks/fail"):
        failing(own_pages, twice.value, path)
    failing(own_pages, IntegrityError("DELETE", {}, Exception("it is referred to")), "/broken")
    client = own_pages.client(own_pages.member())
    answer = client.get("/fail")
    assert answer.status_code == 409
    assert "The same was saved at this moment, perhaps by you" in answer.text
    assert "secret" not in answer.text
    # A provider tries again what broke: nothing that somebody said is lost.
    assert [client.get(path).status_code for path in ("/hooks/fail", "/broken")] == [500, 500]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "path",
    [
        *("/go/%00", "/go/%00/PL-18", "/audience/contacts?language=%00", "/messages/partners?theme=%00"),
        "/messages/1/versions/2147483648",
    ],
)
def test_what_no_row_can_hold_breaks_nothing(pages: Pages, path: str) -> None:
    with pages.sessions.begin() as session:
        a_message(session, session.get_one(Organisation, pages.ours.id))
    client = pages.client(pages.member(*Role))
    assert client.get(path).status_code in (200, 302, 400, 404)
    assert client.post("/audience/contacts/groups", data={"name": "a\0b"}).status_code in (302, 400, 422)
    assert pages.client().post("/sign-in", data={"email": "a\0b@example.org", "password": "x"}).status_code < 500


def test_work_is_passed_on_to_a_member_and_to_nothing_else(pages: Pages) -> None:
    admin, other = pages.member(Role.ADMIN), pages.member(Role.AUTHOR)
    path = f"/settings/members/{other.id}/pass-on"
    assert pages.client(admin).post(path, data={"to": "xx"}).status_code == 400


def test_template_errors_do_not_leak(own_pages: Pages) -> None:
    own_pages.app.add_url_rule("/fail", "fail", lambda: render_template_string("secret {{ undefined.thing }}"))
    answer = own_pages.client().get("/fail")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_silent_database_is_unavailable(engine: Engine) -> None:
    with make_pages(engine) as pages:
        member = pages.member()
        silent = "sqlite:////nonexistent/fingerpost.db"
        if engine.dialect.name == "postgresql":
            silent = "postgresql+psycopg://nobody@127.0.0.1:9/nothing?connect_timeout=1"
    with make_pages(engine, database_url=silent) as pages:
        answer = pages.client(member).get("/", headers={"Accept-Language": "ar"})
        assert answer.status_code == 503
        assert 'dir="rtl"' in answer.text


def test_too_large_a_request_is_told(engine: Engine) -> None:
    with make_pages(engine, import_max_megabytes="1") as pages:
        answer = pages.client().post("/language", data={"language": "x" * 1_100_000})
    assert answer.status_code == 413
    assert "Send a smaller file." in answer.text


@pytest.mark.one_database
@pytest.mark.parametrize(("size", "status"), [(200, 200), (600, 200), (1200, 413)])
def test_only_where_files_are_taken_may_a_body_be_large(engine: Engine, size: int, status: int) -> None:
    with make_pages(engine, import_max_megabytes="1") as pages:
        client = pages.client(pages.member(Role.AUTHOR))
        body = b"x" * size * 1024
        answer = client.post("/places/import", data=body, content_type="application/octet-stream")
        assert (answer.status_code == 413) is (status == 413)
        limit = body_limit_of(pages.app, page_settings(engine, import_max_megabytes="1"))
        environ = {"PATH_INFO": "/places/import", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(size * 1024)}
        # A stranger would hold a place that a member waits for.
        for cookie in ("", "session=" + cookie_of(pages.client()), "session=forged"):
            assert limit({**environ, "HTTP_COOKIE": cookie}) == USUAL_BODY
        environ["HTTP_COOKIE"] = "session=" + cookie_of(client)
        assert (limit(environ) >= size * 1024) is (status == 200)
        for path in ("/", "/sign-in", "/health", "/nowhere", "/places"):
            assert limit({**environ, "PATH_INFO": path}) == USUAL_BODY
        assert limit({**environ, "PATH_INFO": "/hooks/twilio/inbound"}) == LARGEST_CALLBACK
        del environ["CONTENT_LENGTH"]
        assert limit(environ) > USUAL_BODY


def cookie_of(client: FlaskClient) -> str:
    with client.session_transaction() as session:
        session["csrf_token"] = "x"
    cookie = client.get_cookie("session")
    assert cookie is not None
    return str(cookie.value)


@pytest.mark.parametrize("kind", [PoolTimeoutError, OperationalError])
def test_database_that_has_no_room_is_asked_again(own_pages: Pages, kind: type[Exception]) -> None:
    failing(own_pages, kind("limit of size 8 overflow 20 reached", None, Exception("secret")))
    answer = own_pages.client().get("/fail")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "secret" not in answer.text


def test_missing_token_is_told(own_pages: Pages) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    answer = own_pages.client().post("/language", data={"language": "uk"})
    assert answer.status_code == 400
    assert "load the page again" in answer.text
