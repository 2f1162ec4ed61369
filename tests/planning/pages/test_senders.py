"""The pages of senders, as administrators meet them."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from campaigns.gateways.callbacks import hook_secret
from campaigns.planning.models import Health, Sender
from campaigns.staff.models import Role
from tests.factories import NOON, a_sender
from tests.web.pages import Pages, make_pages

FORM = {
    "name": "Line",
    "channel": "sms",
    "identity": "NGOINFO",
    "gateway": "twilio",
    "secret_name": "twilio",
    "pace": "10",
    "active": "y",
}


@pytest.fixture
def admin(pages: Pages) -> FlaskClient:
    return pages.client(pages.member(Role.ADMIN))


def ours(pages: Pages, **changes: Any) -> Sender:
    with pages.sessions.begin() as session:
        return a_sender(session, **{"organisation_id": pages.ours.id} | changes)


def only(pages: Pages) -> Sender:
    with pages.sessions() as session:
        return session.scalars(select(Sender)).one()


def test_sender_is_added_and_changed(pages: Pages, admin: FlaskClient) -> None:
    form = FORM | {"countries": "Poland, ua", "daily_limit": "250"}
    assert admin.post("/campaigns/senders/new", data=form).status_code == 302
    added = only(pages)
    assert (added.organisation_id, added.two_way, added.pace) == (pages.ours.id, False, 10.0)
    assert (added.countries, added.daily_limit) == (["PL", "UA"], 250)
    page = admin.get(f"/campaigns/senders/{added.id}").text
    assert 'value="Poland, Ukraine"' in page
    change = {"name": "Line", "pace": "0.5", "countries": "", "daily_limit": ""}
    refused = admin.post(f"/campaigns/senders/{added.id}", data=change | {"countries": "Atlantis"})
    assert "“Atlantis” is no country" in refused.text
    admin.post(f"/campaigns/senders/{added.id}", data=change)
    changed = only(pages)
    assert (changed.pace, changed.active, changed.identity) == (0.5, False, "NGOINFO")
    assert (changed.countries, changed.daily_limit) == ([], None)


def test_newcomer_without_a_key_adds_a_sender_and_is_told_what_to_enter(sqlite_engine: Engine) -> None:
    with make_pages(sqlite_engine, owners_twilio="") as pages:
        admin = pages.client(pages.member(Role.ADMIN))
        assert "Add the sender all the same" in admin.get("/campaigns/senders/new").text
        made = admin.post("/campaigns/senders/new", data=FORM | {"secret_name": ""})
        added = only(pages)
        assert made.location == f"/campaigns/senders/{added.id}"
        assert added.secret_name == "twilio_ours"
        page = admin.get(made.location).text
        listed = admin.get("/campaigns/senders").text
    assert "No provider key yet" in page
    assert "FINGERPOST_SECRET_TWILIO_OURS=account:token" in page
    assert "FINGERPOST_OWNERS_TWILIO_OURS=ours" in page
    assert "No provider key" in listed


@pytest.mark.parametrize(
    "change",
    [
        {"identity": "0123"},
        {"channel": "telegram"},
        {"channel": "fax"},
        {"pace": "0"},
        {"pace": "nan"},
        {"gateway": "fax"},
        {"secret_name": "Two Words"},
        {"name": " "},
        {"countries": "Poland and Ukraine"},
        {"daily_limit": "-1"},
    ],
)
def test_impossible_senders_are_told(pages: Pages, admin: FlaskClient, change: dict[str, str]) -> None:
    assert admin.post("/campaigns/senders/new", data=FORM | change).status_code == 422
    with pages.sessions() as session:
        assert session.scalars(select(Sender)).all() == []


def test_country_is_read_in_the_readers_language(pages: Pages) -> None:
    admin = pages.client(pages.member(Role.ADMIN, locale="ar"))
    admin.post("/campaigns/senders/new", data=FORM | {"countries": "بولندا، UA"})
    assert only(pages).countries == ["PL", "UA"]


def test_shared_sender_is_nobodys_to_change(pages: Pages, admin: FlaskClient) -> None:
    shared = ours(pages, organisation_id=None)
    assert admin.get(f"/campaigns/senders/{shared.id}").status_code == 404
    assert admin.post(f"/campaigns/senders/{shared.id}/use-again").status_code == 404
    assert "shared by all organisations" in admin.get("/campaigns/senders").text


def test_paused_sender_says_why_and_is_used_again(pages: Pages, admin: FlaskClient) -> None:
    sender = ours(pages, health=Health.PAUSED, health_code="63018", health_at=NOON)
    page = admin.get("/campaigns/senders").text
    assert "63018" in page
    assert "Use it again" in page
    admin.post(f"/campaigns/senders/{sender.id}/use-again")
    assert only(pages).health == Health.WELL
    again = admin.post(f"/campaigns/senders/{sender.id}/use-again", follow_redirects=True)
    assert "works already" in again.text


def test_signed_callbacks_need_one_address(pages: Pages, admin: FlaskClient) -> None:
    page = admin.get(f"/campaigns/senders/{ours(pages).id}").text
    # Without what stands behind it the provider would call again only when it could not connect.
    assert "/hooks/twilio/inbound#rc=5&amp;rp=all" in page
    assert hook_secret("token") not in page


def test_providers_are_told_the_address_of_the_hooks(sqlite_engine: Engine) -> None:
    with make_pages(sqlite_engine, hooks_url="https://hooks.example/in/") as pages:
        admin = pages.client(pages.member(Role.ADMIN))
        page = admin.get(f"/campaigns/senders/{ours(pages).id}").text
    assert "https://hooks.example/in/hooks/twilio/inbound" in page


@pytest.mark.parametrize(("mode", "offered"), [("demo", True), ("live", False)])
def test_only_a_demo_offers_what_reaches_nobody(sqlite_engine: Engine, mode: str, offered: bool) -> None:
    with make_pages(sqlite_engine, mode=mode, public_url="https://fingerpost.example") as pages:
        admin = pages.client(pages.member(Role.ADMIN))
        assert ("reaches nobody" in admin.get("/campaigns/senders/new").text) is offered
        answer = admin.post("/campaigns/senders/new", data=FORM | {"gateway": "console"})
        assert (answer.status_code == 302) is offered
