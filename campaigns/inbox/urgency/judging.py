"""Word lists of all our languages say how urgent a message is; pure.

The lists only order the queue and tag: nothing is hidden or answered by them. A negation is not read, because a
false alarm is cheap. What nobody can read is never last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from campaigns.audience.keywords import DISTRESS, language_of
from campaigns.core.folding import shortened, with_letters_joined, with_letters_o, words_of
from campaigns.inbox.models import LONGEST_TEXT, ReplyKind
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import HEADINGS, Reason, load_lists
from campaigns.inbox.urgency.wordless import URGENCY, Sign, sign_of

#: How urgent each reason makes a message.
_LEVELS: dict[str, Urgency] = HEADINGS | {str(sign): level for sign, level in URGENCY.items()}
#: Words of a message that are read; one letter may stand for several words.
_MOST_WORDS = 4_000


@dataclass(frozen=True, slots=True)
class Judged:
    """What the lists say of a message."""

    urgency: Urgency
    reasons: tuple[Reason, ...] = ()
    #: Headings that were found.
    tags: frozenset[str] = frozenset()
    #: BCP 47 code of the language of most phrases; None: nobody knows.
    language: str | None = None
    #: That of a keyword which people of all languages send; it counts where nothing else is known.
    supposed: str | None = None


def judge(text: str, kind: ReplyKind) -> Judged:
    """Judge a message by its words and by what it asks; one without a text is a voice note or a picture."""
    text = text[:LONGEST_TEXT]
    words = words_of(text)[:_MOST_WORDS]
    found = _found(words)
    if DISTRESS in text:
        found.append(Reason("urgent_now", phrase=DISTRESS))
    sign = Sign.ASKS_FOR_HELP if kind is ReplyKind.HELP else None if found else sign_of(text, words)
    if sign is not None:
        found.append(Reason(sign))
    reasons = tuple(dict.fromkeys(found))
    spoken = Counter(reason.language for reason in reasons if reason.language).most_common(1)
    is_asked = not spoken and kind is not ReplyKind.TEXT
    return Judged(
        max((_LEVELS[reason.heading] for reason in reasons), default=Urgency.QUESTION),
        reasons,
        frozenset(reason.heading for reason in reasons),
        spoken[0][0] if spoken else language_of(text, with_keywords=False) if is_asked else None,
        language_of(text) if is_asked else None,
    )


def level_of(headings: Iterable[str]) -> Urgency:
    """Return how urgent a conversation is by the headings of its reasons.

    What stands in no list, and is no sign, let it wait again: that is of a day.
    """
    return max((_LEVELS.get(each, Urgency.DAY) for each in headings), default=Urgency.QUESTION)


def _found(words: list[str]) -> list[Reason]:
    """Return what is found in words as they stand, spaced out (S.O.S.), or with letters held down: heeelp."""
    lists = load_lists()
    spelled = [lists.plain(words)]
    if (joined := with_letters_joined(words)) != words:
        spelled.append(lists.plain(joined))
    for to in (1, 2):
        short = lists.plain([shortened(with_letters_o(word), to=to) for word in words])
        if short not in spelled:
            spelled.append(short)
    return [reason for spelling in spelled for reason in lists.within(spelling)]
