"""A PO file comes back whole or not at all, and what it says waits for review."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.errors import RowsError
from campaigns.messages.models import Message, MessageVersion, Origin, TranslationState
from campaigns.messages.queries import find_translation, get_version, state_of
from campaigns.messages.service import create_message, review_translation, save_translation
from campaigns.messages.translators.po_file import read_catalogue
from campaigns.messages.translators.service import ImportedTexts, export_texts, import_texts
from campaigns.staff.models import Member, Organisation
from tests.factories import a_member, an_organisation

BASE, UK = "Keep your passport. ((hotline))", "Тримайте паспорт. ((hotline))"
Changed = Callable[[str], bytes]


@pytest.fixture
def ours(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def author(session: Session, ours: Organisation) -> Member:
    return a_member(session, ours)


@pytest.fixture
def message(session: Session, ours: Organisation, author: Member) -> Message:
    values = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "text": BASE}
    return create_message(session, ours.id, by=author.id, **values)


@pytest.fixture
def translated(session: Session, ours: Organisation, message: Message) -> Changed:
    """Return the file that goes out, with this translation in it."""

    def fill(text: str, language: str = "uk") -> bytes:
        out = export_texts(session, ours.id, language=language).decode()
        head, _, tail = out.rpartition('msgstr ""')
        return f'{head}msgstr "{text}"{tail}'.encode()

    return fill


def bring_back(session: Session, organisation_id: int, content: bytes, *, language: str, by: int) -> ImportedTexts:
    return import_texts(
        session, organisation_id, read_catalogue(content, language=language), language=language, by=by
    )


def test_file_that_comes_back_is_written(
    session: Session, ours: Organisation, author: Member, message: Message, translated: Changed
) -> None:
    done = bring_back(session, ours.id, translated(UK), language="uk", by=author.id)
    uk = find_translation(message, "uk")
    assert uk is not None
    assert (done, uk.text) == (ImportedTexts(changed=1, unchanged=0, drafts=0), UK)
    assert (uk.state, uk.translator_id) == (TranslationState.TRANSLATED, author.id)
    assert get_version(session, message, 2).origin == Origin.FILE


def test_what_was_there_already_stays_reviewed(
    session: Session, ours: Organisation, author: Member, message: Message
) -> None:
    uk = save_translation(session, message, language="uk", text=UK, by=author.id)
    review_translation(session, uk, by=a_member(session, ours).id)
    content = export_texts(session, ours.id, language="uk")
    done = bring_back(session, ours.id, content, language="uk", by=author.id)
    assert (done.changed, done.unchanged, message.version) == (0, 1, 2)
    assert state_of(message, uk) is TranslationState.REVIEWED


def test_fuzzy_entry_becomes_a_draft(
    session: Session, ours: Organisation, author: Member, message: Message, translated: Changed
) -> None:
    content = translated("Тримайте").replace(b"#, max-length", b"#, fuzzy, max-length")
    assert bring_back(session, ours.id, content, language="uk", by=author.id).drafts == 1
    uk = find_translation(message, "uk")
    assert uk is not None
    assert state_of(message, uk) is TranslationState.DRAFT


def test_stale_text_goes_out_fuzzy_and_comes_back_stale(
    session: Session, ours: Organisation, author: Member, message: Message
) -> None:
    uk = save_translation(session, message, language="uk", text=UK, by=author.id)
    save_translation(session, message, language="en", text=BASE + " Now.", by=author.id)
    content = export_texts(session, ours.id, language="uk")
    assert b"fuzzy" in content
    bring_back(session, ours.id, content, language="uk", by=author.id)
    assert state_of(message, uk) is TranslationState.STALE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Тримайте паспорт.", "The source text has ((hotline)), the translation has not"),
        ("((hotline)) ((place))", "The translation has ((place)), the source text has not"),
        ("((hotline)) ((a.__class__))", "((a.__class__)) is not an automatic field"),
        ("((hotline", "not closed"),
        ("((hotline)) " + "х" * 1600, "1600 is the most"),
    ],
)
def test_each_faulty_entry_is_told_and_nothing_is_written(
    session: Session, ours: Organisation, author: Member, translated: Changed, text: str, words: str
) -> None:
    content = translated(text)
    with pytest.raises(RowsError) as caught:
        bring_back(session, ours.id, content, language="uk", by=author.id)
    (problem,) = caught.value.problems
    assert words in str(problem)
    assert session.scalar(select(func.count()).select_from(MessageVersion)) == 1


def test_one_faulty_entry_keeps_all_others_out(
    session: Session, ours: Organisation, author: Member, message: Message, translated: Changed
) -> None:
    other = create_message(
        session, ours.id, title="Two", theme="docs_keep", base_language="en", text="Second", by=author.id
    )
    content = translated("Друге").replace(b'msgstr ""\n\n#.', 'msgstr "без гарячої лінії"\n\n#.'.encode())
    with pytest.raises(RowsError) as caught:
        bring_back(session, ours.id, content, language="uk", by=author.id)
    assert [problem.column for problem in caught.value.problems] == [f"message-{message.id}"]
    assert find_translation(other, "uk") is None


def test_base_text_that_changed_meanwhile_is_told(
    session: Session, ours: Organisation, author: Member, message: Message, translated: Changed
) -> None:
    content = translated(UK)
    save_translation(session, message, language="en", text="Another ((hotline))", by=author.id)
    with pytest.raises(RowsError, match="another source text"):
        bring_back(session, ours.id, content, language="uk", by=author.id)


@pytest.mark.parametrize(
    "key", ["message-999999", "message-x", "", "message-1-fax", "message-99999999999999999999"]
)
def test_unknown_entries_are_told(
    session: Session, ours: Organisation, author: Member, message: Message, translated: Changed, key: str
) -> None:
    content = translated(UK).replace(f"message-{message.id}".encode(), key.encode())
    with pytest.raises(RowsError):
        bring_back(session, ours.id, content, language="uk", by=author.id)


def test_anothers_message_is_no_entry(
    session: Session, author: Member, message: Message, translated: Changed
) -> None:
    content, theirs = translated(UK), an_organisation(session)
    with pytest.raises(RowsError, match="not yours"):
        bring_back(session, theirs.id, content, language="uk", by=author.id)


def test_words_for_one_channel_go_out_and_come_back(
    session: Session, ours: Organisation, author: Member, message: Message, translated: Changed
) -> None:
    save_translation(session, message, language="en", text=BASE, wordings={"sms": "Passport!"}, by=author.id)
    save_translation(session, message, language="uk", text=UK, by=author.id)
    bring_back(session, ours.id, translated("Паспорт!"), language="uk", by=author.id)
    uk = find_translation(message, "uk")
    assert uk is not None
    assert (uk.text, uk.wordings) == (UK, {"sms": "Паспорт!"})


def test_words_that_say_the_same_as_the_text_replace_those_of_the_channel(
    session: Session, ours: Organisation, author: Member, message: Message
) -> None:
    save_translation(session, message, language="en", text=BASE, wordings={"sms": "Passport!"}, by=author.id)
    save_translation(session, message, language="uk", text=UK, wordings={"sms": "Старе!"}, by=author.id)
    content = export_texts(session, ours.id, language="uk").replace("Старе!".encode(), UK.encode())
    bring_back(session, ours.id, content, language="uk", by=author.id)
    uk = find_translation(message, "uk")
    assert uk is not None
    assert (uk.text, uk.wordings) == (UK, {})


@pytest.mark.parametrize("sms", [{}, {"sms": "Passport, now!"}])
def test_old_words_of_a_channel_are_not_kept_beside_a_text_that_was_made_anew(
    session: Session, ours: Organisation, author: Member, message: Message, sms: dict[str, str]
) -> None:
    """They say what the source said before, and no reader of the file has seen them, or has said them anew."""
    save_translation(session, message, language="en", text=BASE, wordings={"sms": "Passport!"}, by=author.id)
    save_translation(session, message, language="uk", text=UK, wordings={"sms": "Старе!"}, by=author.id)
    save_translation(session, message, language="en", text="Now: " + BASE, wordings=sms, by=author.id)
    out = export_texts(session, ours.id, language="uk").decode().replace("#, fuzzy", "#")
    content = out.replace(f'msgstr "{UK}"', f'msgstr "Зараз: {UK}"').replace('msgstr "Старе!"', 'msgstr ""')
    bring_back(session, ours.id, content.encode(), language="uk", by=author.id)
    uk = find_translation(message, "uk")
    assert uk is not None
    assert (uk.text, uk.wordings, state_of(message, uk)) == (f"Зараз: {UK}", {}, TranslationState.TRANSLATED)


def test_words_of_a_channel_alone_do_not_renew_the_text(
    session: Session, ours: Organisation, author: Member, message: Message
) -> None:
    save_translation(session, message, language="en", text=BASE, wordings={"sms": "Passport!"}, by=author.id)
    save_translation(session, message, language="uk", text=UK, by=author.id)
    save_translation(session, message, language="en", text="Now: " + BASE, by=author.id)
    out = export_texts(session, ours.id, language="uk").decode().replace("#, fuzzy", "#")
    head, _, tail = out.rpartition('msgstr ""')
    content = f'{head}msgstr "Паспорт!"{tail}'.replace(f'msgstr "{UK}"', 'msgstr ""')
    with pytest.raises(RowsError, match="no text for all"):
        bring_back(session, ours.id, content.encode(), language="uk", by=author.id)
