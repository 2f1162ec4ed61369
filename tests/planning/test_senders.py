"""What a sender may be on each channel, and what its verbs leave behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core.errors import InputError, TransitionError
from campaigns.planning.models import Health, Sender
from campaigns.planning.senders import (
    SenderFacts,
    SenderLimits,
    checked_identity,
    create_sender,
    is_two_way,
    mend_sender,
    update_sender,
)
from campaigns.staff.models import AuditEntry, Role
from tests.factories import NOON, a_member, a_sender, an_organisation, credentials

FACTS = SenderFacts(Channel.SMS, "console", "NGOINFO", "console", SenderLimits("Line", 10.0))


def made(session: Session, facts: SenderFacts) -> Sender:
    organisation = an_organisation(session)
    admin = a_member(session, organisation, Role.ADMIN)
    return create_sender(session, organisation.id, facts=facts, by=admin.id, credentials=credentials(session))


@pytest.mark.parametrize(
    ("channel", "entered", "kept", "two_way"),
    [
        (Channel.SMS, "+48123456789", "+48123456789", True),
        (Channel.SMS, " NGOINFO ", "NGOINFO", False),
        (Channel.SMS, "4NGO", "4NGO", False),
        (Channel.SMS, "20880", "20880", True),
        (Channel.SMS, "MG" + "0" * 32, "MG" + "0" * 32, True),
        (Channel.WHATSAPP, "whatsapp:+14155238886", "+14155238886", True),
        (Channel.WHATSAPP, "MG" + "a" * 32, "MG" + "a" * 32, True),
        (Channel.TELEGRAM, "@Fingerpost_Bot", "Fingerpost_Bot", True),
        (Channel.TELEGRAM, "https://t.me/fingerpostbot", "fingerpostbot", True),
    ],
)
def test_identity_is_kept_as_providers_write_it(channel: Channel, entered: str, kept: str, two_way: bool) -> None:
    assert checked_identity(channel, entered) == kept
    assert is_two_way(channel, kept) == two_way


@pytest.mark.parametrize(
    ("channel", "entered"),
    [
        (Channel.SMS, "0123"),
        (Channel.SMS, "123"),
        (Channel.SMS, "LONGER THAN ELEVEN"),
        (Channel.SMS, "fingerpost_bot"),
        (Channel.WHATSAPP, "NGOINFO"),
        (Channel.WHATSAPP, "20880"),
        (Channel.TELEGRAM, "+48123456789"),
        (Channel.TELEGRAM, "fingerpost"),
        (Channel.TELEGRAM, "b" * 30 + "bot"),
    ],
)
def test_foreign_identity_is_refused(channel: Channel, entered: str) -> None:
    with pytest.raises(InputError, match="sender is"):
        checked_identity(channel, entered)


def test_countries_are_kept_as_sorted_codes(session: Session) -> None:
    limits = replace(FACTS.limits, countries=["ua", " PL ", "PL", ""], daily_limit=250)
    sender = made(session, replace(FACTS, limits=limits))
    session.refresh(sender)
    assert (sender.countries, sender.daily_limit, sender.health) == (["PL", "UA"], 250, Health.WELL)


@pytest.mark.parametrize(
    "limits",
    [
        SenderLimits("  ", 10.0),
        SenderLimits("Line", 0.0),
        SenderLimits("Line", float("nan")),
        SenderLimits("Line", 10.0, countries=["XX"]),
        SenderLimits("Line", 10.0, daily_limit=0),
    ],
)
def test_impossible_limits_are_refused(limits: SenderLimits) -> None:
    with pytest.raises(InputError):
        limits.checked()


@pytest.mark.parametrize("change", [{"gateway": "fax"}, {"secret_name": "Two Words"}])
def test_sender_needs_gateway_and_credential(session: Session, change: dict[str, str]) -> None:
    with pytest.raises(InputError):
        made(session, replace(FACTS, **change))  # type: ignore[arg-type]


def test_gateway_must_carry_the_channel(session: Session) -> None:
    facts = SenderFacts(Channel.TELEGRAM, "twilio", "fingerpostbot", "twilio", FACTS.limits)
    with pytest.raises(InputError, match="does not carry this channel"):
        made(session, facts)


def test_each_verb_leaves_one_entry(session: Session) -> None:
    sender = made(session, FACTS)
    sender.health, sender.health_code, sender.health_at = Health.PAUSED, "63018", NOON
    update_sender(session, sender, limits=replace(FACTS.limits, pace=0.5), by=1, credentials=credentials(session))
    mend_sender(session, sender, by=1, credentials=credentials(session))
    entries = session.execute(select(AuditEntry.action, AuditEntry.detail).order_by(AuditEntry.id)).all()
    assert [action for action, _ in entries] == ["sender.create", "sender.update", "sender.mend"]
    assert entries[-1].detail == {"health": "paused", "code": "63018"}
    assert (sender.health, sender.health_code, sender.pace) == (Health.WELL, "", 0.5)


def test_healthy_sender_needs_no_mending(session: Session) -> None:
    with pytest.raises(TransitionError):
        mend_sender(session, a_sender(session), by=1, credentials=credentials(session))


def test_live_instance_has_no_sender_that_reaches_nobody(session: Session) -> None:
    organisation = an_organisation(session)
    admin = a_member(session, organisation, Role.ADMIN)
    with pytest.raises(InputError, match="reaches nobody"):
        create_sender(session, organisation.id, facts=FACTS, by=admin.id, credentials=credentials(session, "live"))
