"""The walk down the senders finds for each person what a slow reader of the rule finds, on both databases."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import restore, withdraw_everywhere
from campaigns.audience.models import AddressState, Channel
from campaigns.audience.rules import AudienceRule, LeftOut, Resolution, SenderChoice, select_resolved
from campaigns.audience.walk import find_sender
from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Organisation
from tests.audience.people import RESOLUTION
from tests.factories import NOON, a_contact, an_address, an_organisation

PEOPLE, LISTS = 80, 30
LANGUAGES = ("uk", "en", "am")
COUNTRIES = ("UA", "PL", None)
_numbers = count(500_000)


@dataclass
class Known:
    """An address as the oracle knows it."""

    id: int
    state: AddressState
    country: str | None
    heard_at: datetime | None


@dataclass
class Person:
    """A contact as the oracle knows it."""

    id: int
    language: str
    other_language: str | None
    addresses: dict[Channel, Known] = field(default_factory=dict)


def some_person(session: Session, organisation: Organisation, vault: Vault, dice: random.Random) -> Person:
    other = dice.choice((*LANGUAGES, None))
    contact = a_contact(session, organisation, language=dice.choice(LANGUAGES), other_language=other)
    person = Person(contact.id, contact.language, contact.other_language)
    for channel in Channel:
        if dice.random() < 0.3:
            continue
        hours = dice.choice((None, 1, 23, 24, 30))
        # Active ones most of all, else hardly any walk gets far.
        facts = {
            "state": dice.choice((*AddressState, *[AddressState.ACTIVE] * 4)),
            "country": None if channel is Channel.TELEGRAM else dice.choice(COUNTRIES),
            "heard_at": None if hours is None else NOON - timedelta(hours=hours),
        }
        number = f"+380{next(_numbers)}"
        row = an_address(session, contact, vault, number=number, channel=channel, **facts)
        person.addresses[channel] = Known(row.id, **facts)
    return person


def some_senders(dice: random.Random) -> tuple[SenderChoice, ...]:
    # The templates of a campaign are those of one account.
    templates = dice.choice(((), ("uk",), ("uk", "am")))
    return tuple(
        SenderChoice(
            id=100 + rank,
            channel=(channel := dice.choice(tuple(Channel))),
            countries=dice.choice(((), (), ("UA",), ("PL", "UA"))),
            template_languages=templates if channel is Channel.WHATSAPP else None,
            active=dice.random() < 0.85,
        )
        for rank in range(dice.randint(0, 5))
    )


def resolve_slowly(person: Person, to: Resolution) -> tuple[int | None, int | None, str, LeftOut | None]:
    """Return address, sender, language of the text and reason, by reading the rule sentence by sentence."""
    read = [language for language in (person.language, person.other_language) if language in to.languages]
    language = read[0] if read else to.fallback_language or person.language
    has_text = bool(read) or to.fallback_language is not None
    known = {sender.channel: person.addresses.get(sender.channel) for sender in to.senders}
    addresses = [address for address in known.values() if address is not None]
    for sender in to.senders:
        address = known[sender.channel]
        if address is None or address.state is not AddressState.ACTIVE or not covers(sender, address):
            continue
        if not has_text:
            return None, None, language, LeftOut.NO_TRANSLATION
        if may_say(sender, address, language, to.now):
            return address.id, sender.id, language, None
    return None, None, language, why_nobody(to.senders, known, addresses)


def chosen(person: Person, to: Resolution) -> int | None:
    """Return the sender that the walk for one person finds, as who falls back is walked for."""
    language = resolve_slowly(person, to)[2]
    if to.fallback_language is None and language not in to.languages:
        return None
    templates = [sender.template_languages for sender in to.senders if sender.template_languages is not None]
    has_template = any(language in languages for languages in templates)
    found = find_sender(to.senders, person.addresses, has_template=has_template, now=to.now)
    return found.id if found else None


def covers(sender: SenderChoice, address: Known) -> bool:
    return sender.active and (not sender.countries or address.country in sender.countries)


def may_say(sender: SenderChoice, address: Known, language: str, now: datetime) -> bool:
    templates = sender.template_languages
    if templates is None or language in templates:
        return True
    return address.heard_at is not None and now - address.heard_at < timedelta(hours=24)


def why_nobody(
    senders: tuple[SenderChoice, ...], known: dict[Channel, Known | None], addresses: list[Known]
) -> LeftOut:
    states = {address.state for address in addresses}
    if not addresses:
        return LeftOut.NO_ADDRESS
    if AddressState.OPTED_OUT in states:
        return LeftOut.OPTED_OUT
    if AddressState.HELD in states:
        return LeftOut.HELD
    if AddressState.PENDING in states:
        return LeftOut.NO_CONSENT
    if AddressState.INVALID in states:
        return LeftOut.INVALID_ADDRESS
    covering = (covers(sender, address) for sender in senders if (address := known[sender.channel]))
    return LeftOut.NO_TEMPLATE if any(covering) else LeftOut.NO_SENDER


@pytest.mark.parametrize("seed", range(4))
def test_walk_finds_what_the_rule_says(session: Session, vault: Vault, seed: int) -> None:
    dice = random.Random(seed)
    ours = an_organisation(session)
    people = [some_person(session, ours, vault, dice) for _ in range(PEOPLE)]
    seen: set[str | None] = set()
    for _ in range(LISTS):
        fallback = dice.choice((None, None, "en"))
        to = replace(RESOLUTION, senders=some_senders(dice), languages=("uk", "en"), fallback_language=fallback)
        rows = session.execute(select_resolved(AudienceRule(), ours.id, to)).all()
        found = {row.contact_id: (row.address_id, row.sender_id, row.language, row.reason) for row in rows}
        assert len(rows) == PEOPLE
        assert found == {person.id: resolve_slowly(person, to) for person in people}
        assert {row.contact_id: row.sender_id for row in rows} == {each.id: chosen(each, to) for each in people}
        channels = {sender.id: sender.channel for sender in to.senders}
        assert all(row.channel == channels.get(row.sender_id) for row in rows)
        seen |= {row.reason for row in rows}
    # What the rule does not ask for, what nobody here was asked, and what is known only when a run starts.
    later = {LeftOut.CAPPED, LeftOut.MERGED, LeftOut.SAME_NUMBER, LeftOut.URGENT, LeftOut.NO_SIGNPOST}
    assert seen == {None, *LeftOut} - {LeftOut.STALE_POSITION, LeftOut.SILENT, *later}


@pytest.mark.parametrize("said_on", [Channel.SMS, Channel.TELEGRAM])
@pytest.mark.parametrize("order", [1, -1])
def test_no_channel_after_a_stop_on_any(session: Session, vault: Vault, said_on: Channel, order: int) -> None:
    contact = a_contact(session, an_organisation(session))
    sms = an_address(session, contact, vault)
    chat = an_address(session, contact, vault, channel=Channel.TELEGRAM, number="42", country=None)
    to = replace(RESOLUTION, senders=(SenderChoice(1, Channel.SMS), SenderChoice(2, Channel.TELEGRAM))[::order])
    stopped, other = (sms, chat) if said_on is Channel.SMS else (chat, sms)
    withdraw_everywhere(session, HashedHandle(stopped.lookup, said_on), Declaration("keyword", "STOP", NOON))
    [row] = session.execute(select_resolved(AudienceRule(), contact.organisation_id, to)).all()
    assert (row.sender_id, row.reason) == (None, LeftOut.OPTED_OUT)
    restore(session, HashedHandle(other.lookup, Channel(other.channel)), Declaration("keyword", "START", NOON))
    [row] = session.execute(select_resolved(AudienceRule(), contact.organisation_id, to)).all()
    assert (row.channel, row.address_id, row.reason) == (other.channel, other.id, None)
