"""This counts the languages of an audience that a message speaks, and the people that each gap leaves out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Audience, Channel
from campaigns.audience.queries import used_channels
from campaigns.audience.rules import AudienceRule, LeftOut, Resolution, SenderChoice, select_resolved
from campaigns.core.small_numbers import size
from campaigns.messages.models import Message, TranslationState
from campaigns.messages.queries import current_texts, find_translation, state_of
from campaigns.staff.models import Organisation


@dataclass(frozen=True, slots=True)
class LanguageCoverage:
    """One language of the audience."""

    language: str
    #: None: the message has no text in it.
    state: TranslationState | None
    #: People who get their text in this language.
    reached: int
    #: People who read this language first and none that has a reviewed text.
    left_out: int


def count_coverage(
    session: Session, message: Message, audience: Audience, *, now: datetime
) -> tuple[LanguageCoverage, ...]:
    """Count an audience by language, in one grouped query; the widest gaps first.

    People who read a second language that has a text are reached in that one. Counted are those who could be
    written to at all: who has no address or no consent is no gap of languages.
    """
    organisation = session.get_one(Organisation, audience.organisation_id)
    channels = used_channels(session, organisation.id) or [Channel.SMS]
    resolution = Resolution(
        senders=tuple(SenderChoice(0, channel) for channel in channels),
        languages=tuple(sorted(_sendable(message))),
        fallback_language=None,
        default_zone=organisation.time_zone,
        now=now,
    )
    people = select_resolved(AudienceRule.from_json(audience.rule), organisation.id, resolution).subquery()
    columns = (people.c.language, people.c.reason)
    reached: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for language, reason, count in session.execute(select(*columns, func.count()).group_by(*columns)):
        if reason is None:
            reached[language] += count
        elif reason == LeftOut.NO_TRANSLATION:
            left_out[language] += count
    languages = sorted(
        reached.keys() | left_out.keys(), key=lambda code: (-size(left_out[code]), -size(reached[code]), code)
    )
    return tuple(
        LanguageCoverage(code, _state(message, code), reached[code], left_out[code]) for code in languages
    )


def _sendable(message: Message) -> dict[str, str]:
    """Return the texts that may be sent; without a base text there are none."""
    base = find_translation(message, message.base_language)
    return current_texts(message) if base and base.text.strip() else {}


def _state(message: Message, language: str) -> TranslationState | None:
    translation = find_translation(message, language)
    return state_of(message, translation) if translation else None
