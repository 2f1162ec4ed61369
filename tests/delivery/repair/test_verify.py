"""Verification finds every disagreement with the provider's list, and no other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import NOBODYS
from campaigns.delivery.models import Delivery, FormerText, RunText
from campaigns.delivery.receipts.merge import apply_receipts, store
from campaigns.delivery.repair.verify import Report, verify_run
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action, Outgoing
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.planning.models import Run
from tests.delivery.builders import TEXT, a_running_run, give_addresses
from tests.delivery.driving import drive, settled
from tests.delivery.provider import MemoryProvider
from tests.factories import a_sender

pytestmark = pytest.mark.one_database


@pytest.fixture
def provider() -> MemoryProvider:
    return MemoryProvider()


@pytest.fixture
def run_id(sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider) -> int:
    """A run of ten that was sent."""
    with sessions.begin() as session:
        run_id = a_running_run(session, vault, count=10, started_at=clock.now()).id
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    return run_id


def report_on(sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, run_id: int) -> Report:
    with sessions() as session:
        run = session.get_one(Run, run_id)
        return asyncio.run(verify_run(session, run, lambda sender: provider, vault=vault))


def counts(report: Report) -> list[int]:
    return [difference.count for difference in report.differences]


def again(provider: MemoryProvider, **changes: str) -> None:
    """Let the provider accept another message to the first person."""
    values = {"to": "+380670000001", "body": TEXT, "sender": "+15005550006"} | changes
    provider._accept(Outgoing("", values["to"], values["body"], values["sender"], None, 60))


def test_clean_run_agrees(
    sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, run_id: int
) -> None:
    report = report_on(sessions, vault, provider, run_id)
    assert report.agrees
    assert (report.accepted, report.listed, report.open) == (10, 10, 0)
    assert len(report.lines()) == 4


def test_acceptance_the_provider_lacks_is_found(
    sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, run_id: int
) -> None:
    del provider.messages[3]
    assert counts(report_on(sessions, vault, provider, run_id)) == [1, 0, 0]


def test_second_message_to_a_person_is_found(
    sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, run_id: int
) -> None:
    again(provider)
    report = report_on(sessions, vault, provider, run_id)
    assert counts(report) == [0, 1, 1]
    assert not report.agrees
    assert "+380670000001" not in "".join(report.lines())


def test_second_message_with_a_link_of_their_own_is_found(
    sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider
) -> None:
    with sessions.begin() as session:
        run_id = a_running_run(session, vault, count=2, started_at=clock.now()).id
        session.execute(update(RunText).values(body=f"Keep it. https://info.example/en/e/{NOBODYS}"))
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert report_on(sessions, vault, provider, run_id).agrees
    first = provider.messages[0]
    again(provider, to=first.to, body=first.body)
    assert counts(report_on(sessions, vault, provider, run_id)) == [0, 1, 1]


@pytest.mark.parametrize("state", [SendState.UNKNOWN, SendState.FAILED, SendState.QUEUED])
def test_acceptance_we_do_not_know_is_found(
    sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, run_id: int, state: SendState
) -> None:
    with sessions.begin() as session:
        delivery = session.scalars(select(Delivery).order_by(Delivery.id)).first()
        assert delivery is not None
        delivery.send_state, delivery.provider_id = state, None
    assert counts(report_on(sessions, vault, provider, run_id)) == [0, 1, 0]


@pytest.mark.parametrize(
    "changes", [{"body": "Hello"}, {"to": "+380509999999"}, {"sender": "OTHER"}], ids=["text", "person", "sender"]
)
def test_foreign_messages_are_no_difference(
    sessions: sessionmaker[Session],
    vault: Vault,
    provider: MemoryProvider,
    run_id: int,
    changes: dict[str, str],
) -> None:
    again(provider, **changes)
    assert report_on(sessions, vault, provider, run_id).agrees


def test_other_runs_to_the_same_people_are_no_difference(
    sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, run_id: int
) -> None:
    with sessions.begin() as session:
        other = a_running_run(session, vault, count=10, sender=a_sender(session), started_at=clock.now()).id
    drive(sessions, vault, provider, until=settled(sessions, other))
    assert report_on(sessions, vault, provider, run_id).agrees
    assert report_on(sessions, vault, provider, other).agrees


def test_old_messages_are_not_read(
    sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, run_id: int
) -> None:
    again(provider)
    old = provider.messages[-1]
    provider.messages[-1] = replace(old, created_at=old.created_at.replace(year=2020))
    assert report_on(sessions, vault, provider, run_id).agrees


class Blind(MemoryProvider):
    """Accepts, but keeps no list."""

    keeps_list = False


@pytest.mark.both_databases
def test_provider_without_a_list_is_counted_apart(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        senders = [a_sender(session), a_sender(session, identity="bot", name="Bot", secret_name="bot")]
        run = a_running_run(session, vault, count=6, senders=senders, started_at=clock.now())
        half = select(Delivery.id).where(Delivery.id % 3 == 0)
        session.execute(update(Delivery).where(Delivery.id.in_(half)).values(sender_id=senders[1].id))
    providers = {senders[0].id: MemoryProvider(), senders[1].id: Blind()}
    drive(sessions, vault, lambda sender: providers[sender.sender_id], until=settled(sessions, run.id))
    with sessions() as session:
        run = session.get_one(Run, run.id)
        report = asyncio.run(verify_run(session, run, lambda sender: providers[sender.sender_id], vault=vault))
    assert report.agrees
    assert (report.accepted, report.listed, report.unlisted) == (6, 4, {"Bot": 2})
    assert "Bot" in report.lines()[1]


def test_acceptance_before_a_fall_back_is_explained(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        senders = [a_sender(session, channel=Channel.WHATSAPP), a_sender(session)]
        run = a_running_run(session, vault, count=4, senders=senders, started_at=clock.now())
        contacts = list(session.scalars(select(Delivery.contact_id).order_by(Delivery.id)))
        change = {"prefix": "+38067", "channel": Channel.WHATSAPP}
        by_whatsapp = give_addresses(session, run.organisation_id, vault, contacts, **change)
        for delivery in session.scalars(select(Delivery)):
            delivery.sender_id, delivery.channel = senders[0].id, Channel.WHATSAPP
            delivery.address_id = by_whatsapp[delivery.contact_id]
    providers = {sender.channel: MemoryProvider(prefix=sender.channel) for sender in senders}
    opened = partial(lambda known, sender: known[sender.channel], providers)
    drive(sessions, vault, opened, until=settled(sessions, run.id))
    with sessions.begin() as session:
        failed = session.scalars(select(Delivery).order_by(Delivery.id)).first()
        assert failed is not None
        said = StatusUpdate(failed.reference, "", "failed", "63024", action=Action.OTHER_CHANNEL)
        store(session, [said], gateway="memory")
        apply_receipts(session)
    drive(sessions, vault, opened, until=settled(sessions, run.id))
    with sessions() as session:
        report = asyncio.run(verify_run(session, session.get_one(Run, run.id), opened, vault=vault))
    assert report.agrees
    assert (report.accepted, report.listed, report.earlier) == (4, 4, 1)
    assert "1 more failed on their channel" in report.lines()[1]


@pytest.mark.both_databases
def test_rehearsal_is_compared_by_its_stand_ins(sessions: sessionmaker[Session], vault: Vault) -> None:
    provider = MemoryProvider()
    with sessions.begin() as session:
        run_id = a_running_run(session, vault, count=5, started_at=clock.now(), is_rehearsal=True).id
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    report = report_on(sessions, vault, provider, run_id)
    assert report.agrees
    assert report.listed == 5
    again(provider, to=provider.accepted[0].to)
    assert counts(report_on(sessions, vault, provider, run_id)) == [0, 1, 1]


def test_second_message_with_the_words_of_before_is_found(
    sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, run_id: int
) -> None:
    """The run's text was written anew since."""
    with sessions.begin() as session:
        text = session.scalars(select(RunText)).one()
        session.add(FormerText(text_id=text.id, until=clock.now(), body=text.body, parts=1))
        text.body = "The new number"
    assert report_on(sessions, vault, provider, run_id).agrees
    again(provider)
    assert not report_on(sessions, vault, provider, run_id).agrees
