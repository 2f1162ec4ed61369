"""The shell as a whole: guards, navigation, and what every page is made of."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from flask import request
from flask.testing import FlaskClient
from sqlalchemy import Engine

from campaigns.app import create_app
from campaigns.core.errors import SettingsError
from campaigns.core.settings import PROJECT_ROOT
from campaigns.staff.models import Role
from tests.delivery.serving import instance_environment
from tests.web.pages import Pages, make_own_pages, make_pages, page_settings

pytestmark = pytest.mark.one_database


def steps_of(page: str) -> list[str]:
    route = page.split('<ol class="route"', 1)[1].split("</ol>", 1)[0]
    return re.findall(r'href="([^"]+)"', route)


def test_anonymous_people_sign_in_first(pages: Pages) -> None:
    answer = pages.client().get("/settings?tab=1")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/settings?tab%3D1"


def test_steps_follow_the_order_of_the_sentence(client_for: Callable[..., FlaskClient]) -> None:
    sentence = ["places", "audience", "directory", "messages", "campaigns", "delivery", "inbox", "reach"]
    order = ["/", *(f"/{step}" for step in sentence), "/settings"]
    steps = [url.rstrip("/") or "/" for url in steps_of(client_for(*Role).get("/").text)]
    assert steps == [url for url in order if url in steps]
    assert {"/", "/settings"} <= set(steps)


def test_every_step_shown_may_be_opened(client_for: Callable[..., FlaskClient]) -> None:
    client = client_for(Role.VIEWER)
    for url in steps_of(client.get("/").text):
        assert client.get(url, follow_redirects=True).status_code == 200


def test_demo_says_so_and_live_does_not(engine: Engine) -> None:
    for mode, shown in (("demo", True), ("live", False)):
        with make_pages(engine, mode=mode) as pages:
            assert ("demo-banner" in pages.client().get("/sign-in").text) is shown


def test_nothing_starts_without_a_secret(engine: Engine) -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        create_app(page_settings(engine, secret_key=""))


def test_health_needs_no_sign_in(pages: Pages) -> None:
    answer = pages.client().get("/health")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "ok")


@pytest.mark.parametrize("address", ["/sign-in", "/", "/settings", "/settings/members", "/nothing"])
def test_pages_hold_no_inline_script_or_style(client_for: Callable[..., FlaskClient], address: str) -> None:
    page = client_for(*Role).get(address, follow_redirects=True).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", page)
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)


def test_forms_work_over_https_without_a_referrer(engine: Engine) -> None:
    with make_own_pages(engine, public_url="https://fingerpost.example") as pages:
        pages.app.config["WTF_CSRF_ENABLED"] = True
        client = pages.client()
        page = client.get("/sign-in", base_url="https://localhost").text
        assert page.count('name="csrf_token"') == 1
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None
        answer = client.post(
            "/sign-in", data={"email": "x@example.org", "csrf_token": token[1]}, base_url="https://localhost"
        )
        without = client.post("/sign-in", data={"email": "x@example.org"}, base_url="https://localhost")
    assert (answer.status_code, without.status_code) == (200, 400)


@pytest.mark.parametrize(("proxies", "address"), [("0", "127.0.0.1"), ("1", "203.0.113.9")])
def test_only_trusted_proxies_are_believed(engine: Engine, proxies: str, address: str) -> None:
    with make_own_pages(engine, trusted_proxies=proxies) as pages:
        pages.app.add_url_rule("/me", "me", lambda: str(request.remote_addr))
        answer = pages.client().get("/me", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    assert answer.text == address


def test_another_server_finds_the_application(sqlite_engine: Engine) -> None:
    environment = os.environ | instance_environment(sqlite_engine)
    answered = "from wsgi import application; print(application.test_client().get('/health').status_code)"
    command = [sys.executable, "-c", answered]
    done = subprocess.run(command, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "200", done.stderr
