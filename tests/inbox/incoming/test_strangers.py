"""A stop that finds nobody we wrote to lately is told to members, without the handle it came from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.incoming.strangers import StrangeStops, find_strange_stops
from campaigns.inbox.incoming.triage import assign
from campaigns.inbox.models import Reply, UnknownStop
from campaigns.inbox.service import receive_inbound
from campaigns.planning.models import RunState
from campaigns.staff.models import Organisation, Role
from tests.factories import (
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_run,
    a_sender,
    an_address,
    an_organisation,
)
from tests.inbox.builders import came_over
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

NUMBER, SENDER = "+380501234567", "+15005550006"


def hear(
    session: Session, vault: Vault, text: str = "STOP", owners: Collection[int] | None = None, **changes: Any
) -> None:
    values = {"from_handle": NUMBER, "to_handle": SENDER, "channel": "sms", "provider_id": "SM1"} | changes
    receive_inbound(session, Inbound(text=text, **values), vault, account=came_over(session, owners=owners))


def written_to(session: Session, vault: Vault, ours: Organisation, *, days: float, **changes: Any) -> Delivery:
    """Add a contact that was written to so many days ago."""
    address = an_address(session, a_contact(session, ours), vault, number=NUMBER)
    campaign = a_campaign(session, ours, a_member(session, ours))
    run = a_run(session, campaign, **{"state": RunState.RUNNING} | changes)
    facts = {"contact_id": address.contact_id, "address_id": address.id}
    intent_at = clock.now() - timedelta(days=days)
    return a_delivery(session, run, send_state=SendState.ACCEPTED, intent_at=intent_at, **facts)


def told(session: Session, organisation: Organisation) -> list[StrangeStops]:
    return list(find_strange_stops(session, organisation.id, now=clock.now()))


@pytest.mark.parametrize("text", ["STOP", "стоп"])
def test_stop_from_nobody_we_know_is_told(session: Session, vault: Vault, text: str) -> None:
    ours = an_organisation(session)
    sender = a_sender(session, identity=SENDER, name="Hotline", organisation_id=ours.id)
    for number in range(2):
        hear(session, vault, text, provider_id=f"SM{number}")
    [stops] = told(session, ours)
    assert (stops.sender, stops.channel, stops.count) == (sender.name, Channel.SMS, 2)
    assert told(session, an_organisation(session)) == []


@pytest.mark.both_databases
@pytest.mark.parametrize("name", ["Hotline", None])
def test_stop_to_a_number_of_several_or_of_none_is_told_to_whom_it_is_assigned(
    session: Session, vault: Vault, name: str | None
) -> None:
    ours, theirs = an_organisation(session), an_organisation(session)
    if name:
        a_sender(session, identity=SENDER, name=name)
    for number in range(2):
        hear(session, vault, provider_id=f"SM{number}", owners=[ours.id, theirs.id])
    assert told(session, ours) == told(session, theirs) == []
    reply = session.scalars(select(Reply).order_by(Reply.id)).first()
    assert reply is not None
    assign(session, reply.id, ours, vault=vault)
    assert [(stops.sender, stops.count) for stops in told(session, ours)] == [(name, 1)]
    assert told(session, theirs) == []


@pytest.mark.parametrize(("role", "sees"), [(Role.RESPONDER, True), (Role.VIEWER, False), (Role.AUTHOR, False)])
def test_when_it_was_is_for_those_who_read_what_was_said(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault, role: Role, sees: bool
) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, identity=SENDER, name="Hotline", organisation_id=pages.ours.id)
        hear(session, vault, owners=[pages.ours.id])
    page = client_for(role).get("/").text
    told, _said, rest = page.partition("find out who it is" if sees else "finds out who it is")
    assert ("The last one came at" in told, 'href="/inbox/history"' in rest) == (sees, sees)
    assert ("Read what they wrote" in told) is sees


@pytest.mark.parametrize(("days", "count"), [(1, 0), (6.9, 0), (7.1, 1)])
def test_whoever_was_written_to_lately_is_no_stranger(
    session: Session, vault: Vault, days: float, count: int
) -> None:
    ours = an_organisation(session)
    written_to(session, vault, ours, days=days)
    hear(session, vault)
    assert len(told(session, ours)) == count


@pytest.mark.parametrize(
    "but",
    [
        {"is_rehearsal": True},
        {"state": RunState.DONE, "finished_at": clock.now() - timedelta(days=8)},
    ],
)
def test_what_reached_nobody_lately_does_not_count(session: Session, vault: Vault, but: dict[str, Any]) -> None:
    ours = an_organisation(session)
    written_to(session, vault, ours, days=8 if "finished_at" in but else 1, **but)
    hear(session, vault)
    assert len(told(session, ours)) == 1


def test_message_that_was_never_called_does_not_count(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    written_to(session, vault, ours, days=1).send_state = SendState.FAILED
    session.flush()
    hear(session, vault)
    assert len(told(session, ours)) == 1


def test_block_of_a_chat_and_other_words_are_none(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    hear(session, vault, "Where can I sleep?", provider_id="SM1")
    hear(session, vault, "", provider_id="SM2", channel="telegram", from_handle="7", happening=Happening.BLOCKED)
    assert told(session, ours) == []


def test_alarm_ends_after_a_week(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    hear(session, vault)
    assert len(find_strange_stops(session, ours.id, now=clock.now() + timedelta(days=6.9))) == 1
    assert find_strange_stops(session, ours.id, now=clock.now() + timedelta(days=7.1)) == []


def test_first_page_tells_it_without_the_handle(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, identity=SENDER, name="Hotline", organisation_id=pages.ours.id)
        hear(session, vault, owners=[pages.ours.id])
        assert session.scalar(select(func.count()).select_from(UnknownStop)) == 1
        assert session.scalars(select(Address)).all() == []
    page = client_for(Role.RESPONDER).get("/").text
    assert "1 STOP came to Hotline from a number or account" in page
    assert NUMBER not in page
