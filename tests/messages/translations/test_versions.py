"""Every change of a text leaves a version that can be read again, and a review is never the translator's own."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.core.errors import InputError, NotFoundError, PlaceholderError, RefusedError
from campaigns.messages.models import Message, Origin, Translation, TranslationState
from campaigns.messages.queries import current_texts, get_version, select_versions, state_of
from campaigns.messages.service import create_message, review_translation, save_translation
from campaigns.staff.models import Member, Organisation
from tests.factories import a_member, an_organisation

BASE, UK = "Keep your passport. ((hotline))", "Тримайте паспорт. ((hotline))"


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
    values = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "text": BASE}
    return create_message(session, ours.id, by=author.id, **values)


def test_each_version_keeps_all_texts(session: Session, message: Message, author: Member) -> None:
    save_translation(session, message, language="uk", text=UK, by=author.id)
    save_translation(session, message, language="en", text=BASE + " Now.", by=author.id)
    kept = {each.version: each.texts for each in session.scalars(select_versions(message))}
    assert kept == {1: {"en": BASE}, 2: {"en": BASE, "uk": UK}, 3: {"en": BASE + " Now.", "uk": UK}}
    first = get_version(session, message, 1)
    assert (first.member_id, first.origin) == (author.id, Origin.WRITTEN)


def test_version_that_never_was_is_not_found(session: Session, message: Message) -> None:
    with pytest.raises(NotFoundError):
        get_version(session, message, 2)


def test_unchanged_text_makes_no_version(session: Session, message: Message, author: Member) -> None:
    save_translation(session, message, language="en", text=BASE, by=author.id)
    assert message.version == 1


def test_database_refuses_a_translators_own_review(session: Session, message: Message, author: Member) -> None:
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(update(Translation).values(reviewer_id=author.id))


def test_draft_may_lack_placeholders_but_is_not_reviewed(
    session: Session, message: Message, author: Member, reviewer: Member
) -> None:
    draft = save_translation(session, message, language="uk", text="Тримайте", is_draft=True, by=author.id)
    assert state_of(message, draft) is TranslationState.DRAFT
    with pytest.raises(RefusedError, match="draft"):
        review_translation(session, draft, by=reviewer.id)
    with pytest.raises(PlaceholderError):
        save_translation(session, message, language="uk", text="Тримайте ((place))", is_draft=True, by=author.id)


def test_finished_draft_waits_for_review(session: Session, message: Message, author: Member) -> None:
    save_translation(session, message, language="uk", text=UK, is_draft=True, by=author.id)
    done = save_translation(session, message, language="uk", text=UK, by=author.id)
    assert state_of(message, done) is TranslationState.TRANSLATED


def test_words_for_one_channel_are_reviewed_with_the_text(
    session: Session, message: Message, author: Member, reviewer: Member
) -> None:
    words = {"sms": "Passport! ((hotline))", "telegram": " ", "whatsapp": BASE}
    base = save_translation(session, message, language="en", text=BASE, wordings=words, by=author.id)
    assert base.wordings == {"sms": "Passport! ((hotline))"}
    review_translation(session, base, by=reviewer.id)
    assert current_texts(message) == {"en": BASE}
    save_translation(session, message, language="en", text=BASE, wordings={}, by=author.id)
    assert current_texts(message) == {}


def test_new_words_for_one_channel_make_translations_stale(
    session: Session, message: Message, author: Member
) -> None:
    uk = save_translation(session, message, language="uk", text=UK, by=author.id)
    save_translation(session, message, language="en", text=BASE, wordings={"sms": "Passport."}, by=author.id)
    assert state_of(message, uk) is TranslationState.STALE


@pytest.mark.parametrize("words", [{"fax": "x"}, {"sms": "Call ((code))"}, {"sms": "((hotline"}])
def test_wrong_words_for_one_channel_are_refused(
    session: Session, message: Message, author: Member, words: dict[str, str]
) -> None:
    with pytest.raises(InputError):
        save_translation(session, message, language="en", text=BASE, wordings=words, by=author.id)


def test_back_translation_does_not_touch_the_review(
    session: Session, message: Message, author: Member, reviewer: Member
) -> None:
    uk = save_translation(session, message, language="uk", text=UK, by=author.id)
    review_translation(session, uk, by=reviewer.id)
    save_translation(session, message, language="uk", text=UK, back_translation="Hold it.", by=author.id)
    assert (uk.back_translation, uk.state, message.version) == ("Hold it.", TranslationState.REVIEWED, 2)
