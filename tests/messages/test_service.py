"""Messages keep their translations honest: who wrote, who reviewed, and whether the base text changed since."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.database import make_sessions
from campaigns.core.errors import BaseLanguageError, InputError, PlaceholderError, RefusedError
from campaigns.core.written_text import digest_of
from campaigns.messages.models import Message, TranslationState
from campaigns.messages.queries import current_texts, find_translation, get_base, load_translation_facts, state_of
from campaigns.messages.service import create_message, review_translation, save_translation, update_message
from campaigns.staff.models import AuditEntry, Member, Organisation
from tests.factories import a_member, a_message, an_organisation
from tests.postgres import empty_tables

pytestmark = pytest.mark.one_database

BASE = "Keep your passport. Call ((hotline))."
UK = "Паспорт тримайте при собі. Телефонуйте ((hotline))."


@pytest.fixture
def ours(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def author(session: Session, ours: Organisation) -> Member:
    return a_member(session, ours)


@pytest.fixture
def reviewer(session: Session, ours: Organisation) -> Member:
    return a_member(session, ours)


@pytest.fixture
def message(session: Session, ours: Organisation, author: Member) -> Message:
    return write(session, ours, author)


def write(session: Session, ours: Organisation, author: Member, **changes: str) -> Message:
    values = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "text": BASE}
    return create_message(session, ours.id, by=author.id, **values | changes)


def states(message: Message) -> dict[str, TranslationState]:
    return {each.language: state_of(message, each) for each in message.translations}


def entries(session: Session, message: Message) -> list[str]:
    about = select(AuditEntry).where(AuditEntry.subject_type == "message", AuditEntry.subject_id == message.id)
    return [entry.action for entry in session.scalars(about.order_by(AuditEntry.id))]


def test_message_begins_with_its_base_text(message: Message, author: Member) -> None:
    base = get_base(message)
    assert (message.version, base.text, base.translator_id) == (1, BASE, author.id)
    assert states(message) == {"en": TranslationState.TRANSLATED}
    assert current_texts(message) == {}


@pytest.mark.parametrize("text", ["", "  \n "])
def test_message_without_base_text_is_refused(
    session: Session, ours: Organisation, author: Member, text: str
) -> None:
    with pytest.raises(BaseLanguageError, match="source language"):
        write(session, ours, author, text=text)
    assert session.scalars(select(Message)).all() == []


def test_wrong_input_is_told(session: Session, ours: Organisation, author: Member) -> None:
    wrong = {"title": " ", "theme": "rumours", "base_language": "xx", "text": "a\x07b"}
    words = {"title": "missing", "theme": "not a theme", "base_language": "not a language", "text": "U.0007"}
    for name, value in wrong.items():
        with pytest.raises(InputError, match=words[name]):
            write(session, ours, author, **{name: value})
    assert session.scalars(select(Message)).all() == []


@pytest.mark.both_databases
def test_faulty_placeholder_is_refused_at_once(session: Session, ours: Organisation, author: Member) -> None:
    with pytest.raises(PlaceholderError, match="is not an automatic field"):
        write(session, ours, author, text="Call ((a.__class__))")


def test_texts_are_kept_normalised(session: Session, ours: Organisation, author: Member) -> None:
    message = write(session, ours, author, text="  Cafe\u0301\r\nopen \r")
    assert get_base(message).text == "Café\nopen"


def test_translation_raises_the_version(session: Session, message: Message, author: Member) -> None:
    translation = save_translation(session, message, language="uk", text=UK, by=author.id)
    assert message.version == 2
    assert translation.source_digest == digest_of(BASE)
    assert states(message)["uk"] is TranslationState.TRANSLATED


def test_reviewed_texts_may_be_sent(session: Session, message: Message, author: Member, reviewer: Member) -> None:
    translation = save_translation(session, message, language="uk", text=UK, by=author.id)
    review_translation(session, translation, by=reviewer.id)
    assert current_texts(message) == {"uk": UK}
    review_translation(session, get_base(message), by=reviewer.id)
    assert current_texts(message) == {"en": BASE, "uk": UK}
    assert translation.reviewed_at is not None


def test_base_edit_makes_the_others_stale(
    session: Session, message: Message, author: Member, reviewer: Member
) -> None:
    translation = save_translation(session, message, language="uk", text=UK, by=author.id)
    review_translation(session, translation, by=reviewer.id)
    save_translation(session, message, language="en", text=BASE + " Now.", by=author.id)
    assert states(message) == {"en": TranslationState.TRANSLATED, "uk": TranslationState.STALE}
    assert current_texts(message) == {}
    with pytest.raises(RefusedError, match="source text has changed"):
        review_translation(session, translation, by=reviewer.id)


def test_saving_anew_confirms_a_stale_text(session: Session, message: Message, author: Member) -> None:
    save_translation(session, message, language="uk", text=UK, by=author.id)
    save_translation(session, message, language="en", text=BASE + " Now.", by=author.id)
    save_translation(session, message, language="uk", text=UK, by=author.id)
    assert states(message)["uk"] is TranslationState.TRANSLATED
    assert message.version == 4


def test_unchanged_text_keeps_its_review(
    session: Session, message: Message, author: Member, reviewer: Member
) -> None:
    review_translation(session, get_base(message), by=reviewer.id)
    save_translation(session, message, language="en", text=BASE, by=author.id)
    assert states(message)["en"] is TranslationState.REVIEWED
    assert message.version == 1


def test_new_text_voids_its_review(session: Session, message: Message, author: Member, reviewer: Member) -> None:
    review_translation(session, get_base(message), by=reviewer.id)
    save_translation(session, message, language="en", text="Other ((hotline))", by=author.id)
    base = get_base(message)
    assert (base.reviewer_id, base.reviewed_at) == (None, None)
    assert states(message)["en"] is TranslationState.TRANSLATED


def test_translator_may_not_review(session: Session, message: Message, author: Member) -> None:
    with pytest.raises(RefusedError, match="cannot review it"):
        review_translation(session, get_base(message), by=author.id)


def test_review_is_of_the_text_seen(session: Session, message: Message, author: Member, reviewer: Member) -> None:
    seen = digest_of(get_base(message).text)
    save_translation(session, message, language="en", text="Other ((hotline))", by=author.id)
    with pytest.raises(RefusedError, match="changed while you read it"):
        review_translation(session, get_base(message), by=reviewer.id, seen=seen)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Телефонуйте", r"source text has \(\(hotline\)\), the translation has not"),
        (UK + " ((link))", r"translation has \(\(link\)\), the source text has not"),
        (UK + " ((hotline", "not closed"),
    ],
)
def test_translation_keeps_the_placeholders(
    session: Session, message: Message, author: Member, text: str, words: str
) -> None:
    with pytest.raises(PlaceholderError, match=words):
        save_translation(session, message, language="uk", text=text, by=author.id)
    assert find_translation(message, "uk") is None
    assert message.version == 1


def test_fallbacks_may_differ_by_language(session: Session, message: Message, author: Member) -> None:
    save_translation(session, message, language="sw", text="Piga ((hotline))", by=author.id)
    assert states(message)["sw"] is TranslationState.TRANSLATED


def test_translation_of_nothing_is_refused(session: Session, ours: Organisation, author: Member) -> None:
    message = a_message(session, ours, {"uk": "Паспорт"}, base_language="en")
    with pytest.raises(BaseLanguageError, match="no text in its source language"):
        save_translation(session, message, language="pl", text="Paszport", by=author.id)
    with pytest.raises(BaseLanguageError):
        current_texts(message)


@pytest.mark.both_databases
def test_each_act_leaves_one_entry(session: Session, message: Message, author: Member, reviewer: Member) -> None:
    update_message(session, message, title="Papers", theme="aid_is_free", by=author.id)
    translation = save_translation(session, message, language="uk", text=UK, by=author.id)
    review_translation(session, translation, by=reviewer.id)
    save_translation(session, message, language="uk", text=UK, by=author.id)
    assert entries(session, message) == ["message.create", "message.update", "message.translate", "message.review"]


def test_gates_see_the_base_language_first(session: Session, message: Message, author: Member) -> None:
    save_translation(session, message, language="ar", text="هاتف ((hotline))", by=author.id)
    save_translation(session, message, language="en", text="Call ((hotline))", by=author.id)
    facts = load_translation_facts(message)
    assert [(each.language, each.state) for each in facts] == [
        ("en", TranslationState.TRANSLATED),
        ("ar", TranslationState.STALE),
    ]


@pytest.mark.both_databases
def test_writers_of_one_message_wait_for_each_other(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        ours = an_organisation(session)
        author = a_member(session, ours)
        message_id, by = write(session, ours, author).id, author.id

    def translate(language: str) -> None:
        with sessions.begin() as session:
            message = session.get_one(Message, message_id)
            save_translation(session, message, language=language, text="Text ((hotline))", by=by)

    with ThreadPoolExecutor(3) as writers:
        list(writers.map(translate, ["uk", "ru", "pl", "ro", "ar", "hu"]))
    with sessions() as session:
        assert session.get_one(Message, message_id).version == 7


def test_review_meets_the_text_as_it_is_now(postgres_engine: Engine) -> None:
    sessions = make_sessions(postgres_engine)
    with sessions.begin() as session:
        ours = an_organisation(session)
        author, reviewer = a_member(session, ours), a_member(session, ours)
        message = write(session, ours, author)
    with sessions() as reading:
        read = get_base(reading.get_one(Message, message.id))
        with sessions.begin() as writing:
            again = writing.get_one(Message, message.id)
            save_translation(writing, again, language="en", text="Give it away ((hotline))", by=author.id)
        with pytest.raises(RefusedError, match="changed while you read it"):
            review_translation(reading, read, by=reviewer.id, seen=digest_of(BASE))
    empty_tables(postgres_engine)
