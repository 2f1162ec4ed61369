"""What people wrote while nobody answered their provider is found in its list and done, in its order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings
from campaigns.example.service import Names, add_example, keep_example
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.models import InboundLook, Reply, ReplyKind
from campaigns.inbox.service import receive_inbound
from campaigns.missed_inbound import LOOK_EVERY, MissedInbound
from campaigns.places.service import load_regions
from campaigns.staff.models import Role
from tests.factories import a_contact, a_member, a_sender, an_address, an_organisation
from tests.inbox.builders import came_over
from tests.inbox.test_service import inbound
from tests.sandbox.process import DEFAULTS, SERVICE, SandboxProcess
from tests.web.pages import page_settings

pytestmark = pytest.mark.one_database

PERSON, OURS = "+380671234567", "+447700900100"


@pytest.fixture
def settings(engine: Engine, sandbox: SandboxProcess, vault: Vault) -> Settings:
    secrets = {"TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}"}
    return replace(page_settings(engine), sandbox_url=sandbox.url, secrets=secrets)


@pytest.fixture
def address_id(sessions: sessionmaker[Session], settings: Settings) -> int:
    with sessions.begin() as session:
        a_sender(session, identity=OURS)
        contact = a_contact(session, an_organisation(session))
        return an_address(session, contact, settings.vault(), number=PERSON).id


def write(sandbox: SandboxProcess, text: str, to: str = OURS) -> str:
    """Let the person write while no inbound address is set: the sandbox keeps it, as a provider does."""
    return str(sandbox.call("POST", "inbound", {"from": PERSON, "to": to, "text": text})["sid"])


def look(sessions: sessionmaker[Session], settings: Settings) -> None:
    asyncio.run(MissedInbound(sessions, settings).look())


def state_of(sessions: sessionmaker[Session], address_id: int) -> AddressState:
    with sessions() as session:
        return AddressState(session.get_one(Address, address_id).state)


def test_stop_that_never_reached_us_is_obeyed(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess, address_id: int
) -> None:
    write(sandbox, "СТОП")
    look(sessions, settings)
    assert state_of(sessions, address_id) == AddressState.OPTED_OUT
    with sessions() as session:
        reply = session.scalars(select(Reply)).one()
        assert (reply.kind, reply.contact_id is not None) == (ReplyKind.STOP, True)
        assert session.scalars(select(InboundLook)).one().through >= reply.received_at


def test_what_was_kept_is_kept_once(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess, address_id: int
) -> None:
    sid = write(sandbox, "STOP")
    with sessions.begin() as session:
        receive_inbound(
            session,
            inbound("STOP", sid, from_handle=PERSON, to_handle=OURS),
            settings.vault(),
            account=came_over(session),
        )
    for _ in range(2):
        look(sessions, settings)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Reply)) == 1


def test_missed_words_are_done_in_the_order_they_were_said(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess, address_id: int
) -> None:
    write(sandbox, "STOP")
    write(sandbox, "START")
    look(sessions, settings)
    assert state_of(sessions, address_id) == AddressState.ACTIVE


@pytest.mark.parametrize(
    ("missed", "heard", "state"),
    [("STOP", "START", AddressState.ACTIVE), ("START", "STOP", AddressState.OPTED_OUT)],
)
def test_missed_word_does_not_undo_a_later_one(
    sessions: sessionmaker[Session],
    settings: Settings,
    sandbox: SandboxProcess,
    address_id: int,
    missed: str,
    heard: str,
    state: AddressState,
) -> None:
    write(sandbox, missed)
    later = clock.now() + timedelta(seconds=2)
    with sessions.begin() as session:
        receive_inbound(
            session,
            inbound(heard, "SMlater", from_handle=PERSON, to_handle=OURS),
            settings.vault(),
            account=came_over(session),
            received_at=later,
        )
    look(sessions, settings)
    assert state_of(sessions, address_id) == state


@pytest.mark.parametrize(
    ("first", "then", "state"),
    [("START", "STOP", AddressState.OPTED_OUT), ("STOP", "START", AddressState.ACTIVE)],
)
def test_words_that_were_posted_in_the_wrong_order_are_put_right(
    sessions: sessionmaker[Session],
    settings: Settings,
    sandbox: SandboxProcess,
    address_id: int,
    first: str,
    then: str,
    state: AddressState,
) -> None:
    said = [(first, write(sandbox, first)), (then, write(sandbox, then))]
    with clock.running_on(lambda: datetime.now(UTC) + timedelta(seconds=20)):
        for text, sid in reversed(said):
            with sessions.begin() as session:
                words = inbound(text, sid, from_handle=PERSON, to_handle=OURS)
                receive_inbound(session, words, settings.vault(), account=came_over(session))
        assert state_of(sessions, address_id) != state
        look(sessions, settings)
    assert state_of(sessions, address_id) == state


def test_look_of_a_clock_that_was_ahead_hides_nothing(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess, address_id: int
) -> None:
    with clock.running_on(lambda: datetime.now(UTC) + timedelta(days=2)):
        look(sessions, settings)
    write(sandbox, "STOP")
    look(sessions, settings)
    assert state_of(sessions, address_id) == AddressState.OPTED_OUT


@pytest.mark.parametrize(
    ("missed", "heard", "sms", "whatsapp"),
    [
        # The start was for WhatsApp alone, so the stop still holds on SMS; and the other way round.
        ("STOP", ("START", "whatsapp"), AddressState.OPTED_OUT, AddressState.ACTIVE),
        ("STOP", ("START", "sms"), AddressState.ACTIVE, AddressState.OPTED_OUT),
        ("стоп поїзд", ("START", "sms"), AddressState.ACTIVE, AddressState.HELD),
        # A stop from another phone of theirs came after the start, and outweighs it.
        ("START", ("STOP", "whatsapp"), AddressState.OPTED_OUT, AddressState.OPTED_OUT),
        ("START", ("стоп поїзд", "whatsapp"), AddressState.HELD, AddressState.HELD),
    ],
)
def test_missed_word_counts_before_later_ones_from_other_phones(
    sessions: sessionmaker[Session],
    settings: Settings,
    sandbox: SandboxProcess,
    address_id: int,
    missed: str,
    heard: tuple[str, str],
    sms: AddressState,
    whatsapp: AddressState,
) -> None:
    other = "+380509876543"
    with sessions.begin() as session:
        contact = session.get_one(Address, address_id).contact
        other_id = an_address(session, contact, settings.vault(), channel=Channel.WHATSAPP, number=other).id
    write(sandbox, missed)
    text, channel = heard
    handle = PERSON if channel == "sms" else other
    with sessions.begin() as session:
        receive_inbound(
            session,
            inbound(text, "SMlater", from_handle=handle, to_handle=OURS, channel=channel),
            settings.vault(),
            account=came_over(session),
            received_at=clock.now() + timedelta(seconds=2),
        )
    look(sessions, settings)
    assert (state_of(sessions, address_id), state_of(sessions, other_id)) == (sms, whatsapp)


def test_list_of_a_service_is_read_too(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess
) -> None:
    with sessions.begin() as session:
        a_sender(session, identity=SERVICE)
    write(sandbox, "де притулок?")
    look(sessions, settings)
    with sessions() as session:
        assert session.scalars(select(Reply)).one().kind == ReplyKind.TEXT


def test_list_of_a_service_tells_over_which_channel_it_came(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess
) -> None:
    with sessions.begin() as session:
        a_sender(session, identity=SERVICE)
    sandbox.call(
        "POST", "inbound", {"from": f"whatsapp:{PERSON}", "to": f"whatsapp:{OURS}", "text": "де притулок?"}
    )
    look(sessions, settings)
    with sessions() as session:
        reply = session.scalars(select(Reply)).one()
        assert (reply.channel, reply.lookup) == (
            Channel.WHATSAPP,
            settings.vault().lookup_hash(Channel.WHATSAPP, PERSON),
        )


def test_whatsapp_is_asked_by_its_own_number(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess
) -> None:
    with sessions.begin() as session:
        a_sender(session, identity=OURS, channel=Channel.WHATSAPP)
    sandbox.call(
        "POST", "inbound", {"from": f"whatsapp:{PERSON}", "to": f"whatsapp:{OURS}", "text": "де притулок?"}
    )
    write(sandbox, "this came by SMS")
    look(sessions, settings)
    with sessions() as session:
        assert session.scalars(select(Reply)).one().channel == Channel.WHATSAPP


def test_sender_without_a_credential_holds_up_no_other(
    sessions: sessionmaker[Session],
    settings: Settings,
    sandbox: SandboxProcess,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with sessions.begin() as session:
        a_sender(session, secret_name="nobody_set_it", identity="+447700900101")
        contact = a_contact(session, an_organisation(session))
        address = an_address(session, contact, settings.vault(), number=PERSON).id
        a_sender(session, identity=OURS)
    write(sandbox, "STOP")
    look(sessions, settings)
    assert state_of(sessions, address) == AddressState.OPTED_OUT
    assert "FINGERPOST_SECRET_NOBODY_SET_IT" in caplog.text


def test_message_that_cannot_be_kept_costs_no_other(
    sessions: sessionmaker[Session],
    settings: Settings,
    sandbox: SandboxProcess,
    address_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = write(sandbox, "a text on which something breaks")
    write(sandbox, "STOP")

    def receive(session: Session, said: Inbound, *rest: Any, **facts: Any) -> Reply | None:
        if said.provider_id == broken:
            raise ValueError("it breaks")
        return receive_inbound(session, said, *rest, **facts)

    monkeypatch.setattr("campaigns.missed_inbound.receive_inbound", receive)
    look(sessions, settings)
    assert state_of(sessions, address_id) == AddressState.OPTED_OUT
    with sessions() as session:
        # What could not be kept is not noted as read, so that it is tried again.
        assert (
            session.scalars(select(InboundLook.through)).one() < session.scalars(select(Reply.received_at)).one()
        )
    monkeypatch.undo()
    look(sessions, settings)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Reply)) == 2


def test_provider_is_not_asked_more_often_than_it_must(
    sessions: sessionmaker[Session], settings: Settings, sandbox: SandboxProcess, address_id: int
) -> None:
    moment = [0.0]
    missed = MissedInbound(sessions, settings, seconds=lambda: moment[0])
    asyncio.run(missed.look())
    write(sandbox, "STOP")
    asyncio.run(missed.look())
    assert state_of(sessions, address_id) == AddressState.ACTIVE
    moment[0] = LOOK_EVERY
    asyncio.run(missed.look())
    assert state_of(sessions, address_id) == AddressState.OPTED_OUT


def test_each_list_has_to_be_read_after_a_silence(
    sessions: sessionmaker[Session], settings: Settings, address_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed, now = MissedInbound(sessions, settings), clock.now()
    an_hour_ago = now - timedelta(hours=1)
    assert not missed.has_heard_since(an_hour_ago)

    async def away(receiver: object) -> None:
        raise UnavailableError("away")

    with monkeypatch.context() as patch:
        patch.setattr(missed, "_catch_up", away)
        asyncio.run(missed.look())
    assert not missed.has_heard_since(an_hour_ago)
    missed._look_at.clear()
    asyncio.run(missed.look())
    assert missed.has_heard_since(an_hour_ago)
    # The worker itself stood still: what was read before tells nothing, and the next look is due at once.
    assert not missed.has_heard_since(now)
    assert missed._look_at == {}


def test_number_of_an_example_has_no_list_to_read(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions.begin() as session:
        load_regions(session)
        ours = an_organisation(session)
        by = a_member(session, ours, Role.AUTHOR).id
        add_example(session, ours, names=Names("Message", "Correction", "Audience", "Sender", "Campaign"), by=by)
        keep_example(session, ours, by=by)
    # After a restore nothing may be sent while a list is missing.
    assert asyncio.run(MissedInbound(sessions, settings).look_once()) == []
