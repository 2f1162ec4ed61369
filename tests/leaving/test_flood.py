"""Machines ask for codes to very many numbers: what is sent at most stays small, hour after hour."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from campaigns.leaving.budgets import LOOKED_BACK, PER_PREFIX
from campaigns.leaving.code_sending import send_codes
from campaigns.leaving.models import LeaveRequest
from campaigns.planning.models import Sender
from tests.delivery.builders import addressed_people
from tests.factories import a_sender, an_organisation
from tests.moments import standing_at

#: Numbers that begin alike, all of people who get texts: the worst that a flood can find.
NEIGHBOURS = 100


def flood(session: Session, vault: Vault, *, prefixes: int) -> None:
    """Let somebody ask for a code to each neighbour behind so many beginnings."""
    now = clock.now()
    rows = [
        {
            "ticket": vault.lookup_hash("ticket", f"{now} {number.hex()}"),
            "number": number,
            "prefix": vault.lookup_hash("prefix", str(place // NEIGHBOURS)),
            "language": "en",
            "asked_at": now,
        }
        for place, number in enumerate(session.scalars(select(Address.number).order_by(Address.id)))
        if number is not None
    ]
    assert len(rows) == prefixes * NEIGHBOURS
    session.execute(insert(LeaveRequest), rows)


def send_all(sessions: sessionmaker[Session], vault: Vault, cents_a_day: int) -> int:
    sent = 0
    values = {"MODE": "demo", "SECRET_TWILIO": "AC0:token", "LEAVE_CODES_CENTS_A_DAY": str(cents_a_day)}
    settings = load_settings({f"FINGERPOST_{name}": value for name, value in values.items()})
    while True:
        with sessions() as session:
            waiting = select(func.count()).where(LeaveRequest.settled_at.is_(None))
            if not session.scalar(waiting):
                return sent
        sent += send_codes(sessions, vault, settings)


@pytest.mark.parametrize(
    "prefixes", [pytest.param(1, id="100"), pytest.param(100, id="10000", marks=pytest.mark.slow)]
)
def test_flood_meets_budget_and_breaker(sessions: sessionmaker[Session], vault: Vault, prefixes: int) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        a_sender(session, identity="NGOINFO", two_way=False, prices={"*": "0.01"}, organisation_id=organisation.id)
        addressed_people(session, organisation.id, vault, count=prefixes * NEIGHBOURS)
        flood(session, vault, prefixes=prefixes)
    # Money alone: one part is one cent, rounded up, and more than 20 of them are not paid for.
    assert send_all(sessions, vault, 20) == 20
    with sessions.begin() as session:
        session.execute(update(LeaveRequest).values(sent_at=None, settled_at=None, cents=0))
        session.execute(update(Sender).values(prices={"*": "0"}))
    assert send_all(sessions, vault, 20) == prefixes * PER_PREFIX
    begun = clock.now()
    for hour, more in ((1, LOOKED_BACK - PER_PREFIX), (2, 0), (30, 0)):
        with standing_at(begun + timedelta(hours=hour, minutes=1)):
            with sessions.begin() as session:
                flood(session, vault, prefixes=prefixes)
            # Of the first fifty codes to a beginning nobody typed one: the breaker is open from then on.
            assert send_all(sessions, vault, 20) == prefixes * more
