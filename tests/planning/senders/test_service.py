"""What a sender may be on each channel, and what its verbs leave behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core.errors import ForeignCredentialError, InputError, TransitionError
from campaigns.planning.models import Health, Sender
from campaigns.planning.senders.connections import fault_of
from campaigns.planning.senders.service import (
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


LINE = SenderFacts(Channel.SMS, "twilio", "+48123456789", "twilio", SenderLimits("Line", 10.0))


def test_credential_of_another_organisation_is_refused(session: Session) -> None:
    """Whatever a form offered."""
    ours, theirs = an_organisation(session), an_organisation(session)
    admin = a_member(session, ours, Role.ADMIN)
    for owners in ({}, {"owners_twilio": theirs.slug}):
        known = credentials(session, **owners)
        with pytest.raises(ForeignCredentialError):
            create_sender(session, ours.id, facts=LINE, by=admin.id, credentials=known)
        sender = a_sender(session, organisation_id=ours.id, active=False, health=Health.PAUSED)
        with pytest.raises(ForeignCredentialError):
            update_sender(session, sender, limits=LINE.limits, by=admin.id, credentials=known)
        with pytest.raises(ForeignCredentialError):
            mend_sender(session, sender, by=admin.id, credentials=known)
        sender.active = True
        update_sender(session, sender, limits=replace(LINE.limits, active=False), by=admin.id, credentials=known)
        assert not sender.active
    known = credentials(session, owners_twilio=f"{theirs.slug} {ours.slug}")
    assert create_sender(session, ours.id, facts=LINE, by=admin.id, credentials=known).id


def test_credential_may_be_entered_after_the_sender(session: Session) -> None:
    ours, theirs = an_organisation(session, slug="our-team"), an_organisation(session)
    admin = a_member(session, ours, Role.ADMIN)
    known = credentials(session)
    name = known.name_to_come("twilio", ours.slug)
    assert name == "twilio_our_team"
    assert known.missing(name, ours.slug) == [
        "FINGERPOST_SECRET_TWILIO_OUR_TEAM=account:token",
        "FINGERPOST_OWNERS_TWILIO_OUR_TEAM=our-team",
    ]
    facts = replace(LINE, secret_name=name)
    sender = create_sender(session, ours.id, facts=facts, by=admin.id, credentials=known)
    assert fault_of(known, sender, ours.id) == "Set FINGERPOST_SECRET_TWILIO_OUR_TEAM to account:token."
    entered = {f"secret_{name}": "AC1:token", f"owners_{name}": ours.slug}
    assert fault_of(credentials(session, **entered), sender, ours.id) == ""
    # Whoever has chosen the name before has no right to what is entered under it for others.
    known = credentials(session, **entered | {f"owners_{name}": theirs.slug})
    assert "does not belong to your organisation" in fault_of(known, sender, ours.id)
    assert known.missing(name, ours.slug) == []
    assert known.name_to_come("twilio", ours.slug) == "twilio_our_team_2"


def test_only_organisation_needs_no_name_of_its_own(session: Session) -> None:
    ours = an_organisation(session)
    known = credentials(session)
    assert known.name_to_come("telegram", ours.slug) == "telegram"
    assert known.missing("telegram", ours.slug) == ["FINGERPOST_SECRET_TELEGRAM=account:token"]


@pytest.mark.parametrize(
    ("channel", "identity", "is_theirs", "is_taken"),
    [
        (Channel.SMS, "+48123456789", False, True),
        (Channel.SMS, "+48123456789", True, True),
        # One number for two channels of one organisation, and never of two.
        (Channel.WHATSAPP, "+48123456789", False, False),
        (Channel.WHATSAPP, "+48123456789", True, True),
        (Channel.SMS, "+48123456788", True, False),
    ],
)
def test_number_is_in_use_once(
    session: Session, channel: Channel, identity: str, is_theirs: bool, is_taken: bool
) -> None:
    ours, theirs = an_organisation(session), an_organisation(session)
    admin = a_member(session, ours, Role.ADMIN)
    known = credentials(session, owners_twilio=f"{theirs.slug} {ours.slug}")
    owner = (theirs if is_theirs else ours).id
    used = a_sender(session, organisation_id=owner, identity=identity, channel=channel)
    if is_taken:
        with pytest.raises(InputError, match="in use already"):
            create_sender(session, ours.id, facts=LINE, by=admin.id, credentials=known)
        used.active = False
        session.flush()
    made = create_sender(session, ours.id, facts=LINE, by=admin.id, credentials=known)
    assert made.active
    if is_taken:
        with pytest.raises(InputError, match="in use already"):
            update_sender(session, used, limits=LINE.limits, by=admin.id, credentials=known)
        assert not used.active


def test_name_in_other_letters_is_in_use_as_well(session: Session) -> None:
    ours = an_organisation(session)
    a_sender(session, organisation_id=an_organisation(session).id, identity="ngoinfo")
    known = credentials(session, owners_twilio=ours.slug)
    with pytest.raises(InputError, match="in use already"):
        create_sender(session, ours.id, facts=replace(LINE, identity="NGOINFO"), by=1, credentials=known)


def test_one_of_two_that_are_saved_at_once_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database refuses is told as what the look before it would have."""
    ours = an_organisation(session)
    a_sender(session, organisation_id=ours.id, identity=LINE.identity)
    looks = iter([False, True])
    monkeypatch.setattr("campaigns.planning.senders.service._is_taken", lambda *_: next(looks))
    with pytest.raises(InputError, match="in use already"):
        create_sender(session, ours.id, facts=LINE, by=1, credentials=credentials(session))
    assert session.scalars(select(Sender.identity)).all() == [LINE.identity]
