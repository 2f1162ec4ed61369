"""Administrators hear once by mail of each thing that runs out; a mail that is not taken is tried again."""

from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.core.settings import Settings
from campaigns.planning.spending.models import AccountBalance, RunCost, SpendingLimit
from campaigns.planning.spending.service import set_spending_limit
from campaigns.planning.spending.spending_mails import send_spending_mails
from campaigns.staff.models import Organisation, Role
from tests.factories import a_member, an_organisation
from tests.web.pages import page_settings


@pytest.fixture
def settings(engine: Engine) -> Settings:
    return replace(page_settings(engine), smtp_url="smtp://127.0.0.1:1", public_url="https://console.example")


@pytest.fixture
def spent(sessions: sessionmaker[Session]) -> int:
    """An organisation with two administrators and an author that spent 80 of its 100 dollars."""
    with sessions.begin() as session:
        ours = an_organisation(session)
        admin = a_member(session, ours, Role.ADMIN, email="ada@example.org")
        a_member(session, ours, Role.ADMIN, Role.AUTHOR, email="bo@example.org", locale="uk")
        a_member(session, ours, Role.AUTHOR, email="cy@example.org")
        session.add(SpendingLimit(organisation_id=ours.id, cents=100_00, set_by_id=admin.id, set_at=clock.now()))
        whose = {"organisation_id": ours.id, "month": f"{clock.now():%Y-%m}", "country": "UA"}
        figures = {"messages": 1, "parts": 1, "micros": 80_000_000, "coming_micros": 0}
        session.add(RunCost(run_id=1, sender_id=1, **whose, **figures))
        return ours.id


def test_each_administrator_is_told_once_at_each_step(
    sessions: sessionmaker[Session], settings: Settings, spent: int
) -> None:
    mails: list[EmailMessage] = []
    assert send_spending_mails(sessions, settings, mails.append) == 2
    assert send_spending_mails(sessions, settings, mails.append) == 0
    told = {mail["To"]: mail["Subject"] for mail in mails}
    assert told["ada@example.org"] == "80 % of the monthly limit is spent"
    assert set(told) == {"ada@example.org", "bo@example.org"}
    assert "https://console.example/reach/spending" in mails[0].get_content()
    assert "$" not in mails[0].get_content()
    with sessions.begin() as session:
        session.execute(update(RunCost).values(micros=100_000_000))
    assert send_spending_mails(sessions, settings, mails.append) == 2
    assert mails[-1]["Subject"] != told[mails[-1]["To"]]


def test_a_limit_that_is_used_up_again_is_told_again(
    sessions: sessionmaker[Session], settings: Settings, spent: int
) -> None:
    mails: list[EmailMessage] = []
    for limit, micros, told in ((100_00, 100_000_000, 2), (200_00, 110_000_000, 0), (200_00, 200_000_000, 2)):
        with sessions.begin() as session:
            session.execute(update(RunCost).values(micros=micros))
            ours = session.get_one(Organisation, spent)
            by = session.get_one(SpendingLimit, spent).set_by_id
            set_spending_limit(session, ours, limit, by=by)
        assert send_spending_mails(sessions, settings, mails.append) == told
    assert len({mail["Subject"] for mail in mails if mail["To"] == "ada@example.org"}) == 1


def test_a_mail_that_is_not_taken_is_tried_again(
    sessions: sessionmaker[Session], settings: Settings, spent: int
) -> None:
    def refuse(mail: EmailMessage) -> None:
        raise UnavailableError("The mail server does not answer.")

    mails: list[EmailMessage] = []
    assert send_spending_mails(sessions, settings, refuse) == 0
    assert send_spending_mails(sessions, settings, mails.append) == 2


def test_a_low_balance_is_told_to_whoever_owns_the_account(
    sessions: sessionmaker[Session], settings: Settings, spent: int
) -> None:
    facts = {"gateway": "twilio", "micros": 1, "currency": "USD", "told_at": clock.now()}
    with sessions.begin() as session:
        session.execute(update(RunCost).values(micros=0))
        session.add(AccountBalance(secret_name="twilio", **facts))
        session.add(AccountBalance(secret_name="nobodys", **facts))
    mails: list[EmailMessage] = []
    assert send_spending_mails(sessions, settings, mails.append) == 2
    assert {mail["Subject"] for mail in mails if mail["To"] == "ada@example.org"} == {
        "The money at a provider runs out"
    }
