"""A start that nothing proves lifts no stop, whichever of them reaches us first."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.gateways.kinds import unsigned_gateways
from campaigns.inbox.models import Reply
from campaigns.inbox.service import receive_inbound
from tests.factories import a_contact, an_address, an_organisation
from tests.inbox.builders import came_over

pytestmark = pytest.mark.one_database

NUMBER, OURS = "+254711234567", "22384"
_numbers = count(1)


@pytest.fixture
def address(session: Session, vault: Vault) -> Address:
    return an_address(session, a_contact(session, an_organisation(session)), vault, number=NUMBER)


def post(session: Session, vault: Vault, text: str, *, minutes_ago: float, **changes: Any) -> Reply | None:
    """Post what was said some minutes ago, to an address that alone proves who posts."""
    said_at = clock.now() - timedelta(minutes=minutes_ago)
    values: dict[str, Any] = {"provider_id": f"at{next(_numbers)}"} | changes
    inbound = Inbound(from_handle=NUMBER, to_handle=OURS, text=text, channel="sms", said_at=said_at, **values)
    account = came_over(session, "africastalking", name="ngo", is_signed=False)
    reply = receive_inbound(session, inbound, vault, account=account)
    session.flush()
    session.expire_all()
    return reply


def test_who_posts_to_an_address_alone_is_known() -> None:
    assert unsigned_gateways() == {"africastalking"}


@pytest.mark.both_databases
def test_late_stop_holds_whatever_start_came_before_it(session: Session, vault: Vault, address: Address) -> None:
    post(session, vault, "START", minutes_ago=5)
    assert state_of(address) == AddressState.ACTIVE
    post(session, vault, "STOP", minutes_ago=10)
    assert state_of(address) == AddressState.OPTED_OUT


def test_stop_that_is_posted_again_is_not_put_before_a_start(
    session: Session, vault: Vault, address: Address
) -> None:
    post(session, vault, "START", minutes_ago=5)
    post(session, vault, "STOP", minutes_ago=0, provider_id="at0")
    assert post(session, vault, "STOP", minutes_ago=10, provider_id="at0") is None
    assert state_of(address) == AddressState.OPTED_OUT


@pytest.mark.both_databases
def test_late_start_at_one_bot_is_not_settled_by_a_later_one_at_another(session: Session, vault: Vault) -> None:
    organisations = [an_organisation(session).id for _ in range(2)]
    for minutes_ago, organisation_id in zip((0, 5), organisations, strict=True):
        bot = str(organisation_id)
        inbound = Inbound(
            provider_id=f"{bot}:1",
            from_handle="77001",
            to_handle=bot,
            text="",
            channel="telegram",
            happening=Happening.STARTED,
            said_at=clock.now() - timedelta(minutes=minutes_ago),
        )
        account = came_over(session, "telegram", name=bot, owners=[organisation_id])
        receive_inbound(session, inbound, vault, account=account)
    joined = select(Address.organisation_id).where(Address.state == AddressState.ACTIVE)
    assert sorted(session.scalars(joined)) == sorted(organisations)


def state_of(address: Address) -> AddressState:
    return address.state
