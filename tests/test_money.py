"""A worker asks providers what messages cost and what is left, adds it up, and asks no more than it must."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns import money
from campaigns.core import clock
from campaigns.core.settings import Settings
from campaigns.gateways.connecting import Charge
from campaigns.money import ASK_EVERY, Money, _days_to_read
from campaigns.planning.spending.models import AccountBalance, ToldCost
from campaigns.planning.spending.queries import find_left, load_month
from campaigns.planning.spending.told import ToldSums, replace_day
from tests.factories import a_sender, an_organisation
from tests.gateways.conftest import a_message, twilio_at, using
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess
from tests.web.pages import page_settings

pytestmark = pytest.mark.one_database

TODAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = date(2026, 3, 2)


@pytest.fixture
def settings(engine: Engine, sandbox: SandboxProcess) -> Settings:
    secrets = {"TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}"}
    return replace(page_settings(engine), sandbox_url=sandbox.url, secrets=secrets)


def no_mailer(mail: EmailMessage) -> None:
    raise AssertionError("nobody is to be told anything")


def a_charge(price: str | None = "0.1", sender: str = "+1500", currency: str = "USD") -> Charge:
    told = None if price is None else Decimal(price)
    return Charge("+380671234567", (sender,), 2, told, currency if price else "")


def test_the_sandbox_tells_prices_and_a_balance_as_twilio_does(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess
) -> None:
    with sessions.begin() as session:
        ours = an_organisation(session)
        a_sender(session, identity=SENDER, organisation_id=ours.id)
    using(twilio_at(sandbox.url), lambda gateway: gateway.send(a_message()))
    deadline = time.monotonic() + 10
    while not all(message["price"] for message in sandbox.truth()) and time.monotonic() < deadline:
        time.sleep(0.05)
    money = Money(sessions, settings, no_mailer)
    asyncio.run(money.ask_providers())
    with sessions() as session:
        (row,) = session.scalars(select(ToldCost))
        left = session.get_one(AccountBalance, "twilio")
    assert (row.organisation_id, row.country, row.currency, row.messages) == (ours.id, "UA", "USD", 1)
    (message,) = sandbox.truth()
    assert row.micros == round(message["price"] * 1_000_000)
    assert 900 < left.micros / 1_000_000 <= 1_000


def test_nothing_is_written_on_the_loop_that_sends(
    sessions: sessionmaker[Session], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write waits for as long as somebody else writes."""
    written: list[str] = []

    def off_the_loop(name: str) -> None:
        keep = getattr(money, name)

        def watched(*values: Any, **named: Any) -> None:
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            written.append(name)
            keep(*values, **named)

        monkeypatch.setattr(money, name, watched)

    for name in ("keep_balance", "replace_day"):
        off_the_loop(name)
    with sessions.begin() as session:
        a_sender(session, organisation_id=an_organisation(session).id)
    asyncio.run(Money(sessions, settings, no_mailer).ask_providers())
    assert set(written) == {"keep_balance", "replace_day"}


def test_a_provider_is_asked_once_an_hour(sessions: sessionmaker[Session], settings: Settings) -> None:
    seconds = [0.0]
    with sessions.begin() as session:
        a_sender(session, organisation_id=an_organisation(session).id)
    money = Money(sessions, settings, no_mailer, seconds=lambda: seconds[0])
    told = []
    for at in (0.0, ASK_EVERY - 1, ASK_EVERY):
        seconds[0] = at
        asyncio.run(money.ask_providers())
        with sessions() as session:
            told.append(session.get_one(AccountBalance, "twilio").told_at)
    assert told[0] == told[1] < told[2]


def test_a_day_is_read_until_it_has_settled() -> None:
    read = {DAY - timedelta(days=1): TODAY - timedelta(hours=1), DAY - timedelta(days=2): TODAY}
    days = _days_to_read(read, TODAY)
    assert days[:2] == [DAY, DAY - timedelta(days=1)]
    assert DAY - timedelta(days=2) not in days
    assert len(days) == 30


def test_charges_belong_to_the_senders_organisation_else_to_the_only_owner() -> None:
    charges = [
        (a_charge(sender="+1500"), "UA"),
        (a_charge(sender="+1600"), "UA"),
        (a_charge(sender="+1600", price=None), "UA"),
        (a_charge(sender="+1600", price="0.2", currency="EUR"), "PL"),
    ]
    for sole, wanted in ((None, {1}), (2, {1, 2})):
        sums = ToldSums({"+1500": 1}, sole)
        sums.add(charges)
        assert {row["organisation_id"] for row in sums.rows("twilio", DAY)} == wanted
    assert {(row["currency"], row["micros"]) for row in sums.rows("twilio", DAY)} == {
        ("USD", 100_000),
        ("", 0),
        ("EUR", 200_000),
    }


def test_what_is_told_replaces_what_was_told_and_counts_for_the_limit(session: Session) -> None:
    ours = an_organisation(session)
    for price in ("1", "30"):
        sums = ToldSums({}, ours.id)
        sums.add([(a_charge(price=price), "UA")])
        replace_day(session, "twilio", DAY, sums, read_at=TODAY)
    assert load_month(session, ours.id, now=TODAY).spent_cents == 30_00


@pytest.mark.both_databases
def test_a_balance_is_low_when_it_does_not_last_for_another_week(session: Session) -> None:
    ours = an_organisation(session)
    sums = ToldSums({}, ours.id)
    sums.add([(a_charge(price="50"), "UA")])
    replace_day(session, "twilio", DAY, sums, read_at=TODAY)
    told: dict[int, bool] = {}
    for dollars in (19, 49, 50):
        balance = AccountBalance(
            secret_name="twilio", gateway="twilio", micros=dollars * 1_000_000, currency="USD", told_at=clock.now()
        )
        session.merge(balance)
        session.flush()
        (left,) = find_left(session, ["twilio"], now=TODAY)
        told[dollars] = left.is_low
    assert told == {19: True, 49: True, 50: False}
    assert find_left(session, ["another"], now=TODAY) == []
