"""This counts the languages of an audience that a message speaks, and the people that each gap leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from campaigns.audience.kept.counting import Row
from campaigns.audience.kept.people_questions import PeopleQuestion, ask_people
from campaigns.audience.models import Audience, Channel
from campaigns.audience.rules import UNKNOWN_ZONE, AudienceRule, LeftOut, Resolution, SenderChoice
from campaigns.core import clock
from campaigns.core.small_numbers import size
from campaigns.messages.models import Message, TranslationState
from campaigns.messages.queries import current_texts, find_translation, state_of


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


def ask_coverage(message: Message, audience: Audience, channels: Iterable[Channel]) -> PeopleQuestion:
    """Ask for an audience by the languages of a message.

    People who read a second language that has a text are reached in that one. Raises AudienceRuleError.
    """
    resolution = Resolution(
        senders=tuple(SenderChoice(0, channel) for channel in channels),
        languages=tuple(sorted(_sendable(message))),
        fallback_language=None,
        default_zone=UNKNOWN_ZONE,
        now=clock.now(),
    )
    return ask_people(AudienceRule.from_json(audience.rule), resolution)


def coverage_from(message: Message, rows: Iterable[Row]) -> tuple[LanguageCoverage, ...]:
    """Return an audience by language from the groups of its count; the widest gaps first.

    Counted are those who could be written to at all: who has no address or no consent is no gap of languages.
    """
    reached: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for reason, language, *_alike, count in rows:
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
    """Return the texts that may be sent; without a source text there are none."""
    base = find_translation(message, message.base_language)
    return current_texts(message) if base and base.text.strip() else {}


def _state(message: Message, language: str) -> TranslationState | None:
    translation = find_translation(message, language)
    return state_of(message, translation) if translation else None
