"""JSON is read from programs that showed who they are, from nobody else; what breaks parsers is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from flask import Request
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from campaigns.core.database import make_engine
from campaigns.schema import metadata
from campaigns.staff.models import Role
from campaigns.staff.tokens import ApiScope, issue_token
from tests.web.pages import Pages, make_pages

DEEP, EMPTY_LISTS = b"[" * 200_000, b"[[],[]]"
JSON = "application/json"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('bodies') / 'pages.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def pages(engine: Engine) -> Iterator[Pages]:
    with make_pages(engine) as pages:
        yield pages


def everywhere(pages: Pages, client: FlaskClient, body: bytes) -> Iterator[tuple[str, TestResponse]]:
    """Send `body` to every route by every method it takes, and to one that is none."""
    yield "no route", client.post("/nothing/here", data=body, content_type=JSON)
    for rule in pages.app.url_map.iter_rules():
        values = {name: "csv" if name == "format_name" else "1" for name in rule.arguments}
        with pages.app.test_request_context():
            built = rule.build(values)
        assert built is not None
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = client.open(built[1], method=method, data=body, content_type=JSON)
            yield f"{method} {rule.rule} answered {answer.status}", answer


@pytest.mark.parametrize(
    "body", [pytest.param(DEEP, id="deep", marks=pytest.mark.long), pytest.param(EMPTY_LISTS, id="lists")]
)
@pytest.mark.parametrize("signed_in", [False, True], ids=["anonymous", "member"])
def test_json_that_breaks_parsers_is_refused_everywhere(pages: Pages, signed_in: bool, body: bytes) -> None:
    client = pages.client(pages.member(*Role) if signed_in else None)
    for where, answer in everywhere(pages, client, body):
        # The description of the API is the same for everybody, and given without a look at what was sent.
        assert 400 <= answer.status_code < 500 or "openapi" in where, where
        assert answer.status_code < 500, where


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""])
@pytest.mark.parametrize("path", ["/api/v1/assisted", "/api/v1/reach-reports"])
def test_program_that_sends_no_json_is_told(pages: Pages, path: str, kind: str) -> None:
    with pages.sessions.begin() as session:
        by = pages.member(Role.ADMIN).id
        _, token = issue_token(session, pages.ours.id, name="P", scopes=ApiScope, days=30, by=by)
    headers = {"Authorization": f"Bearer {token}"}
    answer = pages.client().post(path, data=b"", content_type=kind, headers=headers)
    assert answer.status_code == 422
    assert "Send JSON" in answer.get_json(force=True)["detail"]


@pytest.mark.parametrize("body", [DEEP, EMPTY_LISTS], ids=["deep", "lists"])
def test_json_that_breaks_parsers_is_refused_to_programs_too(pages: Pages, body: bytes) -> None:
    with pages.sessions.begin() as session:
        by = pages.member(Role.ADMIN).id
        _, token = issue_token(session, pages.ours.id, name="P", scopes=ApiScope, days=30, by=by)
    for path in ("/api/v1/assisted", "/api/v1/reach"):
        answer = pages.client().post(
            path, data=body, content_type=JSON, headers={"Authorization": f"Bearer {token}"}
        )
        assert 400 <= answer.status_code < 500, path


def test_nothing_reads_the_json_of_strangers(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: Request, **options: Any) -> NoReturn:
        raise AssertionError("the JSON of a stranger was read")

    monkeypatch.setattr(Request, "get_json", read)
    for where, answer in everywhere(pages, pages.client(), b'{"auth_token": "x"}'):
        assert answer.status_code != 500, where


def test_type_alone_is_not_refused(pages: Pages) -> None:
    assert pages.client().get("/health", content_type=JSON).status_code == 200


def test_chunked_json_is_refused_unread(pages: Pages) -> None:
    answer = pages.client().post(
        "/sign-in",
        content_type=JSON,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 415
