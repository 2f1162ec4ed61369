"""A worker hands templates in and tells bots our address, and does not ask providers more often than it must."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import requests
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from campaigns.accounts import CONNECTED_FOR, FIRST_PAUSE, Accounts
from campaigns.audience.models import Channel
from campaigns.core.settings import Settings
from campaigns.planning.models import TemplateCategory, TemplateState, WhatsAppTemplate
from campaigns.planning.whatsapp.requests import ask_for_missing
from campaigns.staff.credentials import load_credentials
from tests.factories import a_campaign, a_member, a_sender, an_organisation
from tests.sandbox.process import DEFAULTS, SandboxProcess
from tests.web.pages import page_settings


class Seconds:
    """A clock that goes when it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sandbox(sandbox: SandboxProcess) -> SandboxProcess:
    sandbox.fixture(approval_s=0.0)
    return sandbox


@pytest.fixture
def settings(engine: Engine, sandbox: SandboxProcess) -> Settings:
    secrets = {
        "TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
        "TELEGRAM": DEFAULTS.telegram_token,
    }
    addresses: dict[str, Any] = {"public_url": "https://console.example", "hooks_url": "http://127.0.0.1:9/"}
    return replace(page_settings(engine), sandbox_url=sandbox.url, secrets=secrets, **addresses)


def webhook_of(sandbox: SandboxProcess) -> str:
    answer = requests.get(f"{sandbox.url}/bot{DEFAULTS.telegram_token}/getWebhookInfo", timeout=5)
    return str(answer.json()["result"]["url"])


def test_bot_learns_our_address_and_keeps_it(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess
) -> None:
    with sessions.begin() as session:
        a_sender(session, channel=Channel.TELEGRAM, gateway="telegram", secret_name="telegram")
        a_sender(session)
    clock = Seconds()
    accounts = Accounts(sessions, settings, seconds=clock)
    asyncio.run(accounts.connect())
    assert webhook_of(sandbox).startswith("http://127.0.0.1:9/hooks/telegram/")
    requests.get(f"{sandbox.url}/bot{DEFAULTS.telegram_token}/deleteWebhook", timeout=5)
    asyncio.run(accounts.connect())
    assert webhook_of(sandbox) == ""
    clock.now += CONNECTED_FOR
    asyncio.run(accounts.connect())
    assert webhook_of(sandbox)


def test_account_without_a_credential_holds_nobody_up(
    sessions: sessionmaker[Session], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with sessions.begin() as session:
        a_sender(session, secret_name="nobody_set_it")
    asyncio.run(Accounts(sessions, settings).connect())
    assert "FINGERPOST_SECRET_NOBODY_SET_IT" in caplog.text


def test_asked_templates_are_handed_in_and_approved(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        member = a_member(session, organisation)
        sender = a_sender(session, channel=Channel.WHATSAPP, identity="+447700900100")
        campaign = a_campaign(session, organisation, member, sender=sender)
        ask_for_missing(
            session,
            campaign,
            category=TemplateCategory.UTILITY,
            by=member.id,
            credentials=load_credentials(session, settings),
        )
    clock = Seconds()
    accounts = Accounts(sessions, settings, seconds=clock)
    for _ in range(2):
        asyncio.run(accounts.sync_templates())
        clock.now += 2 * FIRST_PAUSE
    with sessions() as session:
        templates = session.query(WhatsAppTemplate).all()
        assert [template.state for template in templates] == [TemplateState.APPROVED] * 2
