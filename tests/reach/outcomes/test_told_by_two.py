"""One stolen account of whichever roles changes nothing that people are told; two members do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import RunText
from campaigns.directory.models import Service
from campaigns.planning.links.counted_links import CountedLink
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.planning.policy import USUAL
from campaigns.planning.queries import find_editors
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.reach.outcomes.told_by_two import (
    FOREIGN,
    FORM,
    OWN,
    PAGE,
    TRIED,
    Target,
    agreed,
    an_approved_campaign,
    fire,
    play_everything,
)
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite only: what differs between the databases is tested below the pages."""
    return sqlite_engine


@pytest.fixture
def target(pages: Pages, vault: Vault) -> Target:
    with pages.sessions.begin() as session:
        return an_approved_campaign(session, session.get_one(Organisation, pages.ours.id), vault, people=4)


def said(pages: Pages, target: Target) -> tuple[str, list[str]]:
    """Fire the campaign and fill in its texts; return the state of the run, and what it says."""
    with pages.sessions.begin() as session:
        run = fire(session, target)
        run_id, state = run.id, run.state
    if state == RunState.PLANNING:
        fan_out(pages.sessions, run_id, policy=USUAL)
    with pages.sessions() as session:
        return str(state), [str(body) for body in session.scalars(select(RunText.body))]


def led_to(pages: Pages, target: Target) -> str:
    return pages.app.test_client().get(f"/go/{target.code}").headers.get("Location", "")


@pytest.mark.parametrize("roles", [(role,) for role in Role] + [tuple(Role)], ids=lambda roles: "+".join(roles))
def test_one_stolen_account_changes_nothing_that_people_are_told(
    pages: Pages, client_for: Clients, target: Target, roles: tuple[Role, ...]
) -> None:
    play_everything(pages, client_for(*roles), target)
    assert agreed(pages) == []
    with pages.sessions() as session:
        line = session.get_one(Service, target.service_id)
        assert (line.number_national, line.number_from_abroad) == (OWN, OWN)
        named = select(func.count()).where(Service.verified_on.is_not(None), Service.number_national == FOREIGN)
        assert session.scalar(named) == 0
    state, texts = said(pages, target)
    assert (state, len(texts) > 0) == ("planning", True)
    assert [text for text in texts if FOREIGN in text or "600600" in text] == []
    assert all(OWN in text for text in texts)
    assert led_to(pages, target) == PAGE


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.APPROVER}))
def test_stolen_account_without_the_right_to_review_does_not_help_another(
    pages: Pages, client_for: Clients, target: Target, role: Role
) -> None:
    """Two stolen accounts are two members; but neither of them may be one that may not review."""
    client_for(Role.AUTHOR).post(f"/directory/{target.service_id}/edit", data=FORM)
    play_everything(pages, client_for(role), target)
    assert agreed(pages) == []


def test_number_that_two_members_changed_waits_for_a_third_who_wrote_none_of_it(
    pages: Pages, client_for: Clients, target: Target
) -> None:
    """Not even who proposed, agreed and verified lets people be told before somebody approves that they are."""
    both, approver = client_for(Role.AUTHOR, Role.APPROVER), client_for(Role.APPROVER)
    page = f"/directory/{target.service_id}"
    proposal = both.post(f"{page}/edit", data=FORM).location
    assert proposal in approver.get("/").text
    approver.post(f"{proposal}/agree")
    tried = TRIED | {"on": clock.now().date().isoformat()}
    assert both.post(f"{page}/verify", data=tried).status_code == 409
    assert approver.post(f"{page}/verify", data=tried).status_code == 302
    state, texts = said(pages, target)
    assert (state, texts) == ("held", [])
    with pages.sessions() as session:
        run = session.scalars(select(Run)).one()
        assert FOREIGN in str(run.reason)
        kept = select(AuditEntry.detail).where(AuditEntry.action == "proposal.agree")
        detail = session.scalars(kept).one()
        assert (detail["before"]["number_national"], detail["after"]["number_national"]) == (OWN, FOREIGN)
    release = f"/delivery/runs/{run.id}/let-start"
    both.post(release)
    with pages.sessions() as session:
        assert session.get_one(Run, run.id).state == RunState.HELD
    approver.post(release)
    with pages.sessions() as session:
        assert session.get_one(Run, run.id).state == RunState.PLANNING


def test_change_that_says_it_is_wrong_takes_the_number_away_at_once(
    pages: Pages, client_for: Clients, target: Target
) -> None:
    client_for(Role.AUTHOR).post(f"/directory/{target.service_id}/edit", data=FORM | {"is_wrong": "y"})
    state, texts = said(pages, target)
    assert state == "planning"
    assert [text for text in texts if FOREIGN in text or OWN in text] == []
    assert all("112" in text for text in texts)
    assert "Named no more" in client_for(Role.VIEWER).get("/").text


def test_link_is_led_elsewhere_by_two_and_nowhere_by_one(
    pages: Pages, client_for: Clients, target: Target
) -> None:
    author, approver = client_for(Role.AUTHOR), client_for(Role.APPROVER)
    elsewhere = "https://help.example.org/elsewhere"
    proposal = author.post(f"/reach/campaigns/{target.campaign_id}/link", data={"target": elsewhere}).location
    shown = approver.get(proposal).text
    assert (PAGE in shown, elsewhere in shown) == (True, True)
    assert led_to(pages, target) == PAGE
    approver.post(f"{proposal}/agree")
    assert led_to(pages, target) == elsewhere
    with pages.sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "reach.change_link")).one()
        assert (entry.detail["before"], entry.detail["after"]) == (PAGE, elsewhere)
    assert said(pages, target)[0] == "held"
    client_for(Role.RESPONDER).post(f"/reach/campaigns/{target.campaign_id}/link/take-away")
    assert led_to(pages, target) == ""
    assert pages.app.test_client().get(f"/go/{target.code}").status_code == 404


def test_whoever_proposed_where_the_link_leads_does_not_approve_it(
    pages: Pages, client_for: Clients, target: Target
) -> None:
    first, second = pages.member(Role.AUTHOR, Role.APPROVER), pages.member(Role.APPROVER)
    data = {"target": "https://help.example.org/elsewhere"}
    proposal = pages.client(first).post(f"/reach/campaigns/{target.campaign_id}/link", data=data).location
    pages.client(second).post(f"{proposal}/agree")
    with pages.sessions() as session:
        editors = find_editors(session, session.get_one(Campaign, target.campaign_id))
        assert (first.id in editors, second.id in editors) == (True, False)


def test_whoever_proposed_an_emergency_number_does_not_approve_it(
    pages: Pages, client_for: Clients, target: Target
) -> None:
    first, second = pages.member(Role.AUTHOR, Role.APPROVER), pages.member(Role.APPROVER)
    data = {"number": "999", "document": "A notice", "document_date": clock.now().date().isoformat()}
    proposal = pages.client(first).post("/directory/emergency/PL", data=data).location
    pages.client(second).post(f"{proposal}/agree")
    with pages.sessions() as session:
        editors = find_editors(session, session.get_one(Campaign, target.campaign_id))
        assert (first.id in editors, second.id in editors) == (True, False)


def test_hosts_are_listed_by_two_administrators_and_taken_away_by_one(
    pages: Pages, client_for: Clients, target: Target
) -> None:
    first, second = client_for(Role.ADMIN), client_for(Role.ADMIN)
    proposal = first.post("/reach/link-hosts", data={"host": "пример.рф"}).location
    assert "xn--e1afmkfd.xn--p1ai" in second.get(proposal).text
    assert client_for(Role.APPROVER).post(f"{proposal}/agree").status_code == 409
    assert first.post(f"{proposal}/agree").status_code == 409
    second.post(f"{proposal}/agree")
    assert "xn--e1afmkfd.xn--p1ai" in first.get("/reach/link-hosts").text
    first.post("/reach/link-hosts/help.example.org/remove")
    assert led_to(pages, target) == ""


def test_target_with_a_line_break_that_was_stored_leads_nowhere(pages: Pages, target: Target) -> None:
    with pages.sessions.begin() as session:
        session.get_one(CountedLink, target.campaign_id).target = f"{PAGE}\r\nSet-Cookie: a=b"
    assert pages.app.test_client().get(f"/go/{target.code}/PL-18").status_code == 404
