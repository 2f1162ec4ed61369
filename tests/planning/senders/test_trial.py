"""A member tests a sender: its provider is asked, nobody is written to, and what it said is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.continuity.latch import latch
from campaigns.continuity.models import LatchReason
from campaigns.core import clock
from campaigns.core.errors import RefusedError, SettingsError
from campaigns.core.settings import Settings
from campaigns.planning.models import Sender
from campaigns.planning.senders import trial
from campaigns.planning.senders.trial import NO_ANSWER, TrialAnswer, try_sender
from campaigns.staff.models import AuditEntry, Member, Role
from tests.factories import NOON, a_campaign, a_member, a_run, a_sender, an_organisation
from tests.gateways.canned import SILENCE, answering
from tests.sandbox.process import DEFAULTS, SandboxProcess
from tests.web.pages import Pages, page_settings, pages_on_file

SECRETS = {
    "secret_good": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
    "secret_wrong": f"{DEFAULTS.account_sid}:wrong",
    "secret_bot": f"5550100:{DEFAULTS.auth_token}",
    "secret_kenya": f"sandbox:{DEFAULTS.auth_token}",
}


@pytest.fixture
def settings(session: Session, sandbox: SandboxProcess) -> Settings:
    engine: Any = session.get_bind()
    return page_settings(engine, sandbox_url=sandbox.url, **SECRETS)


@pytest.fixture
def member(session: Session) -> Member:
    return a_member(session, an_organisation(session), Role.ADMIN)


def ask(session: Session, settings: Settings, member: Member, **facts: Any) -> tuple[Sender, TrialAnswer]:
    facts = {"secret_name": "good"} | facts
    sender = a_sender(session, **facts)
    with clock.running_on(lambda: NOON):
        answer = try_sender(session, sender, settings=settings, by=member.id)
    return sender, answer


@pytest.mark.parametrize(
    ("facts", "account"),
    [
        ({}, "Sandbox"),
        ({"channel": "whatsapp"}, "Sandbox"),
        ({"channel": "telegram", "gateway": "telegram", "secret_name": "bot"}, "@fingerpost_bot"),
        ({"gateway": "africastalking", "secret_name": "kenya"}, "sandbox"),
    ],
)
def test_account_that_answers_works(
    session: Session, settings: Settings, member: Member, facts: dict[str, Any], account: str
) -> None:
    sender, answer = ask(session, settings, member, **facts)
    assert answer == TrialAnswer(account=account)
    assert (sender.tested_at, sender.test_code) == (NOON, "")
    (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "sender.test"))
    assert (entry.member_id, entry.subject_id, entry.detail["code"]) == (member.id, sender.id, "")


def test_refusal_is_kept_and_the_next_test_settles_it(
    session: Session, settings: Settings, member: Member
) -> None:
    sender, answer = ask(session, settings, member, secret_name="wrong")
    assert answer == TrialAnswer(code="20003")
    assert (sender.tested_at, sender.test_code) == (NOON, "20003")
    sender.secret_name = "good"
    with clock.running_on(lambda: NOON + timedelta(hours=1)):
        try_sender(session, sender, settings=settings, by=member.id)
    assert (sender.tested_at, sender.test_code) == (NOON + timedelta(hours=1), "")


@pytest.mark.one_database
def test_provider_that_says_nothing_is_not_waited_for(
    session: Session, settings: Settings, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "ASK_SECONDS", 0.2)
    with answering(SILENCE) as server:
        there = page_settings(session.get_bind(), sandbox_url=server.url, **SECRETS)  # type: ignore[arg-type]
        sender, answer = ask(session, there, member)
    assert answer == TrialAnswer(code=NO_ANSWER)
    assert sender.test_code == NO_ANSWER


def test_nobody_is_asked_while_the_instance_is_latched(
    session: Session, settings: Settings, member: Member, sandbox: SandboxProcess
) -> None:
    sandbox.fixture(keep_requests=9)
    latch(session, LatchReason.BEHIND)
    with pytest.raises(RefusedError, match="it was restored"):
        ask(session, settings, member)
    assert sandbox.request("GET", "/_sandbox/requests").json()["requests"] == []


def test_what_cannot_be_asked_is_not_said_to_work(session: Session, settings: Settings, member: Member) -> None:
    with pytest.raises(RefusedError, match="no provider behind"):
        ask(session, settings, member, gateway="console", secret_name="none")
    with pytest.raises(SettingsError, match="FINGERPOST_SECRET_ELSEWHERE"):
        ask(session, settings, member, secret_name="elsewhere")


@pytest.fixture
def pages(tmp_path: Path, sandbox: SandboxProcess) -> Iterator[Pages]:
    with pages_on_file(tmp_path, sandbox_url=sandbox.url, **SECRETS) as pages:
        yield pages


def test_member_reads_what_came_of_it(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        good, wrong, used = (
            a_sender(session, name=name, secret_name=secret, organisation_id=pages.ours.id)
            for name, secret in (("Good", "good"), ("Wrong", "wrong"), ("Used", "good"))
        )
        campaign = a_campaign(session, pages.ours, a_member(session, pages.ours), senders=[used])
        a_run(session, campaign, started_at=NOON, planned=1)
    admin = pages.client(pages.member(Role.ADMIN))
    listed = admin.get("/campaigns/senders").text
    assert [listed.count(word) for word in ("Not tried yet", ">Works<", "tested")] == [2, 1, 0]

    def test(sender: Sender) -> str:
        return admin.post(f"/campaigns/senders/{sender.id}/test", follow_redirects=True).text

    assert "Works: the account “Sandbox” answered." in test(good)
    refused = test(wrong)
    assert "It does not work: authentication failed" in refused
    assert "(20003)" in refused
    listed = admin.get("/campaigns/senders").text
    words = ("Not tried yet", ">Works<", "Did not work", "tested ")
    assert [listed.count(word) for word in words] == [0, 2, 1, 2]
    assert "(20003)" in listed


def test_sender_that_reaches_nobody_has_no_button(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        console = a_sender(session, gateway="console", secret_name="none", organisation_id=pages.ours.id)
        line = a_sender(session, secret_name="good", organisation_id=pages.ours.id)
    admin = pages.client(pages.member(Role.ADMIN))
    assert "Test this sender" not in admin.get(f"/campaigns/senders/{console.id}").text
    assert "Test this sender" in admin.get(f"/campaigns/senders/{line.id}").text
