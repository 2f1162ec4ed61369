"""Changes of a message's texts are held against other writers, checked, written, and kept as a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from campaigns.core import clock
from campaigns.core.errors import BaseLanguageError, InputError, PlaceholderError, RefusedError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.core.written_text import clean_text, digest_of, digest_of_wordings
from campaigns.messages import queries
from campaigns.messages.models import (
    Message,
    MessageVersion,
    Origin,
    Translation,
    TranslationState,
    TranslationWriter,
)
from campaigns.messages.text.placeholders import names_in
from campaigns.messages.translations.withdrawals import keep_withdrawn

#: Channels that may have words of their own, where the text that all share does not do.
WORDING_CHANNELS = ("sms", "whatsapp", "telegram")


def hold_message(session: Session, message: Message) -> None:
    """Make whoever writes or reviews this message wait for each other, and read it as the last one left it.

    So no version is given twice, and nobody reviews another text than the one that stands.
    """
    session.refresh(message, ["version"], with_for_update=True)
    session.expire(message, ["translations"])
    texts = select(Translation).where(Translation.message_id == message.id)
    texts = texts.options(selectinload(Translation.writers))
    session.scalars(texts, execution_options={"populate_existing": True}).all()


def hold_for_review(session: Session, translation: Translation, *, by: int, seen: str | None) -> None:
    """Hold a text that the member `by` judges, and read it as its last writer left it.

    `seen` is the digest of the text that they read, None where nobody read a page. Raises RefusedError for
    whoever wrote it at any time, and when it has changed since it was read.
    """
    hold_message(session, translation.message)
    if by in writers_of(translation):
        raise RefusedError(N_("Whoever wrote a text cannot review it. Ask another member."))
    if seen is not None and seen != digest_of_wordings(translation.text, translation.wordings):
        raise RefusedError(N_("The text was changed while you read it. Read it again before you review it."))


def write_text(
    message: Message,
    language: str,
    text: str,
    *,
    by: int,
    wordings: Mapping[str, str] | None = None,
    state: TranslationState = TranslationState.TRANSLATED,
) -> Translation:
    """Put checked words into the message's translation, made from the present source text; its review is void.

    `wordings` of None keeps those that are there. Other words than those that a reviewer returned end the comment.
    """
    translation = queries.find_translation(message, language)
    if translation is None:
        translation = Translation(language=language, wordings={}, back_translation="")
        message.translations.append(translation)
    # First, as it may be read from the database, which takes no half-written text.
    if all(each.member_id != by for each in translation.writers):
        translation.writers.append(TranslationWriter(member_id=by))
    if translation.text != text or wordings not in (None, translation.wordings):
        translation.returned = None
    translation.text = text
    if wordings is not None:
        translation.wordings = dict(wordings)
    translation.source_digest = source_digest(message, translation)
    translation.state = state
    translation.translator_id = by
    translation.reviewer_id = translation.reviewed_at = None
    translation.updated_at = clock.now()
    return translation


def writers_of(translation: Translation) -> set[int]:
    """Return the ids of all members who ever wrote words of a text."""
    found = {each.member_id for each in translation.writers}
    return found if translation.translator_id is None else found | {translation.translator_id}


def put_back(translation: Translation, back_translation: str) -> None:
    """Keep what a text says in the base language, as of the text as it is now."""
    translation.back_translation = clean_text(back_translation)
    translation.back_digest = digest_of(translation.text) if translation.back_translation else None


def source_digest(message: Message, translation: Translation) -> str:
    """Return the digest of what a translation is made from now. Raises BaseLanguageError without a source text."""
    source = translation if translation.language == message.base_language else queries.get_base(message)
    return digest_of_wordings(source.text, source.wordings)


def rewords(message: Message, present: Translation | None, text: str, wordings: Mapping[str, str]) -> bool:
    """Say whether to write these words changes what may be sent: a reviewed text, or any where none is."""
    if present is None or (present.text, present.wordings) == (text, wordings):
        return False
    reviewed = [each for each in message.translations if each.state == TranslationState.REVIEWED]
    return present in reviewed or not reviewed


def add_version(
    session: Session,
    message: Message,
    *,
    by: int,
    origin: Origin = Origin.WRITTEN,
    number: int | None = None,
    is_reworded: bool = True,
) -> MessageVersion:
    """Keep the texts as they are now as the message's next version; the message must be held.

    One that is not `is_reworded` says what the one before said, and is withdrawn if that was.
    """
    before = message.version
    message.version = number or before + 1
    message.updated_at = clock.now()
    session.flush()
    kept = MessageVersion(
        message_id=message.id,
        version=message.version,
        texts={each.language: each.text for each in message.translations},
        wordings={each.language: each.wordings for each in message.translations if each.wordings},
        origin=origin,
        member_id=by,
        made_at=message.updated_at,
    )
    session.add(kept)
    session.flush()
    if not is_reworded:
        keep_withdrawn(session, message, before)
    return kept


def check_text(message: Message, language: str, text: str, *, is_draft: bool = False) -> str:
    """Return a text clean. Raises InputError, BaseLanguageError or PlaceholderError when it cannot be kept.

    Placeholders must be those of the source text; only a draft may still lack some.
    """
    clean = clean_text(text)
    if language == message.base_language:
        if not clean:
            raise BaseLanguageError(
                N_("Write the text in the source language: every translation is made from it.")
            )
        names_in(clean)
        return clean
    if not clean:
        raise InputError(N_("The translation is empty."))
    check_placeholders(queries.get_base(message).text, clean, is_draft=is_draft)
    return clean


def check_wordings(text: str, wordings: Mapping[str, str]) -> dict[str, str]:
    """Return the words of single channels clean, without empty ones and those that say the same as `text`.

    Raises InputError for a channel that is not known, PlaceholderError for placeholders that `text` does not have.
    """
    if unknown := sorted(set(wordings) - set(WORDING_CHANNELS)):
        raise InputError(N_("“%(channel)s” is not a channel."), channel=unknown[0])
    cleaned = {channel: clean_text(wordings.get(channel, "")) for channel in WORDING_CHANNELS}
    kept = {channel: words for channel, words in cleaned.items() if words and words != text}
    known = names_in(text)
    for words in kept.values():
        if extra := sorted(names_in(words) - known):
            raise PlaceholderError(
                N_("The words for one channel have %(names)s, the text for all has not."), names=as_written(extra)
            )
    return kept


def check_placeholders(base: str, text: str, *, is_draft: bool = False) -> None:
    """Raise PlaceholderError when `text` holds a faulty placeholder, or other ones than the source text."""
    wanted, given = names_in(base), names_in(text)
    lacking, extra = sorted(wanted - given), sorted(given - wanted)
    if lacking and not is_draft:
        raise PlaceholderError(
            N_("The source text has %(names)s, the translation has not."), names=as_written(lacking)
        )
    if extra:
        raise PlaceholderError(
            N_("The translation has %(names)s, the source text has not."), names=as_written(extra)
        )


def check_language(code: str) -> None:
    """Raise InputError for a language that is not known."""
    if code not in all_languages():
        raise InputError(N_("“%(code)s” is not a language that messages can be written in."), code=code)


def as_written(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of placeholders as a text has them."""
    return tuple(f"(({name}))" for name in names)
