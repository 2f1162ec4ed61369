"""These verbs change messages; each leaves one audit entry and none commits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.words import N_, Phrase
from campaigns.core.written_text import clean_line, clean_text
from campaigns.messages import queries
from campaigns.messages.models import Message, Translation, TranslationState
from campaigns.messages.themes import Theme
from campaigns.messages.translations.service import (
    add_version,
    check_language,
    check_text,
    check_wordings,
    hold_for_review,
    hold_message,
    put_back,
    rewords,
    source_digest,
    write_text,
)
from campaigns.staff import audit

TITLE_LIMIT = 200


def create_message(
    session: Session,
    organisation_id: int,
    *,
    title: str,
    theme: str,
    base_language: str,
    text: str,
    by: int,
) -> Message:
    """Create a message with its text in the base language, written by the member `by`.

    Raises BaseLanguageError when the text is empty, PlaceholderError when a placeholder is faulty, InputError
    for an unknown theme or language, or a title or text that cannot be kept.
    """
    check_language(base_language)
    now = clock.now()
    message = Message(
        organisation_id=organisation_id,
        title=clean_line(title, what=Phrase(N_("The title")), limit=TITLE_LIMIT),
        theme=_known_theme(theme),
        base_language=base_language,
        version=1,
        created_at=now,
        updated_at=now,
    )
    write_text(message, base_language, check_text(message, base_language, text), by=by)
    session.add(message)
    add_version(session, message, by=by, number=1)
    _record(session, "message.create", message, by, language=base_language, theme=message.theme)
    return message


def create_in_languages(
    session: Session,
    organisation_id: int,
    *,
    title: str,
    theme: str,
    base_language: str,
    texts: Mapping[str, str],
    by: int,
) -> Message:
    """Create a message with texts by language, the base language among them; raises what `create_message` does."""
    message = create_message(
        session,
        organisation_id,
        title=title,
        theme=theme,
        base_language=base_language,
        text=texts[base_language],
        by=by,
    )
    for language, text in texts.items():
        if language != base_language:
            save_translation(session, message, language=language, text=text, by=by)
    return message


def update_message(session: Session, message: Message, *, title: str, theme: str, by: int) -> None:
    """Change a message's title and theme, which nobody but members sees. Raises InputError."""
    message.title = clean_line(title, what=Phrase(N_("The title")), limit=TITLE_LIMIT)
    message.theme = _known_theme(theme)
    message.updated_at = clock.now()
    _record(session, "message.update", message, by, theme=message.theme)


def save_translation(
    session: Session,
    message: Message,
    *,
    language: str,
    text: str,
    by: int,
    wordings: Mapping[str, str] | None = None,
    back_translation: str | None = None,
    is_draft: bool = False,
) -> Translation:
    """Write a message's text in one language and raise the message's version; its review is void.

    A new source text leaves the others as they are, but stale. Saving an unchanged text confirms that it still
    fits the source text; when it already did, nothing happens. `wordings` are other words for single channels and
    `back_translation` is what the text says in the base language; None keeps what there is of them. A draft may
    lack placeholders and cannot be reviewed. Raises BaseLanguageError, InputError, or PlaceholderError, also when
    the placeholders are not those of the source text.
    """
    check_language(language)
    hold_message(session, message)
    clean = check_text(message, language, text, is_draft=is_draft)
    state = TranslationState.DRAFT if is_draft else TranslationState.TRANSLATED
    present = queries.find_translation(message, language)
    kept = (present.wordings if present else {}) if wordings is None else check_wordings(clean, wordings)
    if present is not None and _says(message, present, clean, kept) and _counts_as(present, state):
        _put_back(session, present, back_translation, by=by)
        return present
    is_reworded = rewords(message, present, clean, kept)
    translation = write_text(message, language, clean, wordings=kept, state=state, by=by)
    if back_translation is not None and back_translation.strip() != translation.back_translation:
        put_back(translation, back_translation)
    add_version(session, message, by=by, is_reworded=is_reworded)
    _record(session, "message.translate", message, by, language=language, version=message.version)
    return translation


def _says(message: Message, present: Translation, text: str, wordings: Mapping[str, str]) -> bool:
    """Say whether a translation has these words already, made from the source text as it is."""
    same = present.text == text and present.wordings == wordings
    return same and present.source_digest == source_digest(message, present)


def _counts_as(present: Translation, state: TranslationState) -> bool:
    """Say whether saving an unchanged text as `state` changes nothing: a reviewed text stays reviewed."""
    return (present.state == TranslationState.DRAFT) == (state == TranslationState.DRAFT)


def _put_back(session: Session, translation: Translation, back_translation: str | None, *, by: int) -> None:
    """Keep a new back-translation of an unchanged text: its review stands, as nothing of it is sent."""
    if back_translation is None or clean_text(back_translation) == translation.back_translation:
        return
    put_back(translation, back_translation)
    session.flush()
    _record(session, "message.back_translate", translation.message, by, language=translation.language)


def review_translation(
    session: Session, translation: Translation, *, by: int, seen: str | None = None
) -> Translation:
    """Mark a translation as reviewed by the member `by`, who must never have written words of it.

    `seen` is the digest of the text that the reviewer read. Raises RefusedError for whoever wrote it at any time,
    for a stale translation, and when the text has changed since it was read.
    """
    message = translation.message
    hold_for_review(session, translation, by=by, seen=seen)
    if queries.state_of(message, translation) is TranslationState.STALE:
        raise RefusedError(N_("The source text has changed since this was translated. Translate it again first."))
    if translation.state == TranslationState.DRAFT:
        raise RefusedError(N_("This is a draft. Its author must finish it before it can be reviewed."))
    translation.state = TranslationState.REVIEWED
    translation.returned = None
    translation.reviewer_id = by
    translation.reviewed_at = clock.now()
    _record(session, "message.review", message, by, language=translation.language, version=message.version)
    return translation


def _known_theme(theme: str) -> Theme:
    try:
        return Theme(theme)
    except ValueError:
        raise InputError(N_("“%(name)s” is not a theme."), name=theme) from None


def _record(session: Session, action: str, subject: Message, by: int, **detail: Any) -> None:
    audit.record(session, action, subject=subject, organisation_id=subject.organisation_id, member_id=by, **detail)
