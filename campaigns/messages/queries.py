"""Reads on messages and services: what may be sent, how far each translation is, whom a signpost can name."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session, selectinload

from campaigns.core.errors import BaseLanguageError, NotFoundError
from campaigns.core.words import N_
from campaigns.core.written_text import digest_of_wordings
from campaigns.directory.models import Service
from campaigns.directory.queries import (
    facts_of,
    load_confirmed_emergencies,
    load_emergency_numbers,
    load_service_facts,
    select_services,
)
from campaigns.messages.gates import TranslationFacts
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.models import Message, MessageVersion, Translation, TranslationState, TranslationWriter
from campaigns.messages.named import NamedNumbers, kinds_in, nameable
from campaigns.staff.queries import owned


def select_messages(organisation_id: int) -> Select[Message]:
    """Select an organisation's messages with their translations, by theme and title."""
    statement = owned(select(Message), Message, organisation_id).options(selectinload(Message.translations))
    return statement.order_by(Message.theme, Message.title, Message.id)


def load_languages(session: Session, organisation_id: int) -> set[str]:
    """Return the languages in which an organisation's messages have texts."""
    written = owned(select(Translation.language), Message, organisation_id).join(Translation.message)
    return set(session.scalars(written.distinct()))


def load_titles(session: Session, organisation_id: int) -> list[tuple[int, str]]:
    """Return the ids of an organisation's messages with their titles, by theme and title."""
    titled = owned(select(Message.id, Message.title), Message, organisation_id)
    rows = session.execute(titled.order_by(Message.theme, Message.title, Message.id))
    return [(each.id, each.title) for each in rows]


def load_help(session: Session, organisation_id: int, *, fresh_days: int) -> KnownHelp:
    """Read the numbers for help that an organisation's texts may name, of services verified lately."""
    services = load_service_facts(session, organisation_id)
    return KnownHelp(services, load_emergency_numbers(session, organisation_id), fresh_days)


def find_translation(message: Message, language: str) -> Translation | None:
    """Return a message's translation into `language`, or None."""
    return next((each for each in message.translations if each.language == language), None)


def get_translation(message: Message, language: str) -> Translation:
    """Return a message's translation into `language`. Raises NotFoundError when there is none."""
    translation = find_translation(message, language)
    if translation is None:
        raise NotFoundError(N_("This message has no text in this language."))
    return translation


def get_base(message: Message) -> Translation:
    """Return a message's text in its base language. Raises BaseLanguageError when it has none."""
    base = find_translation(message, message.base_language)
    if base is None or not base.text.strip():
        raise BaseLanguageError(
            N_("“%(title)s” has no text in its source language (%(language)s)."),
            title=message.title,
            language=message.base_language,
        )
    return base


def state_of(message: Message, translation: Translation) -> TranslationState:
    """Return how far a translation is trusted now: `stale` when it was not made from the source text as it is."""
    base = find_translation(message, message.base_language)
    if base is None or translation.source_digest != digest_of_wordings(base.text, base.wordings):
        return TranslationState.STALE
    return TranslationState(translation.state)


def current_texts(message: Message) -> dict[str, str]:
    """Return the texts that may be sent, by language: reviewed and not stale. Raises BaseLanguageError."""
    get_base(message)
    return {
        translation.language: translation.text
        for translation in message.translations
        if state_of(message, translation) is TranslationState.REVIEWED
    }


def drafted_texts(message: Message) -> dict[str, str]:
    """Return all texts by language, reviewed or not: what a rehearsal of the example goes out with."""
    return {translation.language: translation.text for translation in message.translations}


def current_text_for(message: Message, language: str) -> tuple[str, str] | None:
    """Return the text that may be sent to who reads `language`, and its own language: theirs, else the base one.

    None: neither may be sent.
    """
    texts = current_texts(message)
    wanted = language if language in texts else message.base_language
    return (texts[wanted], wanted) if wanted in texts else None


def unreviewed_of(message: Message) -> list[str]:
    """Return the languages in which a message has a text that nobody has reviewed yet."""
    return [
        each.language
        for each in order_translations(message)
        if each.text.strip() and state_of(message, each) is TranslationState.TRANSLATED
    ]


def returned_of(message: Message) -> list[str]:
    """Return the languages in which a reviewer returned the text, and nobody has saved it since."""
    return [
        each.language
        for each in order_translations(message)
        if each.returned is not None and each.state == TranslationState.DRAFT
    ]


def select_versions(message: Message) -> Select[MessageVersion]:
    """Select the versions of a message that are kept, the newest first."""
    return (
        select(MessageVersion)
        .where(MessageVersion.message_id == message.id)
        .order_by(MessageVersion.version.desc())
    )


def get_version(session: Session, message: Message, version: int) -> MessageVersion:
    """Return the texts of a message at one version. Raises NotFoundError for one that is not kept."""
    kept = session.get(MessageVersion, (message.id, version))
    if kept is None:
        raise NotFoundError(N_("This version of the message is not kept."))
    return kept


def current_wordings(message: Message, languages: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the other words of single channels, of those of `languages` that have any."""
    found = (find_translation(message, language) for language in languages)
    return {each.language: dict(each.wordings) for each in found if each is not None and each.wordings}


def order_translations(message: Message) -> list[Translation]:
    """Return a message's translations by language code, the base language first."""
    return sorted(message.translations, key=lambda each: (each.language != message.base_language, each.language))


def find_unreviewed(session: Session, organisation_id: int, reader_id: int) -> list[tuple[Message, list[str]]]:
    """Return the messages with texts that `reader_id` may review, each with the languages of these."""
    own = _select_own(reader_id)
    is_others = and_(Translation.translator_id.is_distinct_from(reader_id), Translation.id.not_in(own))
    waiting = Message.translations.any(and_(Translation.state == TranslationState.TRANSLATED, is_others))
    own_ids = set(session.scalars(own))
    found = []
    for message in session.scalars(select_messages(organisation_id).where(waiting)):
        languages = _reviewable_of(message, reader_id, own_ids)
        if languages:
            found.append((message, languages))
    return found


def find_reviewable(session: Session, message: Message, reader_id: int) -> list[str]:
    """Return the languages of a message in which `reader_id` may review the text."""
    of_message = TranslationWriter.translation_id.in_(each.id for each in message.translations)
    return _reviewable_of(message, reader_id, set(session.scalars(_select_own(reader_id).where(of_message))))


def _select_own(reader_id: int) -> Select[int]:
    """Select the ids of the translations of which a member wrote words at any time."""
    return select(TranslationWriter.translation_id).where(TranslationWriter.member_id == reader_id)


def _reviewable_of(message: Message, reader_id: int, own_ids: Collection[int]) -> list[str]:
    return [
        each.language
        for each in order_translations(message)
        if each.translator_id != reader_id
        and each.id not in own_ids
        and state_of(message, each) is TranslationState.TRANSLATED
    ]


def load_translation_facts(message: Message) -> list[TranslationFacts]:
    """Return what the gates need to know of a message's translations, the base language first."""
    return [
        TranslationFacts(
            language=translation.language,
            text=translation.text,
            state=state_of(message, translation),
            translator_id=translation.translator_id,
            reviewer_id=translation.reviewer_id,
        )
        for translation in order_translations(message)
    ]


def load_named(session: Session, organisation_id: int, texts: Iterable[str]) -> NamedNumbers:
    """Return the numbers for help that these texts of an organisation may name, read anew."""
    kinds = kinds_in(texts)
    if not kinds:
        return NamedNumbers({}, {})
    stored = select_services(organisation_id).where(Service.kind.in_(kinds), Service.verified_on.is_not(None))
    services = session.scalars(stored.execution_options(populate_existing=True))
    confirmed = load_confirmed_emergencies(session, organisation_id)
    numbers = {country: row.number for country, row in confirmed.items()}
    return nameable(map(facts_of, services), numbers, kinds)
