"""Reads what the composer shows beside a text: measures, terms, what changed in the base, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.core.written_text import digest_of, digest_of_wordings
from campaigns.messages import queries
from campaigns.messages.composer.measure import Measured, measure_text
from campaigns.messages.glossary.service import load_terms
from campaigns.messages.library.service import Lineage, find_lineage
from campaigns.messages.models import Message, Translation, TranslationState, Withdrawal
from campaigns.messages.queries import load_help
from campaigns.messages.text.diff import Stretch
from campaigns.messages.translations.service import writers_of
from campaigns.messages.translations.versions import base_changes
from campaigns.messages.translations.withdrawals import find_withdrawal
from campaigns.messages.translations.withdrawn_copies import StillSaid, find_still_said
from campaigns.staff import queries as staff_queries


@dataclass(frozen=True, slots=True)
class Desk:
    """One language of a message, as somebody writes or reviews it."""

    message: Message
    language: str
    #: None: this language is not written yet.
    translation: Translation | None
    #: None for the base language itself.
    base: Translation | None
    #: Digest of what is read, by which a review says what it is of.
    seen: str
    #: The source text with its changes since the translation was made; empty when it is current.
    since: tuple[Stretch, ...]
    #: The back-translation is of an older text.
    is_back_old: bool
    lineage: Lineage | None
    #: When and why the present version was withdrawn; None: it stands.
    withdrawal: Withdrawal | None
    #: What it says in some languages as a version did that was withdrawn; None: nothing.
    still_said: StillSaid | None
    #: Ids of the members who wrote words of it at any time: none of them reviews it.
    writers: set[int]
    #: Names of members by id.
    names: dict[int, str]


def lay_out(session: Session, message: Message, language: str) -> Desk:
    """Return the desk of one language."""
    translation = queries.find_translation(message, language)
    texts = {each.language: each.text for each in message.translations}
    stale = translation is not None and queries.state_of(message, translation) is TranslationState.STALE
    people = [translation.translator_id, translation.reviewer_id] if translation else []
    if translation and translation.returned:
        people.append(translation.returned.member_id)
    return Desk(
        message=message,
        language=language,
        translation=translation,
        base=None
        if language == message.base_language
        else queries.find_translation(message, message.base_language),
        seen=digest_of_wordings(translation.text, translation.wordings) if translation else "",
        since=base_changes(session, message, translation) if translation and stale else (),
        is_back_old=bool(
            translation and translation.back_digest and translation.back_digest != digest_of(translation.text)
        ),
        lineage=find_lineage(session, message),
        withdrawal=find_withdrawal(session, message.id, message.version),
        still_said=find_still_said(session, message.id, texts),
        writers=writers_of(translation) if translation else set(),
        names=staff_queries.load_member_names(session, people),
    )


def measure(
    session: Session,
    organisation_id: int,
    text: str,
    *,
    language: str,
    at: datetime,
    fresh_days: int,
    pages: str,
    message: Message | None = None,
) -> Measured:
    """Measure a text that is being written; with its message, against the source text and the glossary too.

    `pages` is what addresses of our own pages begin with.
    """
    base, terms = "", []
    source = queries.find_translation(message, message.base_language) if message else None
    if source is not None and language != source.language:
        base = source.text
        terms = load_terms(session, organisation_id, source_language=source.language, language=language)
    known = load_help(session, organisation_id, fresh_days=fresh_days)
    return measure_text(text, language=language, known=known, at=at, base=base, terms=terms, pages=pages)
