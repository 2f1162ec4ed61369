"""Each word does the same in all languages, asked something or not, opted out or not: a yes starts nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, product

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.audience.models import Address, AddressState
from campaigns.audience.phrases.phrase_table import load_rows
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.automatic.models import OpenQuestion, Subject
from campaigns.inbox.automatic.open_questions import Choice, ask
from campaigns.inbox.conversations.models import Conversation, Occasion
from campaigns.inbox.models import ReplyKind
from tests.inbox.automatic.person import Person, a_person
from tests.inbox.automatic.test_suggested_texts import LANGUAGES

#: What is chosen from, none of whose words asks for anything.
CHOICES = [Choice("English", language="en"), Choice("українська", language="uk")]
#: What is said by itself to who did not opt out.
SAID = {
    ReplyKind.HELP: [Occasion.HELP],
    ReplyKind.INFO: [Occasion.INFO],
    ReplyKind.MOVED: [Occasion.MOVED],
}
KINDS = [ReplyKind.STOP, ReplyKind.START, ReplyKind.HELP, ReplyKind.INFO, ReplyKind.MOVED, ReplyKind.YES]


def words(kind: ReplyKind) -> Iterator[tuple[str, str]]:
    """One word for each language that has one: language and what is typed."""
    seen = set()
    for row in load_rows():
        plain = row["meaning"] == kind and "[" not in row["note"]
        if plain and row["language"] in LANGUAGES and row["language"] not in seen:
            seen.add(row["language"])
            yield row["language"], f"{row['phrase']} Kraków" if kind is ReplyKind.MOVED else row["phrase"]
    assert len(seen) == len(LANGUAGES), kind


@pytest.mark.one_database
@pytest.mark.parametrize("languages", [{"en", "ar"}, pytest.param(LANGUAGES, marks=pytest.mark.long)], ids=len)
@pytest.mark.parametrize("kind", KINDS)
def test_word_does_what_it_means(session: Session, vault: Vault, kind: ReplyKind, languages: set[str]) -> None:
    person, wrong, numbers = a_person(session, vault), [], count(1)
    create_entry_point(session, person.organisation.id, name="Gate", code="Medyka", language="en", by=None)
    for (language, word), is_asked, is_out in product(words(kind), [False, True], [False, True]):
        if language not in languages:
            continue
        number = f"+38067{next(numbers):07}"
        does = do(person, number, word, language, is_asked=is_asked, is_out=is_out)
        if does != should(kind, is_asked=is_asked, is_out=is_out):
            wrong.append((language, word, is_asked, is_out, does))
    assert wrong == []


def do(person: Person, number: str, word: str, language: str, *, is_asked: bool, is_out: bool) -> object:
    """Let somebody write a word; return their state, what was said, whether they wait, and are still asked."""
    session = person.session
    person.writes("medyka", from_handle=number)
    address = session.scalars(select(Address).order_by(Address.id.desc()).limit(1)).one()
    address.contact.language = language
    conversation = session.scalars(select(Conversation).filter_by(contact_id=address.contact_id)).one()
    if is_out:
        person.writes("STOP", from_handle=number)
    if is_asked:
        ask(session, conversation, Subject.LANGUAGE, CHOICES, at=clock.now())
    before = len(person.occasions())
    person.writes(word, from_handle=number)
    asked = session.get(OpenQuestion, conversation.id)
    said = person.occasions()[before:]
    return AddressState(address.state), said, conversation.waiting_since is not None, asked is not None


def should(kind: ReplyKind, *, is_asked: bool, is_out: bool) -> object:
    if kind is ReplyKind.STOP:
        return AddressState.OPTED_OUT, [], False, False
    if kind is ReplyKind.START:
        # They were welcomed when they joined.
        return AddressState.ACTIVE, [], False, is_asked
    if is_out:
        return AddressState.OPTED_OUT, [], True, is_asked
    waits = kind in (ReplyKind.HELP, ReplyKind.YES)
    return AddressState.ACTIVE, SAID.get(kind, []), waits, is_asked
