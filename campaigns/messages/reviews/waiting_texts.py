"""A reviewer reads on one page every text that waits for them, as it arrives and beside its source."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.core.errors import PlaceholderError
from campaigns.core.written_text import digest_of_wordings
from campaigns.messages.composer.preview import Preview, example_values, preview_text
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.models import Message, Translation
from campaigns.messages.queries import find_translation, find_unreviewed, get_translation, load_help
from campaigns.messages.text.placeholders import names_in
from campaigns.messages.text.plain_language import TYPED, Hint, find_hints

#: Most texts on one page; the next ones follow as these are decided.
MOST_TEXTS = 20


@dataclass(frozen=True, slots=True)
class WaitingText:
    """A text as its reviewer reads it."""

    message: Message
    translation: Translation
    #: None: it is the source text itself.
    base: Translation | None
    preview: Preview
    #: What was typed by hand and nothing corrects later, in its text and in those for single channels.
    typed: tuple[Hint, ...]
    #: Digest of what is read, by which a review says what it is of.
    seen: str


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """The texts of one page, and what else there is."""

    texts: list[WaitingText]
    #: All languages in which texts wait for this member.
    languages: list[str]
    #: Texts that follow when these are decided.
    more: int


def load_waiting(
    session: Session,
    organisation_id: int,
    reader_id: int,
    *,
    message_id: int | None,
    languages: Collection[str],
    at: datetime,
    fresh_days: int,
) -> WaitingPage:
    """Return the texts that `reader_id` may review, of one message or all, in `languages` or in any (empty)."""
    found = find_unreviewed(session, organisation_id, reader_id)
    wanted = [
        (message, language)
        for message, waiting in found
        for language in waiting
        if message_id in (None, message.id) and (not languages or language in languages)
    ]
    known = load_help(session, organisation_id, fresh_days=fresh_days)
    texts = [_read(*each, known, at) for each in wanted[:MOST_TEXTS]]
    every = sorted({language for _message, waiting in found for language in waiting})
    return WaitingPage(texts, every, max(0, len(wanted) - MOST_TEXTS))


def _read(message: Message, language: str, known: KnownHelp, at: datetime) -> WaitingText:
    translation = get_translation(message, language)
    is_base = language == message.base_language
    try:
        values = example_values(names_in(translation.text), known, at, language=language)
    except PlaceholderError:
        values = {}
    return WaitingText(
        message,
        translation,
        None if is_base else find_translation(message, message.base_language),
        preview_text(translation.text, values),
        _typed_in(translation),
        digest_of_wordings(translation.text, translation.wordings),
    )


def _typed_in(translation: Translation) -> tuple[Hint, ...]:
    hints = (hint for text in (translation.text, *translation.wordings.values()) for hint in find_hints(text))
    typed = {hint.sentence: hint for hint in hints if hint.kind in TYPED}
    return tuple(typed.values())
