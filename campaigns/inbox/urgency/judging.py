"""How urgent a message is, by the word lists of all our languages; pure.

The lists only order the queue and tag: nothing is hidden or answered by them. A negation is not read, because a
false alarm is cheap. What nobody can read is never last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from campaigns.core.folding import shortened, with_letters_o, words_of
from campaigns.inbox.models import ReplyKind
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import Reason, load_lists


@dataclass(frozen=True, slots=True)
class Judged:
    """What the lists say of a message."""

    urgency: Urgency
    reasons: tuple[Reason, ...] = ()
    #: Headings that were found.
    tags: frozenset[str] = frozenset()
    #: BCP 47 code of the language of most phrases; None: nobody knows.
    language: str | None = None


def judge(text: str, kind: ReplyKind) -> Judged:
    """Judge a message by its words and by what it asks."""
    words, lists = words_of(text), load_lists()
    plain = lists.plain(words)
    # As they stand, and with letters that were held down once and twice: heeelp, JOOOJI.
    spelled = (plain, *(lists.plain([shortened(with_letters_o(word), to=to) for word in words]) for to in (1, 2)))
    reasons = dict.fromkeys(
        reason
        for number, spelling in enumerate(spelled)
        if spelling not in spelled[:number]
        for reason in lists.within(spelling)
    )
    spoken = Counter(reason.language for reason in reasons).most_common(1)
    return Judged(
        _level(reasons, kind),
        tuple(reasons),
        frozenset(reason.heading for reason in reasons),
        spoken[0][0] if spoken else None,
    )


def _level(reasons: Iterable[Reason], kind: ReplyKind) -> Urgency:
    """Return the level of the most urgent heading; what is on no list is a question."""
    found = max((reason.urgency for reason in reasons), default=Urgency.QUESTION)
    # "Help" alone may be danger: one level up.
    return max(found, Urgency.DAY) if kind is ReplyKind.HELP else found
