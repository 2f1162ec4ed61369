"""Partners see what is shared and reviewed, and a copy knows where it comes from."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from campaigns.core.errors import NotFoundError, RefusedError
from campaigns.messages.library.service import (
    SharedMessage,
    copy_message,
    find_lineage,
    get_shared,
    load_shared_titles,
    select_shared,
    share_message,
    shown_to_partners,
)
from campaigns.messages.models import Message, Origin, TranslationState
from campaigns.messages.queries import current_texts, find_translation, get_base, get_version, state_of
from campaigns.messages.service import create_message, review_translation, save_translation
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.staff.models import AuditEntry, Member, Organisation
from tests.factories import a_member, an_organisation

pytestmark = pytest.mark.one_database

BASE, UK = "Keep your passport.", "Тримайте паспорт."


@pytest.fixture
def theirs(session: Session) -> Organisation:
    return an_organisation(session, name="Signal Fire (invented)")


@pytest.fixture
def ours(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def writer(session: Session, theirs: Organisation) -> Member:
    return a_member(session, theirs)


@pytest.fixture
def author(session: Session, ours: Organisation) -> Member:
    return a_member(session, ours)


@pytest.fixture
def message(session: Session, theirs: Organisation, writer: Member) -> Message:
    """A message in English and Ukrainian, both reviewed."""
    values = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "text": BASE}
    message = create_message(session, theirs.id, by=writer.id, **values)
    save_translation(session, message, language="uk", text=UK, wordings={"sms": "Паспорт!"}, by=writer.id)
    reviewer = a_member(session, theirs)
    for translation in message.translations:
        review_translation(session, translation, by=reviewer.id)
    return message


def load_shared(session: Session, organisation_id: int) -> list[SharedMessage]:
    return shown_to_partners(session.execute(select_shared(session, organisation_id)))


def test_partners_see_only_what_is_shared(
    session: Session, message: Message, ours: Organisation, theirs: Organisation, writer: Member
) -> None:
    assert load_shared(session, ours.id) == []
    share_message(session, message, is_shared=True, by=writer.id)
    (shown,) = load_shared(session, ours.id)
    assert (shown.organisation, shown.texts) == (theirs.name, {"en": BASE, "uk": UK})
    assert load_shared(session, theirs.id) == []
    share_message(session, message, is_shared=False, by=writer.id)
    with pytest.raises(NotFoundError):
        get_shared(session, message.id, ours.id)


def test_texts_in_work_are_not_shown(
    session: Session, message: Message, ours: Organisation, writer: Member
) -> None:
    share_message(session, message, is_shared=True, by=writer.id)
    save_translation(session, message, language="uk", text="Чернетка", by=writer.id)
    assert get_shared(session, message.id, ours.id).texts == {"en": BASE}
    save_translation(session, message, language="en", text="Something new", by=writer.id)
    assert load_shared(session, ours.id) == []


def test_unreviewed_base_cannot_be_shared(session: Session, message: Message, writer: Member) -> None:
    save_translation(session, message, language="en", text="Something new", by=writer.id)
    with pytest.raises(RefusedError, match="reviewed"):
        share_message(session, message, is_shared=True, by=writer.id)


def test_copy_keeps_lineage_and_waits_for_review(
    session: Session, message: Message, ours: Organisation, writer: Member, author: Member
) -> None:
    share_message(session, message, is_shared=True, by=writer.id)
    copy = copy_message(session, ours.id, get_shared(session, message.id, ours.id), by=author.id)
    assert (copy.organisation_id, copy.copied_from_id, copy.copied_from_version) == (ours.id, message.id, 2)
    assert {each.language: state_of(copy, each) for each in copy.translations} == {
        "en": TranslationState.TRANSLATED,
        "uk": TranslationState.TRANSLATED,
    }
    uk = find_translation(copy, "uk")
    assert uk is not None
    assert uk.wordings == {"sms": "Паспорт!"}
    assert (current_texts(copy), get_version(session, copy, 1).origin) == ({}, Origin.COPIED)


def test_lineage_says_whether_the_source_moved_on(
    session: Session, message: Message, ours: Organisation, theirs: Organisation, writer: Member, author: Member
) -> None:
    share_message(session, message, is_shared=True, by=writer.id)
    copy = copy_message(session, ours.id, get_shared(session, message.id, ours.id), by=author.id)
    save_translation(session, message, language="uk", text="Інакше", by=writer.id)
    lineage = find_lineage(session, copy)
    assert lineage is not None
    assert (lineage.organisation, lineage.version, lineage.version_now) == (theirs.name, 2, 3)
    share_message(session, message, is_shared=False, by=writer.id)
    gone = find_lineage(session, copy)
    assert gone is not None
    assert (gone.organisation, gone.source_id) == (theirs.name, None)
    assert find_lineage(session, message) is None


def test_copy_is_free_of_its_source(
    session: Session, message: Message, ours: Organisation, writer: Member, author: Member
) -> None:
    share_message(session, message, is_shared=True, by=writer.id)
    copy = copy_message(session, ours.id, get_shared(session, message.id, ours.id), by=author.id)
    save_translation(session, copy, language="en", text="Our own words", by=author.id)
    assert (get_base(message).text, message.version) == (BASE, 2)


def test_sharing_and_copying_are_audited(
    session: Session, message: Message, ours: Organisation, writer: Member, author: Member
) -> None:
    share_message(session, message, is_shared=True, by=writer.id)
    copy = copy_message(session, ours.id, get_shared(session, message.id, ours.id), by=author.id)
    last = session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert last is not None
    assert (last.action, last.subject_id) == ("message.copy", copy.id)
    assert last.detail["source_id"] == message.id


@pytest.mark.both_databases
def test_withdrawn_version_is_shared_no_more(
    session: Session, message: Message, theirs: Organisation, ours: Organisation, writer: Member, author: Member
) -> None:
    share_message(session, message, is_shared=True, by=writer.id)
    copy = copy_message(session, ours.id, get_shared(session, message.id, ours.id), by=author.id)
    withdraw_version(session, message, message.version, by=writer.id, reason="Wrong hotline")
    assert load_shared(session, ours.id) == []
    lineage = find_lineage(session, copy)
    assert lineage is not None
    assert (lineage.withdrawn_by, lineage.source_id) == (theirs.name, None)


@pytest.mark.both_databases
def test_copy_that_still_says_what_was_withdrawn_is_shared_no_more(
    session: Session, message: Message, ours: Organisation, writer: Member, author: Member
) -> None:
    share_message(session, message, is_shared=True, by=writer.id)
    copy = copy_message(session, ours.id, get_shared(session, message.id, ours.id), by=author.id)
    reader = a_member(session, ours)
    for each in copy.translations:
        review_translation(session, each, by=reader.id)
    share_message(session, copy, is_shared=True, by=author.id)
    third = an_organisation(session)
    assert copy.id in {each.message.id for each in load_shared(session, third.id)}
    withdraw_version(session, message, message.version, by=writer.id, reason="Wrong hotline")
    assert load_shared(session, third.id) == []
    assert load_shared_titles(session, third.id) == []
    with pytest.raises(NotFoundError):
        get_shared(session, copy.id, third.id)
    for language, text in (("en", "Call 112."), ("uk", "Телефонуйте 112.")):
        saved = save_translation(session, copy, language=language, text=text, by=author.id)
        review_translation(session, saved, by=reader.id)
    assert get_shared(session, copy.id, third.id).texts["en"] == "Call 112."
