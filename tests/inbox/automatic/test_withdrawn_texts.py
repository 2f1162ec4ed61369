"""What was withdrawn is said to nobody by itself, whether we withdrew it or the partner whom we copied."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.automatic.chosen_texts import choose, find_chosen, load_chosen
from campaigns.inbox.conversations.models import Occasion
from campaigns.messages.models import Message, MessageVersion, TranslationState
from campaigns.messages.service import save_translation
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.messages.translations.withdrawn_copies import find_withdrawn
from tests.factories import a_member, a_message, an_organisation
from tests.inbox.automatic.person import TEXTS, Person, a_person

#: Duty hours of the settings are 8 to 20, here by UTC.
NOON, MIDNIGHT = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 3, 0, 30, tzinfo=UTC)
AGAIN = {"en": "We read from ((again)).", "uk": "Знову: ((again))."}
Withdraw = Callable[[Session, Message], None]


@pytest.fixture
def person(session: Session, vault: Vault) -> Person:
    return a_person(session, vault, occasions={**TEXTS, Occasion.OFF_DUTY: AGAIN})


def here(session: Session, message: Message) -> None:
    """Withdraw a message of ours."""
    withdraw_version(session, message, message.version, by=1, reason="It is another's number.")


def at_a_partner(session: Session, message: Message) -> None:
    """Let a message of ours be a copy, and its partner withdraw what it says."""
    partner = an_organisation(session)
    texts = session.get_one(MessageVersion, (message.id, message.version)).texts
    theirs = a_message(session, partner, dict(texts))
    message.copied_from_id, message.copied_from_version = theirs.id, theirs.version
    session.flush()
    reason = "It is another's number."
    withdraw_version(session, theirs, theirs.version, by=a_member(session, partner).id, reason=reason)


def chosen_for(person: Person, occasion: Occasion) -> Message:
    return load_chosen(person.session, person.organisation.id)[occasion]


def before(session: Session, message: Message) -> None:
    """Withdraw a message of ours whose words are changed, and are what they were again."""
    here(session, message)
    words = message.translations[0].text
    for text in ("Something else.", words):
        save_translation(session, message, language="en", text=text, by=1)
    message.translations[0].state = TranslationState.REVIEWED
    session.flush()


WITHDRAWN = pytest.mark.parametrize("withdraw", [here, at_a_partner, before])


@WITHDRAWN
@pytest.mark.parametrize(("occasion", "word"), [(Occasion.HELP, "HELP"), (Occasion.INFO, "INFO")])
def test_what_was_withdrawn_answers_nobody(
    person: Person, withdraw: Withdraw, occasion: Occasion, word: str
) -> None:
    withdraw(person.session, chosen_for(person, occasion))
    with clock.running_on(lambda: NOON):
        person.writes(word)
    assert person.reads() == []
    assert person.waits


@WITHDRAWN
@pytest.mark.one_database
def test_what_is_said_by_day_is_said_at_night_where_that_of_the_night_was_withdrawn(
    person: Person, withdraw: Withdraw
) -> None:
    withdraw(person.session, chosen_for(person, Occasion.OFF_DUTY))
    with clock.running_on(lambda: MIDNIGHT):
        person.writes("HELP")
    assert person.reads() == [TEXTS[Occasion.HELP]["en"]]


@pytest.mark.one_database
def test_copy_that_says_something_else_by_now_is_said_again(person: Person) -> None:
    message = chosen_for(person, Occasion.HELP)
    at_a_partner(person.session, message)
    kept = person.session.scalars(select(MessageVersion).where(MessageVersion.message_id == message.id)).one()
    kept.texts = {"en": "In danger call 911."}
    person.session.flush()
    assert find_chosen(person.session, person.organisation.id, Occasion.HELP) is message


@WITHDRAWN
@pytest.mark.one_database
def test_what_was_withdrawn_is_not_chosen(person: Person, withdraw: Withdraw) -> None:
    """It is still offered to whoever has the page open, or where it was chosen for something else before."""
    message = chosen_for(person, Occasion.HELP)
    withdraw(person.session, message)
    with pytest.raises(InputError, match="was withdrawn"):
        choose(person.session, person.organisation, {Occasion.INFO: message.id}, by=person.member.id)


@WITHDRAWN
@pytest.mark.both_databases
def test_of_what_was_chosen_that_which_was_withdrawn_is_found(person: Person, withdraw: Withdraw) -> None:
    chosen = load_chosen(person.session, person.organisation.id)
    withdraw(person.session, chosen[Occasion.HELP])
    assert find_withdrawn(person.session, chosen.values()) == {chosen[Occasion.HELP].id}


@WITHDRAWN
@pytest.mark.one_database
def test_others_are_chosen_while_one_was_withdrawn(person: Person, withdraw: Withdraw) -> None:
    message, organisation = chosen_for(person, Occasion.HELP), person.organisation
    withdraw(person.session, message)
    other = a_message(person.session, organisation, {"en": "Write to us."}).id
    choose(person.session, organisation, {Occasion.HELP: message.id, Occasion.INFO: other}, by=person.member.id)
    assert chosen_for(person, Occasion.INFO).id == other
