"""What every answer carries, and what is never cached."""

from __future__ import annotations

from io import BytesIO

import pytest
from flask import send_file
from sqlalchemy import Engine

from campaigns.web.guards.headers import HEADERS
from tests.web.pages import Pages, make_pages


@pytest.mark.parametrize("address", ["/sign-in", "/health", "/nothing", "/static/fingerpost.css"])
def test_every_answer_is_strict(pages: Pages, address: str) -> None:
    with pages.client().get(address) as answer:
        headers = answer.headers
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "address", ["/", "/nothing", "/api", "/health", "/publications/x", "/go/x", "/static/no.js"]
)
def test_visitors_get_no_script_and_no_cookie(pages: Pages, address: str) -> None:
    answer = pages.client().get(address)
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_members_get_scripts_of_ours_only(pages: Pages) -> None:
    policy = pages.client(pages.member()).get("/settings").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy


def test_sign_in_has_no_script(pages: Pages) -> None:
    answer = pages.client().get("/sign-in")
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text


def test_callbacks_are_answered_as_strictly(pages: Pages) -> None:
    answer = pages.client().post("/hooks/twilio/status")
    assert answer.status_code == 403
    assert set(HEADERS.items()) <= set(answer.headers.items())
    assert answer.headers["Cache-Control"] == "no-store"


def test_missing_assets_are_not_cached(pages: Pages) -> None:
    assert pages.client().get("/static/nothing.css").headers["Cache-Control"] == "no-store"


def test_only_assets_may_be_cached(own_pages: Pages) -> None:
    own_pages.app.add_url_rule("/list.csv", "list", lambda: send_file(BytesIO(b"name"), "text/csv"))
    client = own_pages.client()
    for address in ("/sign-in", "/list.csv"):
        assert client.get(address).headers["Cache-Control"] == "no-store"
    with client.get("/static/fingerpost.css") as answer:
        assert "no-store" not in answer.headers["Cache-Control"]


def test_https_is_kept_and_guards_the_cookie(engine: Engine) -> None:
    with make_pages(engine, public_url="https://fingerpost.example") as pages:
        answer = pages.client().post("/language", data={"language": "uk"}, base_url="https://localhost")
        cookie = answer.headers["Set-Cookie"]
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    assert all(part in cookie for part in ("; Secure", "; HttpOnly", "; SameSite=Lax"))


def test_plain_http_promises_nothing(pages: Pages) -> None:
    assert "Strict-Transport-Security" not in pages.client().get("/sign-in").headers
